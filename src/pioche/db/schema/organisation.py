"""How an organisation shares out its repos: groups, who is invited, which tokens may act in it."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from pioche.db.schema.columns import Id, metadata


def _org(*, key: bool = False) -> Column[int]:
    return Column("org_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, primary_key=key)


def _user_key() -> Column[int]:
    return Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, primary_key=True)


# Private repos of a group (`repos.group_id`) are there for its members only.
resource_groups = Table(
    "resource_groups",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),  # 24 hex digits, `id` on the wire
    _org(),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # lower case
    Column("description", Text, nullable=False, default=""),
    Column("auto_join", Text),  # the role in it of every member of the organisation; null: only who was added
    Column("created_at", BigInteger, nullable=False),
    Column("external_id", Text),  # what the organisation's directory (SCIM) calls it
    UniqueConstraint("org_id", "name_key"),
    sqlite_autoincrement=True,
)

resource_group_members = Table(
    "resource_group_members",
    metadata,
    Column("group_id", Id, ForeignKey("resource_groups.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    _user_key(),
    Column("role", Text, nullable=False),  # admin | write | contributor | read
    Column("created_at", BigInteger, nullable=False),
    Index(None, "user_id"),
    sqlite_with_rowid=False,
)

# Into an organisation: by a link, which whoever has it may follow, or for one user.
org_invitations = Table(
    "org_invitations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),  # sha256 of what the link holds
    _org(),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE")),  # null: for who has the link
    Column("email", Text),  # where the link is sent, and nowhere shown
    Column("role", Text, nullable=False),
    Column("creator_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("uses_left", Integer),  # null: as many as come; 0: used up
    Index(None, "org_id"),
    Index(None, "user_id"),
    sqlite_autoincrement=True,
)

# Who asked to belong to an organisation, and waits.
join_requests = Table(
    "join_requests",
    metadata,
    _org(key=True),
    _user_key(),
    Column("text", Text, nullable=False, default=""),
    Column("at", BigInteger, nullable=False),
    Index(None, "user_id"),
    sqlite_with_rowid=False,
)

# What an organisation said of a token of one of its members, where it wants to be asked (`accounts.approves_tokens`).
token_approvals = Table(
    "token_approvals",
    metadata,
    Column("token_id", Id, ForeignKey("tokens.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    _org(key=True),
    Column("status", Text, nullable=False),  # pending | approved | denied | revoked
    Column("asked_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger),
    Column("decider_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Index(None, "org_id", "status"),
    sqlite_with_rowid=False,
)

# Users that no person is: they sign in nowhere, and their tokens belong to an organisation.
service_accounts = Table(
    "service_accounts",
    metadata,
    _user_key(),
    _org(),
    Column("creator_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Index(None, "org_id"),
    sqlite_with_rowid=False,
)
