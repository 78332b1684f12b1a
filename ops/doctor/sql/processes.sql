-- Every process that is not known to have ended, with the seconds since it was heard of.
SELECT id, kind, state, hostname, threads, extract(epoch FROM now() - last_seen_at)::float AS silent_s
FROM workers WHERE state <> 'stopped' ORDER BY kind, id
