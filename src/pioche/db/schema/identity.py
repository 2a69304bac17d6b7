"""Who people are elsewhere: at the hub's own OpenID provider, at those of organisations, and in their directories (SCIM)."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, true

from pioche.db.schema.columns import Id, metadata

# By the provider of the hub (settings `oidc_*`): a way in. One a user.
identities = Table(
    "identities",
    metadata,
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("email", Text),  # as the provider told it; for people to recognise it by
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    UniqueConstraint("issuer", "subject"),
)

# The provider of an organisation. `accounts.requires_sso` says whether its members have to sign in there.
org_providers = Table(
    "org_providers",
    metadata,
    Column("org_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, nullable=False),  # what people know it by
    Column("kind", Text, nullable=False, server_default="oidc"),  # oidc, saml
    Column("issuer", Text, nullable=False),  # of SAML: its entity id
    Column("client_id", Text, nullable=False),  # this and the next: of OpenID, else empty
    Column("client_secret", Text, nullable=False),  # sent to the provider, so kept as it is
    Column("sign_in_url", Text, nullable=False, server_default=""),  # this and the next two: of SAML, else empty
    Column("certificates", Text, nullable=False, server_default=""),  # PEM: whose signatures count
    Column("email_attribute", Text, nullable=False, server_default=""),  # empty: the NameID, where it is an address
    Column("hours", Integer, nullable=False),  # for how long a member has then proved who they are
    Column("created_at", BigInteger, nullable=False),
)

# By the provider of an organisation: no way in, but who a member is there.
org_identities = Table(
    "org_identities",
    metadata,
    Column("org_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("email", Text),  # one that the provider verified
    Column("created_at", BigInteger, nullable=False),
    Column("verified_at", BigInteger, nullable=False),  # signed in there, in whatever browser
    UniqueConstraint("org_id", "issuer", "subject"),
    Index(None, "user_id"),
)

# In which session somebody signed in at the provider of an organisation.
org_sign_ins = Table(
    "org_sign_ins",
    metadata,
    Column("session_id", Id, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("org_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Index(None, "org_id"),
)

# What the directory of an organisation sends its people with. One an organisation.
scim_tokens = Table(
    "scim_tokens",
    metadata,
    Column("org_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", Text, nullable=False, unique=True),  # sha256; the token itself is shown once
    Column("creator_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),  # in whose name people are invited
    Column("created_at", BigInteger, nullable=False),
)

# The people of that directory. `user_id` null: nobody of this hub is known to be this person (yet).
scim_users = Table(
    "scim_users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),  # 24 hex digits, `id` on the wire
    Column("org_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("user_name", Text, nullable=False),
    Column("user_name_key", Text, nullable=False),  # lower case
    Column("external_id", Text),
    Column("email", Text),  # lower case, the primary one
    Column("attributes", Text, nullable=False),  # JSON: name, displayName, emails, as they were sent
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("has_joined", Boolean, nullable=False),  # was a member until it was deactivated
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    UniqueConstraint("org_id", "user_name_key"),
    Index(None, "user_id"),
    sqlite_autoincrement=True,
)

# The directory's groups are resource groups; who is in them, also of those who are no members yet.
scim_group_users = Table(
    "scim_group_users",
    metadata,
    Column("group_id", Id, ForeignKey("resource_groups.id", ondelete="CASCADE"), primary_key=True),
    Column("scim_user_id", Id, ForeignKey("scim_users.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "scim_user_id"),
)
