"""what repos hold in git and in buckets is counted, and what they are about to hold"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "storage_reservations",
        sa.Column("repo_id", _ID, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("repo_id", "key", name="pk_storage_reservations"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_storage_reservations_until", "storage_reservations", ["until"])

    op.add_column("repos", sa.Column("git_storage", sa.BigInteger(), server_default="0", nullable=False))
    # Buckets were not counted.
    op.execute(
        "UPDATE repos SET used_storage = "
        "(SELECT coalesce(sum(f.size), 0) FROM bucket_files f WHERE f.repo_id = repos.id) WHERE type = 'bucket'"
    )
