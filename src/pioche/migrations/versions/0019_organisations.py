"""organisations, moderation, the audit log"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner_id", _ID, nullable=True),
        sa.Column("repo_uid", sa.Text(), nullable=True),
        sa.Column("actor_id", _ID, nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
        sa.UniqueConstraint("event_id", name="uq_audit_log_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_log_owner_id_id", "audit_log", ["owner_id", "id"])
    op.create_index("ix_audit_log_repo_uid_id", "audit_log", ["repo_uid", "id"])

    op.create_table(
        "blocks",
        sa.Column("blocker_id", _ID, nullable=False),
        sa.Column("blocked_id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["blocked_id"], ["accounts.id"], name="fk_blocks_blocked_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["blocker_id"], ["accounts.id"], name="fk_blocks_blocker_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("blocker_id", "blocked_id", name="pk_blocks"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_blocks_blocked_id", "blocks", ["blocked_id"])

    op.create_table(
        "join_requests",
        sa.Column("org_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["accounts.id"], name="fk_join_requests_org_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_join_requests_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("org_id", "user_id", name="pk_join_requests"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_join_requests_user_id", "join_requests", ["user_id"])

    op.create_table(
        "org_invitations",
        sa.Column("id", _ID, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("org_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("creator_id", _ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["creator_id"], ["accounts.id"], name="fk_org_invitations_creator_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["accounts.id"], name="fk_org_invitations_org_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_org_invitations_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_org_invitations"),
        sa.UniqueConstraint("hash", name="uq_org_invitations_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_org_invitations_org_id", "org_invitations", ["org_id"])
    op.create_index("ix_org_invitations_user_id", "org_invitations", ["user_id"])

    op.create_table(
        "resource_groups",
        sa.Column("id", _ID, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("org_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("auto_join", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["accounts.id"], name="fk_resource_groups_org_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_resource_groups"),
        sa.UniqueConstraint("org_id", "name_key", name="uq_resource_groups_org_id_name_key"),
        sa.UniqueConstraint("uid", name="uq_resource_groups_uid"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "service_accounts",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("org_id", _ID, nullable=False),
        sa.Column("creator_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["creator_id"], ["accounts.id"], name="fk_service_accounts_creator_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["accounts.id"], name="fk_service_accounts_org_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_service_accounts_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name="pk_service_accounts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_service_accounts_org_id", "service_accounts", ["org_id"])

    op.create_table(
        "resource_group_members",
        sa.Column("group_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["resource_groups.id"], name="fk_resource_group_members_group_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["accounts.id"], name="fk_resource_group_members_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "user_id", name="pk_resource_group_members"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_resource_group_members_user_id", "resource_group_members", ["user_id"])

    op.create_table(
        "token_approvals",
        sa.Column("token_id", _ID, nullable=False),
        sa.Column("org_id", _ID, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decider_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["decider_id"], ["accounts.id"], name="fk_token_approvals_decider_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["accounts.id"], name="fk_token_approvals_org_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name="fk_token_approvals_token_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_id", "org_id", name="pk_token_approvals"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_token_approvals_org_id_status", "token_approvals", ["org_id", "status"])

    op.create_table(
        "reports",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("repo_id", _ID, nullable=True),
        sa.Column("event_id", _ID, nullable=True),
        sa.Column("account_id", _ID, nullable=True),
        sa.Column("author_id", _ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decider_id", _ID, nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_reports_account_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["author_id"], ["accounts.id"], name="fk_reports_author_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["decider_id"], ["accounts.id"], name="fk_reports_decider_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["event_id"], ["thread_events.id"], name="fk_reports_event_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_reports_repo_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reports_author_id", "reports", ["author_id"])
    op.create_index("ix_reports_repo_id", "reports", ["repo_id"])
    op.create_index("ix_reports_status_id", "reports", ["status", "id"])

    op.add_column("accounts", sa.Column("storage_max", sa.BigInteger(), nullable=True))
    op.add_column("accounts", sa.Column("verified_at", sa.BigInteger(), nullable=True))
    for switch in ("hides_members", "wants_fine_grained", "approves_tokens", "takes_requests"):
        op.add_column("accounts", sa.Column(switch, sa.Boolean(), server_default=sa.false(), nullable=False))

    op.add_column("tokens", sa.Column("scopes", sa.Text(), nullable=True))

    op.add_column("repos", sa.Column("duplication_off", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("repos", sa.Column("storage_max", sa.BigInteger(), nullable=True))
    op.add_column("repos", sa.Column("group_id", _ID, nullable=True))
    op.create_index("ix_repos_group_id", "repos", ["group_id"])
