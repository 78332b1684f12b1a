-- A plan that is forbidden what it must use all the same looks endlessly expensive, and PostgreSQL would compile it, for seconds.
ALTER FUNCTION get_ready_jobs(integer) SET jit = off;
ALTER FUNCTION ready_pairs() SET jit = off;
ALTER FUNCTION jobs_release_dependents() SET jit = off;
