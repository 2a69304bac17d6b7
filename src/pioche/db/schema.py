"""Every table. Times are Unix milliseconds (UTC); hashes are lower-case hex text unless a comment says packed bytes.

The refs live here: a row of `refs` is the truth about a branch, a tag or a pull request; git objects on disk only follow.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only when the key is exactly INTEGER.
_Id = BigInteger().with_variant(Integer(), "sqlite")


# Paths compare byte by byte on both engines: paging by path depends on it.
_Path = Text().with_variant(Text(collation="C"), "postgresql")


def _repo_key() -> Column[int]:
    return Column("repo_id", _Id, ForeignKey("repos.id", ondelete="CASCADE"), nullable=False, primary_key=True)


# --- the instance itself --------------------------------------------------------------------------------------------

instance = Table(
    "instance",
    metadata,
    Column("key", Text, primary_key=True),  # `epoch`: part of every Xet address (architecture.md section 4)
    Column("value", Text, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("retired_at", BigInteger),  # still verifies for a while, signs no more
)

# --- accounts -------------------------------------------------------------------------------------------------------

accounts = Table(
    "accounts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),  # 24 hex digits, `_id` on the wire
    Column("kind", Text, nullable=False),  # user | org
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),  # lower case
    Column("fullname", Text, nullable=False),
    Column("email", Text),
    Column("password_hash", Text),  # argon2id
    Column("must_change_password", Boolean, nullable=False, default=False),  # the password was made by the hub
    Column("is_admin", Boolean, nullable=False, default=False),
    Column("private_by_default", Boolean, nullable=False, default=False),
    Column("suspended_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("bio", Text),
    Column("homepage", Text),  # http(s) only
    Column("language", Text),  # of the pages; null: the browser's
    Column("theme", Text),  # light | dark; null: the system's
    sqlite_autoincrement=True,
)

memberships = Table(
    "memberships",
    metadata,
    Column("org_id", _Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", _Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, nullable=False),  # admin | write | contributor | read | no_access
    Column("created_at", BigInteger, nullable=False),
    Index(None, "user_id"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("user_id", _Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),  # read | write
    Column("hash", Text, nullable=False, unique=True),  # sha256 of the token; the token itself is shown once
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    Index(None, "user_id"),
    sqlite_autoincrement=True,
)

# Who is signed in, in which browser. A row is the session: removing it ends it.
sessions = Table(
    "sessions",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("user_id", _Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("hash", Text, nullable=False, unique=True),  # sha256 of the cookie's value, which is nowhere else
    Column("device", Text, nullable=False),  # "Firefox on Linux"; no address
    Column("is_remembered", Boolean, nullable=False),  # the cookie outlives the browser's window
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "user_id"),
    Index(None, "expires_at"),
    sqlite_autoincrement=True,
)

# How often signing in failed of late, by account and by address; both only as hashes.
sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("key", Text, primary_key=True),
    Column("times", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Index(None, "last_at"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),  # sha256 of what the link holds
    Column("email", Text),  # whom it is for, where that is known
    Column("is_admin", Boolean, nullable=False, default=False),
    Column("creator_id", _Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("used_by_id", _Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    sqlite_autoincrement=True,
)

# --- repos ----------------------------------------------------------------------------------------------------------

repos = Table(
    "repos",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),  # 24 hex digits; names the folder of its git objects
    Column("type", Text, nullable=False),
    Column("namespace_id", _Id, ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("full_name", Text, nullable=False),  # ns/name as written
    Column("full_key", Text, nullable=False),  # lower case
    Column("creator_id", _Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("private", Boolean, nullable=False),
    Column("gated", Text, nullable=False, default=""),  # "" | auto | manual
    Column("disabled_at", BigInteger),
    Column("deleted_at", BigInteger),  # kept for a grace period, under a `full_key` that nobody can ask for
    Column("deleted_by_id", _Id),
    Column("sdk", Text),  # Spaces only
    Column("genesis", Text, nullable=False),  # JSON: what the first commit is computed from (repos/genesis.py)
    Column("epoch", Integer, nullable=False, default=1),  # of Xet addresses
    Column("pruning_at", BigInteger),  # since then git objects may be disappearing, until the epoch is raised
    Column("last_number", Integer, nullable=False, default=0),  # of discussions and pull requests, one sequence
    Column("downloads", BigInteger, nullable=False, default=0),  # of the last 30 days (repos/downloads.py)
    Column("downloads_all", BigInteger, nullable=False, default=0, server_default="0"),  # since the beginning
    Column("likes", BigInteger, nullable=False, default=0),
    Column("trending", BigInteger, nullable=False, default=0, server_default="0"),  # in thousandths (upkeep/ranking.py)
    Column("used_storage", BigInteger, nullable=False, default=0),
    Column("card", Text, nullable=False, default="{}"),  # the README's metadata as JSON
    Column("tags", Text, nullable=False, default="[]"),  # JSON array
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("type", "full_key"),
    Index(None, "namespace_id"),
    sqlite_autoincrement=True,
)

facts = Table(  # what was read out of a repo's card and files, at the tip of its default branch
    "facts",
    metadata,
    Column("repo_id", _Id, ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("pipeline_tag", Text),
    Column("library_name", Text),
    Column("parameters", BigInteger),  # how many, in all
    Column("rows", BigInteger),  # of a dataset, as its card counts them
    Column("completeness", Integer),  # of the card, 0 to 100 (docs/reference/ranking.md)
    Column("summary", Text),  # the first sentences, as plain text
    Column("details", Text, nullable=False, default="{}"),  # JSON: safetensors, gguf, config, evaluation results ...
    Column("warnings", Text, nullable=False, default="[]"),  # JSON array of sentences
    Column(
        "observed", Text
    ),  # JSON: what the facts are derived from (repos/facts/observation.py); null: never looked at
    sqlite_with_rowid=False,
)

downloads = Table(  # a row for each day (UTC) on which there were any
    "downloads",
    metadata,
    _repo_key(),
    Column("day", Integer, primary_key=True),  # since 1970-01-01
    Column("count", BigInteger, nullable=False),
    Index(None, "day"),
    sqlite_with_rowid=False,
)

# Who took files of a dataset lately: all that they take within five minutes is one download.
dataset_readers = Table(
    "dataset_readers",
    metadata,
    _repo_key(),
    Column("reader", LargeBinary, primary_key=True),  # a keyed hash of the user or the address
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

redirects = Table(
    "redirects",
    metadata,
    Column("type", Text, primary_key=True),
    Column("full_key", Text, primary_key=True),  # an old `ns/name`, or an un-namespaced legacy id
    Column("repo_id", _Id, ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "repo_id"),
)

refs = Table(
    "refs",
    metadata,
    _repo_key(),
    Column("name", Text, primary_key=True),  # refs/heads/main, refs/tags/v1, refs/pr/1 ...
    Column("target", Text, nullable=False),  # object id; a tag object's for annotated tags
    Column("commit", Text, nullable=False),  # the commit that target is or leads to
    Column("updated_at", BigInteger, nullable=False),
)

reflog = Table(
    "reflog",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("repo_id", _Id, ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    Column("ref", Text, nullable=False),
    Column("old", Text),  # null: created
    Column("new", Text),  # null: deleted
    Column("actor_id", _Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("at", BigInteger, nullable=False),
    Index(None, "repo_id", "id"),
    sqlite_autoincrement=True,
)

# Branches that only owners change, and nobody deletes or turns back. The rows are few: most repos have none.
protections = Table(
    "protections",
    metadata,
    _repo_key(),
    Column("ref", Text, primary_key=True),  # refs/heads/main
    Column("actor_id", _Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("at", BigInteger, nullable=False),
)

# The files and folders of the default branch's tip, and of nothing else.
entries = Table(
    "entries",
    metadata,
    _repo_key(),
    Column("path", _Path, primary_key=True),
    Column("parent", _Path, nullable=False),  # the folder it is in; "" at the root
    Column("mode", Integer, nullable=False),
    Column("oid", Text, nullable=False),  # git blob id (of the pointer for large files) or tree id
    Column("size", BigInteger, nullable=False),  # the real size; 0 for folders
    Column("sha256", Text),  # large files only
    Column("pointer_size", Integer),  # large files only
    Column("xet_hash", Text),  # large files that are kept as chunks
    Column("last_commit", Text, nullable=False),
    Index(None, "repo_id", "parent", "path"),
    sqlite_with_rowid=False,
)

# Which git blobs of a repo are LFS pointers, at any revision.
pointers = Table(
    "pointers",
    metadata,
    _repo_key(),
    Column("oid", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("pointer_size", Integer, nullable=False),
    sqlite_with_rowid=False,
)

discussions = Table(
    "discussions",
    metadata,
    _repo_key(),
    Column("number", Integer, primary_key=True),
    Column("is_pull_request", Boolean, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("status", Text, nullable=False),  # draft | open | closed | merged
    Column("author_id", _Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("base_ref", Text),  # pull requests only
    Column("merged_as", Text),  # the commit of the base that brought it
    Column("created_at", BigInteger, nullable=False),
)

# A bucket's files: it has no revisions. A file of no bytes has no content.
bucket_files = Table(
    "bucket_files",
    metadata,
    _repo_key(),
    Column("path", _Path, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("xet_hash", Text, nullable=False),
    Column("mtime", BigInteger),  # as the uploader says
    Column("uploaded_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# --- content: large files, each stored once, linked to repos by proof of possession ---------------------------------

contents = Table(
    "contents",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # blob: one whole file in the blob store | xet: terms over xorbs
    Column("xet_hash", Text),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "xet_hash"),
)

repo_contents = Table(
    "repo_contents",
    metadata,
    _repo_key(),
    Column("sha256", Text, ForeignKey("contents.sha256"), primary_key=True),
    Column("uploader_id", _Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("created_at", BigInteger, nullable=False),  # or uploaded again: what is young is not collected
    Index(None, "sha256"),
    Index(None, "repo_id", "created_at"),
)

# Large files that were removed from a repo while its commits still name them: absent on purpose, not by damage.
removed_contents = Table(
    "removed_contents",
    metadata,
    _repo_key(),
    Column("sha256", Text, primary_key=True),
    Column("by_id", _Id),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),  # random; part of the signed part addresses
    Column("repo_id", _Id, ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", _Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("part_bytes", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)

xorbs = Table(
    "xorbs",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),  # stored bytes
    Column("raw_size", BigInteger, nullable=False),
    Column("chunk_count", Integer, nullable=False),
    Column("chunks", LargeBinary, nullable=False),  # packed: storage/xet/xorbs.py
    Column("created_at", BigInteger, nullable=False),
)

xorb_uploads = Table(
    "xorb_uploads",
    metadata,
    Column("user_id", _Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", Text, ForeignKey("xorbs.hash", ondelete="CASCADE"), primary_key=True),
    Column("at", BigInteger, nullable=False),
)

# What the clients of a repo may take for stored, for three weeks: they remember the xorbs that they have sent, by the
# address of the repo's store, which the epoch is part of (xet.md section 9).
remembered_xorbs = Table(
    "remembered_xorbs",
    metadata,
    _repo_key(),
    Column("hash", Text, ForeignKey("xorbs.hash", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Integer, nullable=False),  # the repo's when it was sent: another one, and it is forgotten
    Column("at", BigInteger, nullable=False),
    Index(None, "hash"),
)

repo_xorbs = Table(
    "repo_xorbs",
    metadata,
    _repo_key(),
    Column("hash", Text, ForeignKey("xorbs.hash"), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "hash"),
)

xet_files = Table(
    "xet_files",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("terms", LargeBinary, nullable=False),  # packed: storage/xet/files.py
    Column("created_at", BigInteger, nullable=False),
)

# Which files a xorb is part of: a row for each, however many terms of the file name it.
xet_file_xorbs = Table(
    "xet_file_xorbs",
    metadata,
    Column("xorb", Text, ForeignKey("xorbs.hash", ondelete="CASCADE"), primary_key=True),
    Column("file", Text, ForeignKey("xet_files.hash", ondelete="CASCADE"), primary_key=True),
    Index(None, "file"),
    sqlite_with_rowid=False,
)

# Only the chunks that clients may ask for: the first of a file, and those whose hash mod 1024 is 0.
xet_chunks = Table(
    "xet_chunks",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # 32 raw bytes
    Column("xorb", Text, ForeignKey("xorbs.hash", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, nullable=False),
)

# Bytes that were taken out of use and wait, under `quarantine/<key>`, until nobody can miss them.
quarantine = Table(
    "quarantine",
    metadata,
    Column("key", Text, primary_key=True),  # where they lay in the blob store
    Column("reason", Text, nullable=False),  # unreachable | corrupt
    Column("size", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# --- events and jobs ------------------------------------------------------------------------------------------------

events = Table(
    "events",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("repo_id", _Id),  # no foreign key: the event of a deletion outlives the repo
    Column("actor_id", _Id),
    Column("payload", Text, nullable=False),  # JSON
    Column("at", BigInteger, nullable=False),
    Column("txid", BigInteger, nullable=False, default=0),  # PostgreSQL: the transaction, for the commit horizon
    Index(None, "txid", "id"),
    sqlite_autoincrement=True,
)

# Who did what to which repo, for feeds and calendars: kept for good, while events go after a week (repos/activity.py).
activity = Table(
    "activity",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", Text, nullable=False),  # create | commit | branch | tag | pull
    Column("repo_id", _Id, ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    Column("actor_id", _Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("ref", Text),
    Column("commit", Text),
    Column("at", BigInteger, nullable=False),
    Index(None, "repo_id", "at"),
    Index(None, "actor_id", "at"),
    sqlite_autoincrement=True,
)

event_cursors = Table(
    "event_cursors",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("txid", BigInteger, nullable=False),  # with event_id: the last event handled
    Column("event_id", _Id, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", _Id, primary_key=True),
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
