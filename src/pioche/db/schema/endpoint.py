"""Endpoints: stable addresses over deployments of models, with what happened to them and how they did."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from pioche.db.schema.columns import Id, metadata


def _deployment_key() -> Column[int]:
    return Column(
        "deployment_id", Id, ForeignKey("deployments.id", ondelete="CASCADE"), nullable=False, primary_key=True
    )


endpoints = Table(
    "endpoints",
    metadata,
    Column("id", Id, primary_key=True),
    Column("owner_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("creator_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("name", Text, nullable=False),  # lower case
    Column("audience", Text, nullable=False),  # public | authenticated | private
    Column("wanted", Text, nullable=False),  # running | paused | scaledToZero
    Column("min_replicas", Integer, nullable=False),
    Column("max_replicas", Integer, nullable=False),
    Column("idle_minutes", Integer),  # until it is scaled to zero; null: as models that are not deployed
    Column("load", Float),  # requests at once that a replica is for; null: the hub's own figure
    Column("described", Text, nullable=False),  # JSON: what clients said of hardware, kept to be given back
    Column("rollout", Text),  # JSON: the one that goes on
    Column("outcome", Text, nullable=False),  # why the last one was taken back; empty: it was not
    Column("version", Integer, nullable=False),  # another one after each change
    Column("placed", Integer, nullable=False),  # another one whenever a row of deployment_places changes
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("owner_id", "name"),
    Index(None, "creator_id"),
    sqlite_autoincrement=True,
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("endpoint_id", Id, ForeignKey("endpoints.id", ondelete="CASCADE"), nullable=False),
    Column("creator_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),  # whose rights it has
    Column("name", Text, nullable=False),
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="SET NULL")),
    Column("repo", Text, nullable=False),  # what it was called, and the revision that was asked for
    Column("revision", Text, nullable=False),
    Column("commit", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("weight", Float, nullable=False),  # percent of the requests
    Column("mirror", Float, nullable=False),  # percent of the requests that it answers too, for nobody
    Column("external", Text),  # JSON of the server outside that answers, with its token sealed (keys.lock)
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("endpoint_id", "name"),
    Index(None, "repo_id"),
    Index(None, "creator_id"),
    sqlite_autoincrement=True,
)

# How a deployment is on each node that serves models, written by its controller of inference.
deployment_places = Table(
    "deployment_places",
    metadata,
    _deployment_key(),
    Column("node", Text, primary_key=True),
    Column("state", Text, nullable=False),  # starting | ready | failed | closed
    Column("replicas", Integer, nullable=False),  # that are ready, numbered from 0
    Column("reason", Text, nullable=False),  # of what failed or is closed
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What a deployment did in each minute, as one process counted it.
deployment_minutes = Table(
    "deployment_minutes",
    metadata,
    _deployment_key(),
    Column("minute", Integer, primary_key=True),  # since 1970-01-01
    Column("writer", Text, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("latencies", Text, nullable=False),  # JSON array: how many answers took how long (`endpoints.tallies`)
    Column("replicas", Integer, nullable=False),  # most at once; of controllers of inference, as the next
    Column("memory_bytes", BigInteger, nullable=False),
    Index(None, "minute"),
    sqlite_with_rowid=False,
)

endpoint_events = Table(
    "endpoint_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("endpoint_id", Id, ForeignKey("endpoints.id", ondelete="CASCADE"), nullable=False),
    Column("actor_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),  # null: the hub
    Column("kind", Text, nullable=False),
    Column("deployment", Text, nullable=False),  # its name; empty: the endpoint
    Column("detail", Text, nullable=False),  # in words, or a number
    Column("at", BigInteger, nullable=False),
    Index(None, "endpoint_id", "id"),
    Index(None, "actor_id"),
    sqlite_autoincrement=True,
)
