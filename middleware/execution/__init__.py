"""From a message to a recorded outcome: claim, deadline, handler, retry, record."""
