-- Give a waiting step its signal; whether it is the first. It may come before the step is reached.
CREATE OR REPLACE FUNCTION signal_step(in_job_id uuid, in_payload jsonb, in_by text) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    blocks integer;
BEGIN
    -- The job before its hold, as everywhere.
    SELECT blocked_by INTO blocks FROM jobs WHERE id = in_job_id AND status = 'pending' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE workflow_holds SET signal = in_payload, signalled_at = now(), signalled_by = in_by
    WHERE job_id = in_job_id AND kind = 'signal' AND signalled_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF blocks = 1 THEN
        PERFORM decide_hold(in_job_id);
    END IF;
    RETURN true;
END
$$;
