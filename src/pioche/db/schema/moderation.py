"""What was reported and decided, and the log of who changed what."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from pioche.db.schema.columns import Id, metadata

# Of a repo, a comment or an account, by somebody whom it bothered; or of its owner, who wants a repo back ("appeal").
reports = Table(
    "reports",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),  # repo | comment | account | appeal
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="CASCADE")),
    Column("event_id", Id, ForeignKey("thread_events.id", ondelete="CASCADE")),  # the comment
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("author_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("reason", Text, nullable=False),  # one of a short list; "" of an appeal
    Column("text", Text, nullable=False),
    Column("status", Text, nullable=False),  # open | upheld | dismissed
    Column("created_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger),
    Column("decider_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("answer", Text),  # of who decided; its author sees it
    Index(None, "status", "id"),
    Index(None, "repo_id"),
    Index(None, "author_id"),
    sqlite_autoincrement=True,
)

# Whose comments and mentions somebody does not want.
blocks = Table(
    "blocks",
    metadata,
    Column("blocker_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    Column("blocked_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Index(None, "blocked_id"),
    sqlite_with_rowid=False,
)

# Who changed what: kept when the repo or the account is gone, so names are copied and nothing is referred to.
audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),  # `scope.action`, as events are called
    Column("owner_id", Id),  # the user or organisation whose log it stands in; null: the instance's own
    Column("repo_uid", Text),
    Column("actor_id", Id),  # null: the hub itself, or who runs commands on the machine
    Column("actor", Text, nullable=False),  # their name then
    Column("target", Text, nullable=False),  # what it happened to, by its name then
    Column("data", Text, nullable=False),  # JSON
    Column("at", BigInteger, nullable=False),
    Column("event_id", Id, nullable=False, unique=True),  # so that an event told twice stands there once
    Index(None, "owner_id", "id"),
    Index(None, "repo_uid", "id"),
    sqlite_autoincrement=True,
)
