"""Repos and where their refs point; what is derived from git; files of buckets."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from pioche.db.schema.columns import Id, Path, metadata, repo_key

repos = Table(
    "repos",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),  # 24 hex digits; names the folder of its git objects
    Column("type", Text, nullable=False),
    Column("namespace_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("full_name", Text, nullable=False),  # ns/name as written
    Column("full_key", Text, nullable=False),  # lower case
    Column("creator_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("private", Boolean, nullable=False),
    Column("gated", Text, nullable=False, default=""),  # "" | auto | manual
    # Its gate is for members of its own organisation too.
    Column("gates_members", Boolean, nullable=False, default=False, server_default=false()),
    Column("disabled_at", BigInteger),
    Column("disabled_reason", Text),  # public
    Column("disabled_by_law", Boolean, nullable=False, default=False, server_default=false()),
    Column("discussions_off", Boolean, nullable=False, default=False, server_default=false()),
    Column("duplication_off", Boolean, nullable=False, default=False, server_default=false()),
    # An owner allows what came with the model to run: its handler.py, remote code, pickles (docs/decisions/0048).
    Column("code_allowed", Boolean, nullable=False, default=False, server_default=false()),
    Column("group_id", Id),  # resource_groups.id; without a constraint, which SQLite adds to no table that is there
    Column("storage_max", BigInteger),  # bytes; null: what the settings say
    Column("deleted_at", BigInteger),  # kept for a grace period, under a `full_key` that nobody can ask for
    Column("deleted_by_id", Id),
    Column("sdk", Text),  # Spaces only
    Column("genesis", Text, nullable=False),  # JSON: what the first commit is computed from (repos/genesis.py)
    Column("epoch", Integer, nullable=False, default=1),  # of Xet addresses
    Column("pruning_at", BigInteger),  # since then git objects may be disappearing, until the epoch is raised
    Column("last_number", Integer, nullable=False, default=0),  # of discussions and pull requests, one sequence
    Column("downloads", BigInteger, nullable=False, default=0),  # of the last 30 days (repos/downloads.py)
    Column("downloads_all", BigInteger, nullable=False, default=0, server_default="0"),  # since the beginning
    Column("likes", BigInteger, nullable=False, default=0),
    Column("trending", BigInteger, nullable=False, default=0, server_default="0"),  # in thousandths (upkeep/ranking.py)
    # Bytes: of the large files it refers to (of a bucket, of all files), and of files in git, in all of its history.
    Column("used_storage", BigInteger, nullable=False, default=0),
    Column("git_storage", BigInteger, nullable=False, default=0, server_default="0"),
    Column("card", Text, nullable=False, default="{}"),  # the README's metadata as JSON
    Column("tags", Text, nullable=False, default="[]"),  # JSON array
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("type", "full_key"),
    Index(None, "namespace_id"),
    Index(None, "group_id"),
    sqlite_autoincrement=True,
)

facts = Table(  # what was read out of a repo's card and files, at the tip of its default branch
    "facts",
    metadata,
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
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
    repo_key(),
    Column("day", Integer, primary_key=True),  # since 1970-01-01
    Column("count", BigInteger, nullable=False),
    Index(None, "day"),
    sqlite_with_rowid=False,
)

# Who took files of a dataset lately: all that they take within five minutes is one download.
dataset_readers = Table(
    "dataset_readers",
    metadata,
    repo_key(),
    Column("reader", LargeBinary, primary_key=True),  # a keyed hash of the user or the address
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

redirects = Table(
    "redirects",
    metadata,
    Column("type", Text, primary_key=True),
    Column("full_key", Text, primary_key=True),  # an old `ns/name`, or an un-namespaced legacy id
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "repo_id"),
)

refs = Table(
    "refs",
    metadata,
    repo_key(),
    Column("name", Text, primary_key=True),  # refs/heads/main, refs/tags/v1, refs/pr/1 ...
    Column("target", Text, nullable=False),  # object id; a tag object's for annotated tags
    Column("commit", Text, nullable=False),  # the commit that target is or leads to
    Column("updated_at", BigInteger, nullable=False),
)

reflog = Table(
    "reflog",
    metadata,
    Column("id", Id, primary_key=True),
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    Column("ref", Text, nullable=False),
    Column("old", Text),  # null: created
    Column("new", Text),  # null: deleted
    Column("actor_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("at", BigInteger, nullable=False),
    Index(None, "repo_id", "id"),
    sqlite_autoincrement=True,
)

# Branches that only owners change, and nobody deletes or turns back. The rows are few: most repos have none.
protections = Table(
    "protections",
    metadata,
    repo_key(),
    Column("ref", Text, primary_key=True),  # refs/heads/main
    Column("actor_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("at", BigInteger, nullable=False),
)

# Who asked for the files of a gated repo.
access_requests = Table(
    "access_requests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),  # 24 hex digits, `requestId` on the wire
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("status", Text, nullable=False),  # pending | accepted | rejected
    # JSON: to the fields of the card's form; `null` of who never asked, and was let in by the owners.
    Column("answers", Text, nullable=False, default="{}"),
    Column("reason", Text),  # of a rejection, for whoever asked
    Column("handled_by_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("repo_id", "user_id"),
    Index(None, "user_id"),
    sqlite_autoincrement=True,
)

# The files and folders of the default branch's tip, and of nothing else.
entries = Table(
    "entries",
    metadata,
    repo_key(),
    Column("path", Path, primary_key=True),
    Column("parent", Path, nullable=False),  # the folder it is in; "" at the root
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
    repo_key(),
    Column("oid", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("pointer_size", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# A bucket's files: it has no revisions. A file of no bytes has no content.
bucket_files = Table(
    "bucket_files",
    metadata,
    repo_key(),
    Column("path", Path, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("xet_hash", Text, nullable=False),
    Column("mtime", BigInteger),  # as the uploader says
    Column("uploaded_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
