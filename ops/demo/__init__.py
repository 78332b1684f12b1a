"""`aeon-jobs demo`: a whole system on this machine, some 230 real jobs, and every outcome checked.

    run                the story from the first server to the exit code
    stage              the temporary directory, the servers, the settings of the programs
    mail_server        a real SMTP server that writes .eml files, and refuses some mail
    webhook_receiver   a real HTTP server that verifies signatures, and fails some deliveries
    weather, workload  the data; what is submitted, and how each of it must end
    performance        submits, repeats, cancels, waits
    submission         the three ways in: actor.send, HTTP, SQL
    board              the table to watch
    evidence, verdict  what is found afterwards, and whether it is right
    patience           the one deadline of it all

May import everything but `api`: the demo is a client of that.
"""
