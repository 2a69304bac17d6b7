"""rows of datasets"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("facts", sa.Column("rows", sa.BigInteger(), nullable=True))
