SELECT * FROM live_lanes(:silence_ms)
