"""what a directory calls its groups"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.add_column("resource_groups", sa.Column("external_id", sa.Text(), nullable=True))
