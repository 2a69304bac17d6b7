"""downloads by day, and what trends"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    id_ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "dataset_readers",
        sa.Column("repo_id", id_, nullable=False),
        sa.Column("reader", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_dataset_readers_repo_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo_id", "reader", name=op.f("pk_dataset_readers")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "downloads",
        sa.Column("repo_id", id_, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_downloads_repo_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo_id", "day", name=op.f("pk_downloads")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_downloads_day"), "downloads", ["day"], unique=False)
    op.add_column("repos", sa.Column("downloads_all", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("repos", sa.Column("trending", sa.BigInteger(), server_default="0", nullable=False))
    op.execute("UPDATE repos SET downloads_all = downloads")
