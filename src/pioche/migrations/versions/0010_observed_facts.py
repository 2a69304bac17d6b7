"""observed facts"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("facts", sa.Column("observed", sa.Text(), nullable=True))
    # The repos that are there were never looked at: the job `facts.upgrade` does it (upkeep/deriving.py).
    op.execute("INSERT INTO instance (key, value) SELECT 'facts.place', '0' WHERE EXISTS (SELECT 1 FROM repos)")
