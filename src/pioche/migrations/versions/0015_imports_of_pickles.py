"""imports of pickles: all repos are gone through for them"""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("DELETE FROM instance WHERE key = 'facts.place'")
    op.execute("INSERT INTO instance (key, value) SELECT 'facts.place', '0' WHERE EXISTS (SELECT 1 FROM repos)")
