-- Not for the statements that every job needs, which set it themselves: a call for each row is a twentieth of their time.
CREATE OR REPLACE TRIGGER jobs_updated_at BEFORE UPDATE ON jobs FOR EACH ROW
WHEN (NEW.updated_at <= OLD.updated_at
      AND (OLD.lease_expires_at IS NOT DISTINCT FROM NEW.lease_expires_at OR OLD.status <> NEW.status))
EXECUTE FUNCTION update_updated_at();
