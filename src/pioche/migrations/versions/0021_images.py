"""images"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("id", _ID, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("repo_id", _ID, nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_images_account_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_images_repo_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sha256"], ["contents.sha256"], name="fk_images_sha256"),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.UniqueConstraint("uid", name="uq_images_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_images_repo_id", "images", ["repo_id"])
    op.create_index("ix_images_sha256", "images", ["sha256"])
    op.create_index("ix_images_use_account_id", "images", ["use", "account_id"])

    op.create_table(
        "image_uses",
        sa.Column("image_id", _ID, nullable=False),
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_image_uses_image_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["repo_id", "number"],
            ["discussions.repo_id", "discussions.number"],
            name="fk_image_uses_repo_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("image_id", "repo_id", "number", name="pk_image_uses"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_image_uses_repo_id_number", "image_uses", ["repo_id", "number"])
