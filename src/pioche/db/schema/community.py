"""What people say and do about repos: threads, likes, follows, collections, and who did what."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from pioche.db.schema.columns import Id, metadata, repo_key


def _user_key(name: str = "user_id") -> Column[int]:
    return Column(name, Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, primary_key=True)


def _thread() -> ForeignKeyConstraint:
    """What `repo_id` and `number` of a row stand for."""
    return ForeignKeyConstraint(
        ["repo_id", "number"], ["discussions.repo_id", "discussions.number"], ondelete="CASCADE"
    )


# Discussions and pull requests: one sequence of numbers, one kind of thread.
discussions = Table(
    "discussions",
    metadata,
    repo_key(),
    Column("number", Integer, primary_key=True),
    Column("is_pull_request", Boolean, nullable=False),
    Column("title", Text, nullable=False),
    Column("status", Text, nullable=False),  # draft | open | closed | merged
    Column("author_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("base_ref", Text),  # pull requests only
    Column("merged_as", Text),  # the commit of the base that brought it
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False, server_default="0"),  # of the last event or edit
    Column("comments", Integer, nullable=False, default=0, server_default="0"),  # without the first, which opens it
    Column(
        "version", Integer, nullable=False, default=0, server_default="0"
    ),  # goes up with whatever a reader would see
    Column("pinned_at", BigInteger),
    Column("locked_at", BigInteger),  # since then only those who may write comment
)

# What happened in a thread, in the order of `id`. Commits of a pull request are not here: git has them.
thread_events = Table(
    "thread_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),  # 24 hex digits, `id` on the wire
    Column("repo_id", Id, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),  # comment | status-change | title-change | pinning-change | locking-change
    Column("author_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("at", BigInteger, nullable=False),
    Column(
        "data", Text, nullable=False, default="{}"
    ),  # JSON, as the clients read it; of a comment: the line that it is about
    Column("text", Text),  # comments only: Markdown, as written
    Column("edited_at", BigInteger),
    Column("hidden_at", BigInteger),  # for good; the text stays, for moderators
    Column("hidden_by_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    _thread(),
    Index(None, "repo_id", "number", "id"),
    Index(None, "author_id"),
    sqlite_autoincrement=True,
)

# What a comment said before each edit.
comment_texts = Table(
    "comment_texts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("event_id", Id, ForeignKey("thread_events.id", ondelete="CASCADE"), nullable=False),
    Column("author_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),  # who wrote this text
    Column("at", BigInteger, nullable=False),  # when
    Column("text", Text, nullable=False),
    Index(None, "event_id"),
    sqlite_autoincrement=True,
)

reactions = Table(
    "reactions",
    metadata,
    Column("event_id", Id, ForeignKey("thread_events.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    _user_key(),
    Column("emoji", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Who asked to be told of a thread, or not to be.
thread_watches = Table(
    "thread_watches",
    metadata,
    _user_key(),
    Column("repo_id", Id, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("is_muted", Boolean, nullable=False),
    _thread(),
    Index(None, "repo_id", "number"),
    sqlite_with_rowid=False,
)

# --- people and what they like ---------------------------------------------------------------------------------------

likes = Table(
    "likes",
    metadata,
    repo_key(),
    _user_key(),
    Column("at", BigInteger, nullable=False),
    Index(None, "user_id", "at"),
    sqlite_with_rowid=False,
)

follows = Table(
    "follows",
    metadata,
    _user_key("follower_id"),
    Column("followed_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Index(None, "followed_id", "at"),
    sqlite_with_rowid=False,
)

# Who asked to be told of a repo, or not to be.
watches = Table(
    "watches",
    metadata,
    _user_key(),
    repo_key(),
    Column("is_muted", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "repo_id"),
    sqlite_with_rowid=False,
)

# What stands first on the page of a person or an organisation.
pins = Table(
    "pins",
    metadata,
    _user_key("account_id"),
    repo_key(),
    Column("position", Integer, nullable=False),
    Index(None, "repo_id"),
    sqlite_with_rowid=False,
)

collections = Table(
    "collections",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),  # 24 hex digits, the end of its slug
    Column("owner_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("creator_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("slug", Text, nullable=False),  # of the title, without the uid
    Column("title", Text, nullable=False),
    Column("description", Text),
    Column("private", Boolean, nullable=False),
    Column("theme", Text, nullable=False),
    Column("position", Integer, nullable=False),  # among those of its owner
    Column("upvotes", Integer, nullable=False, default=0),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index(None, "owner_id", "position"),
    Index(None, "updated_at"),
    sqlite_autoincrement=True,
)

collection_items = Table(
    "collection_items",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),  # `_id` on the wire
    Column("collection_id", Id, ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),  # model | dataset | space | bucket | paper | collection
    Column("target", Text, nullable=False),  # as it was added; of a repo that is there, its name of now counts
    Column("target_key", Text, nullable=False),  # lower case
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="SET NULL")),
    Column("note", Text),
    Column("position", Integer, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    UniqueConstraint("collection_id", "kind", "target_key"),
    Index(None, "repo_id"),
    sqlite_autoincrement=True,
)

collection_votes = Table(
    "collection_votes",
    metadata,
    Column("collection_id", Id, ForeignKey("collections.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    _user_key(),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Who changed what in a collection.
collection_changes = Table(
    "collection_changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("collection_id", Id, ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    Column("actor_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("kind", Text, nullable=False),  # create | update | add | remove | note | picture | move
    Column("what", Text, nullable=False),  # JSON
    Column("at", BigInteger, nullable=False),
    Index(None, "collection_id", "id"),
    sqlite_autoincrement=True,
)

# --- activity --------------------------------------------------------------------------------------------------------

# Who did what to which repo, for feeds and calendars: kept for good, while events go after a week (repos/activity.py).
activity = Table(
    "activity",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),  # create | commit | branch | tag | pull | discussion | comment | merge | like
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    Column("actor_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("ref", Text),
    Column("commit", Text),
    Column("number", Integer),  # of a discussion or a pull request
    Column("at", BigInteger, nullable=False),
    Index(None, "repo_id", "at"),
    Index(None, "actor_id", "at"),
    sqlite_autoincrement=True,
)
