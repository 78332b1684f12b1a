"""Queries that change nothing: lists, statistics, explanations. May import `queue` and `core`."""
