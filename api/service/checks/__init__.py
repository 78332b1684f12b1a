"""What is wrong, and what to do: checks that need the verbs of `api.contract` alone. `aeon-jobs doctor` has more."""
