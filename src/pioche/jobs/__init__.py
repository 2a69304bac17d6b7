"""What is done after a change: work in rows of the database, and events for those who want to know.

    queue    jobs: put in by the transaction of the change, leased, retried, idempotent
    worker   runs them, by one declared table of job kinds
    outbox   events: appended by the transaction of the change, delivered in order, at least once

Nothing here knows what the jobs and consumers do: `pioche.app` hands the tables in.
"""
