"""What is between Redis and a handler.

    transport    the broker, its consumers, and the messages in Redis
    dispatch     the dispatcher, its background tasks, and the role that a worker takes when there is no dispatcher
    execution    one middleware per file, and what they share
    stack        the ordered list of middleware, with a reason beside each position

May import `persistence`; never `actors`, `api` or `ops`.
"""
