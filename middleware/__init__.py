"""What stands between Redis and a handler: the broker, the dispatcher's role, and one middleware per file.

May import `persistence`; never `actors`, `api` or `ops`. `stack` holds the ordered list, with a why beside each position.
"""
