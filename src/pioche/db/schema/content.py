"""Large files, each stored once, linked to repos by proof of possession."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from pioche.db.schema.columns import Id, metadata, repo_key

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
    repo_key(),
    Column("sha256", Text, ForeignKey("contents.sha256"), primary_key=True),
    Column("uploader_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("created_at", BigInteger, nullable=False),  # or uploaded again: what is young is not collected
    Index(None, "sha256"),
    Index(None, "repo_id", "created_at"),
)

# Large files that were removed from a repo while its commits still name them: absent on purpose, not by damage.
removed_contents = Table(
    "removed_contents",
    metadata,
    repo_key(),
    Column("sha256", Text, primary_key=True),
    Column("by_id", Id),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),  # random; part of the signed part addresses
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("part_bytes", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)

# Bytes that a repo with a limit is about to hold: counted beside what it refers to (storage/quotas.py).
storage_reservations = Table(
    "storage_reservations",
    metadata,
    Column("repo_id", Id, primary_key=True, autoincrement=False),  # no reference: nobody waits for the repo's row
    Column("key", Text, primary_key=True),  # a sha256, `xorb:<hash>` or `git:<random>`
    Column("size", BigInteger, nullable=False),
    Column("holder", Text),  # the process that takes them in (jobs/holders.py); null: taken in, not referred to yet
    Column("until", BigInteger, nullable=False),
    Index(None, "until"),
    sqlite_with_rowid=False,
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
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", Text, ForeignKey("xorbs.hash", ondelete="CASCADE"), primary_key=True),
    Column("at", BigInteger, nullable=False),
)

# What the clients of a repo may take for stored, for three weeks: they remember the xorbs that they have sent, by the
# address of the repo's store, which the epoch is part of (xet.md section 9).
remembered_xorbs = Table(
    "remembered_xorbs",
    metadata,
    repo_key(),
    Column("hash", Text, ForeignKey("xorbs.hash", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Integer, nullable=False),  # the repo's when it was sent: another one, and it is forgotten
    Column("at", BigInteger, nullable=False),
    Index(None, "hash"),
)

repo_xorbs = Table(
    "repo_xorbs",
    metadata,
    repo_key(),
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
