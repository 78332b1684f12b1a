-- null: the limits of the code hold again.
UPDATE job_types SET limits_override = CAST(:limits AS jsonb), updated_at = now() WHERE name = :name
