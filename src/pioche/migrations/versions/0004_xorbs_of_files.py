"""xorbs of files"""

import struct
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TERM = struct.Struct("<32sIII")
_BATCH = 200


def upgrade() -> None:
    op.create_table(
        "xet_file_xorbs",
        sa.Column("xorb", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["file"], ["xet_files.hash"], name=op.f("fk_xet_file_xorbs_file"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["xorb"], ["xorbs.hash"], name=op.f("fk_xet_file_xorbs_xorb"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("xorb", "file", name=op.f("pk_xet_file_xorbs")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_xet_file_xorbs_file", "xet_file_xorbs", ["file"])
    op.create_index("ix_repo_contents_repo_id_created_at", "repo_contents", ["repo_id", "created_at"])
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    """From the terms of the files that are there, some at a time: a long file's terms are long."""
    insert = sa.text("INSERT INTO xet_file_xorbs (xorb, file) VALUES (:xorb, :file)")
    after = ""
    while rows := connection.execute(
        sa.text("SELECT hash, terms FROM xet_files WHERE hash > :after ORDER BY hash LIMIT :most"),
        {"after": after, "most": _BATCH},
    ).all():
        pairs = [{"xorb": xorb, "file": name} for name, terms in rows for xorb in sorted(set(_xorbs(bytes(terms))))]
        if pairs:
            connection.execute(insert, pairs)
        after = rows[-1][0]


def _xorbs(terms: bytes) -> Iterator[str]:
    """In the text form of Xet hashes: four little-endian words."""
    for packed, *_ in _TERM.iter_unpack(terms):
        yield "".join(f"{word:016x}" for word in struct.unpack("<4Q", packed))
