"""remembered xorbs"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "remembered_xorbs",
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["hash"], ["xorbs.hash"], name=op.f("fk_remembered_xorbs_hash"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["repos.id"], name=op.f("fk_remembered_xorbs_repo_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repo_id", "hash", name=op.f("pk_remembered_xorbs")),
    )
    op.create_index(op.f("ix_remembered_xorbs_hash"), "remembered_xorbs", ["hash"])
