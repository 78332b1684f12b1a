"""What runs the system: the command line, one module per process, and everything for one machine alone.

    entry_point  `aeon-jobs` and `python -m aeon_jobs`; `extras` says what to install for a command
    cli          the commands
    dispatcher, scheduler, worker    a process each
    up           everything here: `embedded` servers, `programs` as data, `supervisor` over one `child` each,
                 `restart` (when), `lines` (their output on one terminal), `api_port` (where)
    embedded     real PostgreSQL and Redis that live and die with us

May import everything.
"""
