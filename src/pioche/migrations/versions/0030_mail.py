"""letters: where people can be written to, and what they want to be written of"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name=f"fk_{table}_user_id", ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "mail_addresses",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("asked", sa.Text(), nullable=True),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        _user("mail_addresses"),
        sa.PrimaryKeyConstraint("user_id", name="pk_mail_addresses"),
        sa.UniqueConstraint("hash", name="uq_mail_addresses_hash"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mail_choices",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("unsubscribe", sa.Text(), nullable=False),
        _user("mail_choices"),
        sa.PrimaryKeyConstraint("user_id", name="pk_mail_choices"),
        sa.UniqueConstraint("unsubscribe", name="uq_mail_choices_unsubscribe"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mail_refusals",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        _user("mail_refusals"),
        sa.PrimaryKeyConstraint("user_id", "reason", "kind", name="pk_mail_refusals"),
        sqlite_with_rowid=False,
    )
    _create_waiting()
    op.create_table(
        "gate_mails",
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_gate_mails_repo_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo_id", name="pk_gate_mails"),
        sqlite_with_rowid=False,
    )
    op.add_column("org_invitations", sa.Column("email", sa.Text(), nullable=True))


def _create_waiting() -> None:
    op.create_table(
        "mail_waiting",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("event_id", _ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor_id", _ID, nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["accounts.id"], name="fk_mail_waiting_actor_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["repo_id", "number"],
            ["discussions.repo_id", "discussions.number"],
            name="fk_mail_waiting_repo_id",
            ondelete="CASCADE",
        ),
        _user("mail_waiting"),
        sa.PrimaryKeyConstraint("user_id", "repo_id", "number", "event_id", name="pk_mail_waiting"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mail_waiting_actor_id", "mail_waiting", ["actor_id"])
    op.create_index("ix_mail_waiting_repo_id_number", "mail_waiting", ["repo_id", "number"])
