"""The checks: one module per subject, one function per check. A check takes the context and returns a finding."""
