"""Backup and restore of our tables, with PostgreSQL's own pg_dump and pg_restore.

1. `programs` finds those that fit the server; `libpq` gives them the address, and the password in their environment alone.
2. `dump`: the rows of our tables as one moment saw them, in pg_dump's custom format. The migrations make the tables.
3. `restore`: the tables of that version, the rows in one transaction, what was in motion set right, newer migrations.
"""
