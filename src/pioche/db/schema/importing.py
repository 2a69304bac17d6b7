"""Repos that come from another hub, or from a git server."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from pioche.db.schema.columns import Id, metadata

# Stays when the import is done: it says where the repo came from.
imports = Table(
    "imports",
    metadata,
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),  # in whose name it is made
    Column("kind", Text, nullable=False),  # hub | git
    Column("url", Text, nullable=False),  # of the git repo; without credentials
    Column("shown", Text, nullable=False),  # what people are told: `org/name on hub.example`
    Column("revision", Text, nullable=False),  # "": all branches and tags
    Column("sealed", Text),  # user and token, encrypted; gone when the import ends
    Column("private", Boolean, nullable=False),  # what the repo becomes when it is whole; until then it is private
    Column("state", Text, nullable=False),  # waiting | running | done | failed | cancelled
    Column("phase", Text, nullable=False),  # refs | history | files | taking
    Column("files_done", Integer, nullable=False),
    Column("files_total", Integer, nullable=False),
    Column("bytes_done", BigInteger, nullable=False),
    Column("bytes_total", BigInteger, nullable=False),  # 0: nobody knows yet
    Column("failures", Integer, nullable=False),  # one after another, that may pass
    Column("error", Text),  # of the last one
    Column("notes", Text, nullable=False),  # JSON array: what was left out, and why
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index(None, "user_id", "state"),
)
