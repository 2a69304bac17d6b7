"""protected branches"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    id_ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "protections",
        sa.Column("repo_id", id_, nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("actor_id", id_, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["accounts.id"], name=op.f("fk_protections_actor_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_protections_repo_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo_id", "ref", name=op.f("pk_protections")),
    )
