"""`aeon-jobs demo`: a whole system on this machine, about 230 real jobs, and a check of every outcome.

    run                from the first server to the exit code
    system             the temporary directory, the servers, the settings of the programs
    mail_server        a real SMTP server that writes .eml files, and refuses some mail
    webhook_receiver   a real HTTP server that verifies signatures, and fails some deliveries
    weather, workload  the data; what is submitted, and how each job must end
    scenario           submits, repeats, cancels, waits
    submission         the three ways to submit: actor.send, HTTP, SQL
    progress           the table of jobs while they run
    results, checks    what the jobs left behind, and whether it is right
    deadline           the time limit of the whole demo

May import everything but `api`: the demo is a client of the API.
"""
