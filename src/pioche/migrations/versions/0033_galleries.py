"""pictures of items of collections"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "collection_pictures",
        sa.Column("image_id", _ID, nullable=False),
        sa.Column("item_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("alt", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name="fk_collection_pictures_image_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["collection_items.id"], name="fk_collection_pictures_item_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", name="pk_collection_pictures"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_collection_pictures_item_id_position", "collection_pictures", ["item_id", "position"])
