"""What somebody is to be told of."""

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, Integer, Table, Text

from pioche.db.schema.columns import Id, metadata

# A row for each thread and each user who is told of it, however much happens in it.
notifications = Table(
    "notifications",
    metadata,
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    Column("repo_id", Id, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("reason", Text, nullable=False),  # mention | participating | watching
    Column("status", Text, nullable=False),  # unread | read | done
    Column("actor_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),  # who did the last
    Column("kind", Text, nullable=False),  # of the last event
    Column("event_id", Id, nullable=False),  # the last event, so that one that is told twice counts once
    Column("at", BigInteger, nullable=False),
    ForeignKeyConstraint(["repo_id", "number"], ["discussions.repo_id", "discussions.number"], ondelete="CASCADE"),
    Index(None, "user_id", "status", "at"),
    Index(None, "repo_id", "number"),
    Index(None, "actor_id"),
    sqlite_with_rowid=False,
)

# What somebody does not want to be told of: by why they would be, and by what happened.
notification_refusals = Table(
    "notification_refusals",
    metadata,
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    Column("reason", Text, primary_key=True),  # mention | participating | watching
    Column("kind", Text, primary_key=True),  # of the event, as in `notifications`
    sqlite_with_rowid=False,
)
