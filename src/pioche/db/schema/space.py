"""Apps of Spaces: what is wanted of them, what they are, and what they are given."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from pioche.db.schema.columns import metadata, repo_key

apps = Table(
    "apps",
    metadata,
    repo_key(),
    # What is wanted: written by requests.
    Column("wanted", Text, nullable=False),  # running | paused
    Column("hardware", Text, nullable=False),  # name of a flavour; empty: the hub's first
    Column("sleep_seconds", Integer),  # idle until it sleeps; -1: never; null: the hub's own figure
    Column("dev_mode", Boolean, nullable=False),
    Column("volumes", Text, nullable=False),  # JSON: what of this hub is mounted where
    Column("restarts", Integer, nullable=False),  # one more: to be started again
    Column("rebuilds", Integer, nullable=False),  # one more: to be built without what was kept
    # What it is: written by the controller.
    Column("stage", Text, nullable=False),
    Column("reason", Text, nullable=False),  # in words, where the stage is a failure
    Column("commit", Text),  # that answers
    Column("running_hardware", Text, nullable=False),
    Column("active_at", BigInteger, nullable=False),  # last asked
    Column("staged_at", BigInteger, nullable=False),  # since when it is in this stage
    Index(None, "stage"),
)

app_values = Table(
    "app_values",
    metadata,
    repo_key(),
    Column("name", Text, primary_key=True),
    Column("is_secret", Boolean, nullable=False),
    Column("value", Text, nullable=False),  # of secrets encrypted (keys.lock)
    Column("description", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
