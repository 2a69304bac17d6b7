"""people"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "collections",
        sa.Column("id", _ID, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("owner_id", _ID, nullable=False),
        sa.Column("creator_id", _ID, nullable=True),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("theme", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("upvotes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["accounts.id"], name="fk_collections_creator_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name="fk_collections_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_collections"),
        sa.UniqueConstraint("uid", name="uq_collections_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_collections_owner_id_position", "collections", ["owner_id", "position"])
    op.create_index("ix_collections_updated_at", "collections", ["updated_at"])

    op.create_table(
        "follows",
        sa.Column("follower_id", _ID, nullable=False),
        sa.Column("followed_id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["followed_id"], ["accounts.id"], name="fk_follows_followed_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["follower_id"], ["accounts.id"], name="fk_follows_follower_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("follower_id", "followed_id", name="pk_follows"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_follows_followed_id_at", "follows", ["followed_id", "at"])

    op.create_table(
        "webhooks",
        sa.Column("id", _ID, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("owner_id", _ID, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("domains", sa.Text(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"], name="fk_webhooks_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.UniqueConstraint("uid", name="uq_webhooks_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhooks_owner_id", "webhooks", ["owner_id"])

    op.create_table(
        "access_requests",
        sa.Column("id", _ID, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("handled_by_id", _ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["handled_by_id"], ["accounts.id"], name="fk_access_requests_handled_by_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_access_requests_repo_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_access_requests_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_access_requests"),
        sa.UniqueConstraint("repo_id", "user_id", name="uq_access_requests_repo_id_user_id"),
        sa.UniqueConstraint("uid", name="uq_access_requests_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_access_requests_user_id", "access_requests", ["user_id"])

    op.create_table(
        "collection_changes",
        sa.Column("id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("actor_id", _ID, nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["accounts.id"], name="fk_collection_changes_actor_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_collection_changes_collection_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_collection_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_collection_changes_collection_id_id", "collection_changes", ["collection_id", "id"])

    op.create_table(
        "collection_items",
        sa.Column("id", _ID, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("target_key", sa.Text(), nullable=False),
        sa.Column("repo_id", _ID, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_collection_items_collection_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_collection_items_repo_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_collection_items"),
        sa.UniqueConstraint(
            "collection_id", "kind", "target_key", name="uq_collection_items_collection_id_kind_target_key"
        ),
        sa.UniqueConstraint("uid", name="uq_collection_items_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_collection_items_repo_id", "collection_items", ["repo_id"])

    op.create_table(
        "collection_votes",
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_collection_votes_collection_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_collection_votes_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("collection_id", "user_id", name="pk_collection_votes"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "likes",
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_likes_repo_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_likes_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo_id", "user_id", name="pk_likes"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_likes_user_id_at", "likes", ["user_id", "at"])

    op.create_table(
        "watches",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("is_muted", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_watches_repo_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_watches_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "repo_id", name="pk_watches"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_watches_repo_id", "watches", ["repo_id"])

    op.create_table(
        "webhook_deliveries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("webhook_id", _ID, nullable=False),
        sa.Column("event_id", _ID, nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_webhook_deliveries_webhook_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.UniqueConstraint("uid", name="uq_webhook_deliveries_uid"),
        sa.UniqueConstraint("webhook_id", "event_id", name="uq_webhook_deliveries_webhook_id_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])
    op.create_index("ix_webhook_deliveries_webhook_id_id", "webhook_deliveries", ["webhook_id", "id"])

    op.create_table(
        "webhook_targets",
        sa.Column("webhook_id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_webhook_targets_webhook_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("webhook_id", "kind", "name_key", name="pk_webhook_targets"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_webhook_targets_kind_name_key", "webhook_targets", ["kind", "name_key"])

    op.create_table(
        "thread_events",
        sa.Column("id", _ID, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("author_id", _ID, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.Column("hidden_at", sa.BigInteger(), nullable=True),
        sa.Column("hidden_by_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(["author_id"], ["accounts.id"], name="fk_thread_events_author_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["hidden_by_id"], ["accounts.id"], name="fk_thread_events_hidden_by_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["repo_id", "number"],
            ["discussions.repo_id", "discussions.number"],
            name="fk_thread_events_repo_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_thread_events"),
        sa.UniqueConstraint("uid", name="uq_thread_events_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_thread_events_author_id", "thread_events", ["author_id"])
    op.create_index("ix_thread_events_repo_id_number_id", "thread_events", ["repo_id", "number", "id"])

    op.create_table(
        "thread_watches",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("is_muted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repo_id", "number"],
            ["discussions.repo_id", "discussions.number"],
            name="fk_thread_watches_repo_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_thread_watches_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "repo_id", "number", name="pk_thread_watches"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_thread_watches_repo_id_number", "thread_watches", ["repo_id", "number"])

    op.create_table(
        "comment_texts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("event_id", _ID, nullable=False),
        sa.Column("author_id", _ID, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["accounts.id"], name="fk_comment_texts_author_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["event_id"], ["thread_events.id"], name="fk_comment_texts_event_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_comment_texts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_comment_texts_event_id", "comment_texts", ["event_id"])

    op.create_table(
        "reactions",
        sa.Column("event_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("emoji", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["thread_events.id"], name="fk_reactions_event_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_reactions_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id", "user_id", "emoji", name="pk_reactions"),
        sqlite_with_rowid=False,
    )
    op.add_column("activity", sa.Column("number", sa.Integer(), nullable=True))
    op.add_column("repos", sa.Column("gates_members", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("repos", sa.Column("disabled_reason", sa.Text(), nullable=True))
    op.add_column("repos", sa.Column("discussions_off", sa.Boolean(), server_default=sa.false(), nullable=False))
    _first_comments()


def _first_comments() -> None:
    """What a pull request said of itself becomes its first comment, which can be edited."""
    op.add_column("discussions", sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False))
    for counter in ("comments", "version"):
        op.add_column("discussions", sa.Column(counter, sa.Integer(), server_default="0", nullable=False))
    for time in ("pinned_at", "locked_at"):
        op.add_column("discussions", sa.Column(time, sa.BigInteger(), nullable=True))
    connection = op.get_bind()
    connection.execute(sa.text("UPDATE discussions SET updated_at = created_at"))
    found = connection.execute(sa.text("SELECT repo_id, number, author_id, created_at, description FROM discussions"))
    told = [{"uid": secrets.token_hex(12), **row._mapping} for row in found]
    if told:
        connection.execute(
            sa.text("""
                INSERT INTO thread_events (uid, repo_id, number, kind, author_id, at, data, text)
                VALUES (:uid, :repo_id, :number, 'comment', :author_id, :created_at, '{}', :description)
            """),
            told,
        )
    op.drop_column("discussions", "description")
