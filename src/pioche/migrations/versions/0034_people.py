"""what a directory calls its groups; whose clock and which content somebody wants"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.add_column("resource_groups", sa.Column("external_id", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("time_zone", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("sensitive", sa.Text(), nullable=True))
