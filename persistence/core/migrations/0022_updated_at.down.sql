CREATE OR REPLACE TRIGGER jobs_updated_at BEFORE UPDATE ON jobs FOR EACH ROW
WHEN (OLD.lease_expires_at IS NOT DISTINCT FROM NEW.lease_expires_at OR OLD.status <> NEW.status)
EXECUTE FUNCTION update_updated_at();
