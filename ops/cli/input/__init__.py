"""What people type: payloads, times, durations, key=value; and the questions that a command asks."""
