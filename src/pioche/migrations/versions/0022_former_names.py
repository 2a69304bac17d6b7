"""former names"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "former_names",
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("account_id", _ID, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_former_names_account_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("name_key", name="pk_former_names"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_former_names_account_id", "former_names", ["account_id"])
