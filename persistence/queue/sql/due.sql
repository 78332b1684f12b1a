SELECT * FROM find_work(:silence_ms, :age_ms)
