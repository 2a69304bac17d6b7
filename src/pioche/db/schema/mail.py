"""Where people can be written to, and what they want to be written of."""

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, Integer, Table, Text

from pioche.db.schema.columns import Id, metadata


def _user_key() -> Column[int]:
    return Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, primary_key=True)


# An address that somebody proved to read, or is asked to. It counts as long as it is the address of their account.
mail_addresses = Table(
    "mail_addresses",
    metadata,
    _user_key(),
    Column("address", Text, nullable=False),
    Column("verified_at", BigInteger),
    Column("asked", Text),  # the address that the last link is for
    Column("hash", Text, unique=True),  # sha256 of what that link holds; null: it was used
    Column("expires_at", BigInteger),
    sqlite_with_rowid=False,
)

# How often somebody is written of notifications; without a row, at once.
mail_choices = Table(
    "mail_choices",
    metadata,
    _user_key(),
    Column("frequency", Text, nullable=False),  # immediate | daily | off
    Column("unsubscribe", Text, nullable=False, unique=True),  # what links to end them hold: it stands in every letter
    sqlite_with_rowid=False,
)

# What somebody does not want to be written of; as `notification_refusals`.
mail_refusals = Table(
    "mail_refusals",
    metadata,
    _user_key(),
    Column("reason", Text, primary_key=True),  # mention | participating | watching
    Column("kind", Text, primary_key=True),  # of the event
    sqlite_with_rowid=False,
)

# What somebody is still to be written of.
mail_waiting = Table(
    "mail_waiting",
    metadata,
    _user_key(),
    Column("repo_id", Id, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("event_id", Id, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("comment", Text, nullable=False, default=""),  # its uid, where the event is one
    Column("at", BigInteger, nullable=False),
    ForeignKeyConstraint(["repo_id", "number"], ["discussions.repo_id", "discussions.number"], ondelete="CASCADE"),
    Index(None, "repo_id", "number"),
    Index(None, "actor_id"),
    sqlite_with_rowid=False,
)

# How often the owners of a gated repo are written of requests; without a row, at once.
gate_mails = Table(
    "gate_mails",
    metadata,
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    Column("frequency", Text, nullable=False),  # immediate | daily | off
    sqlite_with_rowid=False,
)
