"""The state machine of jobs: one module per noun, one function per verb. May import `core`."""
