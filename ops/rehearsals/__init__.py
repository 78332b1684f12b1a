"""Rehearsals of operations, `make rehearse-…`: each does its own set-up, prints what it checks, and leaves nothing behind."""
