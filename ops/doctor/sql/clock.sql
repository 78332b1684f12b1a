SELECT extract(epoch FROM clock_timestamp())::float AS now_s
