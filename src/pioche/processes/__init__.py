"""The processes of a running hub: a supervisor and its children, which do all the work.

    supervisor   starts the children, restarts each alone, ends them all; holds the data folder and the port
    table        which processes there are
    web          answers requests (as many of them as the setting `workers` says)
    jobs         runs jobs and delivers events
    ssh          git over SSH, where the setting `ssh_port` asks for it
    search       the index: answers what the web processes look for
    inference    starts and ends workers of models, where the setting `inference` is not off
    child        how a child comes to be, and what it does first: it dies with its supervisor
    draining     how a web process stops without losing a connection
    lock         one hub a data folder
    listening    one hub a port

A child is a fork of the supervisor, which has loaded the code and has one thread (docs/decisions/0024-forks.md). `ps` shows it
as `pioche.processes NAME SUPERVISOR_PID`. Children share nothing but the database and the files; any of them may be killed
at any time.
"""
