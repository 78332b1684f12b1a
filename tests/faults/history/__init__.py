"""Random failures against whole systems: real servers and processes, a mixed workload, and a checker.

    workload   what is submitted and cancelled, and when          handlers  the job types
    faults     what fails, and when                               effects   a log of what handlers did, outside of both servers
    cluster    the servers, the processes, and their network
    run        one seed: start, submit, inject faults, repair, collect, check
    record     everything that was observed, as plain data        audit     a trigger that stores every change of a job
    checker    finds the violations in a record

The seed decides the workload and the faults. `python -m tests.faults.history --seed N` repeats them.
"""
