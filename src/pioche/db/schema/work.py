"""What happened and who has seen it, work to do, and what only one may do at a time."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text

from pioche.db.schema.columns import Id, metadata

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("repo_id", Id),  # no foreign key: the event of a deletion outlives the repo
    Column("actor_id", Id),
    Column("payload", Text, nullable=False),  # JSON
    Column("at", BigInteger, nullable=False),
    Column("txid", BigInteger, nullable=False, default=0),  # PostgreSQL: the transaction, for the commit horizon
    Index(None, "txid", "id"),
    sqlite_autoincrement=True,
)

event_cursors = Table(
    "event_cursors",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("txid", BigInteger, nullable=False),  # with event_id: the last event handled
    Column("event_id", Id, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),  # one waiting job of a kind and key at a time
    Column("payload", Text, nullable=False),  # JSON
    Column("state", Text, nullable=False),  # waiting | running | failed; done jobs are removed
    Column("attempts", Integer, nullable=False, default=0),
    Column("run_at", BigInteger, nullable=False),
    Column("leased_until", BigInteger),
    Column("error", Text),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "state", "run_at"),
    Index(
        "uq_jobs_waiting",
        "kind",
        "key",
        unique=True,
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    sqlite_autoincrement=True,
)

# What only one process at a time may do: collecting, backing up, moving the storage (jobs/leases.py).
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),  # random; who proves to hold it
    Column("what", Text, nullable=False),  # for people: "backup on host (pid 12)"
    Column("until", BigInteger, nullable=False),
)
