"""One module per noun: the commands about jobs, dead letters, schedules, queues, workers, keys, migrations, processes."""
