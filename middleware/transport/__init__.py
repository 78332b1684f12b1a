"""The broker and its consumers: how a message gets from Redis to a thread."""
