"""The proof that nothing is lost: real servers and processes, a mixed workload, random faults, and a judge.

    workload   what is submitted and cancelled, and when          handlers  the job types
    faults     what breaks, and when                              effects   a log outside both stores of what really ran
    cluster       the servers, the processes and the network between them
    run        one seed: build, work, break, mend, collect
    record     everything that was seen, as plain data            audit     every change of a row, noted by a trigger
    checker    decides from the record alone whether every promise was kept

Workload and faults follow from the seed alone: `python -m tests.faults.history --seed N` replays one.
"""
