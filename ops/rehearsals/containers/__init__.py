"""`make rehearse-containers`: the image and compose.yaml, built and run by a Docker of its own.

    report      each step as a line, with its time
    tools       what apt installs when it is not there
    engine      a dockerd with its data in a temporary directory
    images      a base from Debian, stand-ins for images of registries, and our image: this commit's, and the one before
                the newest migration
    deployment  the directory that an operator has: compose.yaml, .env, secrets; and the platform beside it
    load        jobs without a pause, by plain INSERT, and their count
    run         the rehearsal itself, step by step

It needs Debian and root.
"""
