-- Wait for those who add jobs, and keep others from beginning to.
SELECT id FROM workflows WHERE id = :id FOR UPDATE
