"""the commit that a pull request was merged as"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("discussions", sa.Column("merged_as", sa.Text(), nullable=True))
