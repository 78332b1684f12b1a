-- A step that nothing blocks any more but its hold: run it, skip it, cancel it, complete it, or have it wait for its signal or its
-- time. The job's row is locked by the caller. What was decided is not decided again.
CREATE OR REPLACE FUNCTION decide_hold(in_job_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    hold workflow_holds;
    met record;
    arguments jsonb := '{}';
BEGIN
    SELECT * INTO hold FROM workflow_holds WHERE job_id = in_job_id AND decided_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Steps that end without running end those after them, trigger in trigger. Before the stack is full, a dispatcher goes on.
    IF pg_trigger_depth() > 60 THEN
        UPDATE workflow_holds SET due_at = now() WHERE job_id = in_job_id;
        RETURN;
    END IF;
    IF hold.opened_at IS NULL THEN
        SELECT c.action, concat_ws(' ', concat_ws('.', c.step, nullif(c.path, '')), c.operator, c.value) AS text INTO met
        FROM ROWS FROM (
            jsonb_to_recordset(hold.conditions) AS (action text, step text, path text, operator text, value jsonb)
        ) WITH ORDINALITY AS c (action, step, path, operator, value, place)
        JOIN jobs me ON me.id = in_job_id
        JOIN jobs parent ON parent.workflow_id = me.workflow_id AND parent.step_name = c.step
        CROSS JOIN LATERAL (SELECT CASE WHEN coalesce(c.path, '') = '' THEN parent.result
            ELSE parent.result #> string_to_array(c.path, '.') END AS found) AS f
        WHERE CASE c.operator
            WHEN '==' THEN f.found = coalesce(c.value, 'null')
            WHEN '!=' THEN f.found IS DISTINCT FROM coalesce(c.value, 'null')
            WHEN 'in' THEN f.found IS NOT NULL AND c.value @> jsonb_build_array(f.found)
            WHEN 'exists' THEN f.found IS NOT NULL
            WHEN 'missing' THEN f.found IS NULL
            -- A number and a text have no order between them.
            ELSE jsonb_typeof(f.found) = jsonb_typeof(c.value) AND CASE c.operator
                WHEN '<' THEN f.found < c.value
                WHEN '<=' THEN f.found <= c.value
                WHEN '>' THEN f.found > c.value
                WHEN '>=' THEN f.found >= c.value
            END
        END
        ORDER BY c.place LIMIT 1;
        IF met.action = 'skip' THEN
            UPDATE workflow_holds SET decided_at = now(), due_at = NULL WHERE job_id = in_job_id;
            UPDATE jobs SET status = 'completed', completed_at = now(), blocked_by = 0,
                result = jsonb_build_object('skipped', met.text)
            WHERE id = in_job_id AND status = 'pending';
            RETURN;
        ELSIF met.action = 'cancel' THEN
            UPDATE workflow_holds SET decided_at = now(), due_at = NULL WHERE job_id = in_job_id;
            UPDATE jobs SET status = 'cancelled', completed_at = now(), cancel_requested_at = now(), cancel_reason = met.text
            WHERE id = in_job_id AND status = 'pending';
            RETURN;
        END IF;
    END IF;
    IF hold.kind = 'run' THEN
        IF hold.results <> '{}' THEN
            -- A step that did not complete has no result: its argument is left out, or missing in the list.
            SELECT coalesce(jsonb_object_agg(a.name, CASE WHEN jsonb_typeof(a.steps) = 'array' THEN coalesce(found.results, '[]')
                ELSE found.results -> 0 END) FILTER (WHERE jsonb_typeof(a.steps) = 'array' OR found.results IS NOT NULL), '{}')
            INTO arguments
            FROM jobs me CROSS JOIN jsonb_each(hold.results) AS a (name, steps) CROSS JOIN LATERAL (
                SELECT jsonb_agg(coalesce(parent.result, 'null') ORDER BY s.place) AS results
                FROM jsonb_array_elements_text(CASE jsonb_typeof(a.steps) WHEN 'array' THEN a.steps ELSE jsonb_build_array(a.steps) END)
                    WITH ORDINALITY AS s (step, place)
                JOIN jobs parent ON parent.workflow_id = me.workflow_id AND parent.step_name = s.step AND parent.status::text = 'completed'
            ) AS found
            WHERE me.id = in_job_id;
        END IF;
        UPDATE workflow_holds SET decided_at = now(), opened_at = now(), due_at = NULL WHERE job_id = in_job_id;
        UPDATE jobs SET blocked_by = 0, payload = payload || arguments,
            scheduled_at = CASE WHEN hold.wait_ms IS NULL THEN scheduled_at
                ELSE greatest(scheduled_at, clock_timestamp() + hold.wait_ms * interval '1 millisecond') END
        WHERE id = in_job_id AND status = 'pending' AND blocked_by = 1;
    ELSIF hold.kind = 'signal' AND hold.signalled_at IS NOT NULL
          OR hold.kind = 'timer' AND (hold.wait_ms = 0 OR hold.opened_at IS NOT NULL AND hold.due_at <= clock_timestamp()) THEN
        UPDATE workflow_holds SET decided_at = now(), due_at = NULL WHERE job_id = in_job_id;
        UPDATE jobs SET status = 'completed', completed_at = now(), blocked_by = 0, result = hold.signal
        WHERE id = in_job_id AND status = 'pending';
    ELSIF hold.opened_at IS NULL THEN
        UPDATE workflow_holds SET opened_at = now(), due_at = clock_timestamp() + hold.wait_ms * interval '1 millisecond'
        WHERE job_id = in_job_id;
    ELSIF hold.kind = 'signal' AND hold.due_at <= clock_timestamp() THEN
        UPDATE workflow_holds SET decided_at = now(), due_at = NULL WHERE job_id = in_job_id;
        UPDATE jobs SET status = 'cancelled', completed_at = now(), cancel_requested_at = now(),
            cancel_reason = 'no signal came in time'
        WHERE id = in_job_id AND status = 'pending';
    END IF;
END
$$;
