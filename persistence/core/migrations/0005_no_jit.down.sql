ALTER FUNCTION get_ready_jobs(integer) RESET jit;
ALTER FUNCTION ready_pairs() RESET jit;
ALTER FUNCTION jobs_release_dependents() RESET jit;
