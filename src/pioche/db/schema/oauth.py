"""Applications that people sign in to with their account here, and what they let each of them do."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from pioche.db.schema.columns import Id, metadata

oauth_applications = Table(
    "oauth_applications",
    metadata,
    Column("id", Id, primary_key=True),
    Column("client_id", Text, nullable=False, unique=True),
    Column("owner_id", Id, ForeignKey("accounts.id", ondelete="CASCADE")),  # null: the hub's own, the command line
    Column("name", Text, nullable=False),
    Column("redirect_uris", Text, nullable=False),  # one a line
    Column("scopes", Text, nullable=False),  # the most that it may ask for, with blanks between
    Column("secret_hash", Text),  # sha256; null: a public one, which cannot keep a secret
    Column("created_at", BigInteger, nullable=False),
    Index(None, "owner_id"),
    sqlite_autoincrement=True,
)

# What somebody said yes to, the last time.
oauth_consents = Table(
    "oauth_consents",
    metadata,
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("application_id", Id, ForeignKey("oauth_applications.id", ondelete="CASCADE"), primary_key=True),
    Column("scopes", Text, nullable=False),
    Column("orgs", Text, nullable=False),  # rows of the organisations that it counts in, with blanks between
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),  # when somebody last signed in by it
    Index(None, "application_id"),
)

# One for each time that somebody signed in: the token that the application got, and how it gets the next value of it.
oauth_grants = Table(
    "oauth_grants",
    metadata,
    Column("token_id", Id, ForeignKey("tokens.id", ondelete="CASCADE"), primary_key=True),
    Column("application_id", Id, ForeignKey("oauth_applications.id", ondelete="CASCADE"), nullable=False),
    Column("scopes", Text, nullable=False),
    Column(
        "family_hash", Text, unique=True
    ),  # of the first half of the refresh token, which stays; null: there is none
    Column("refresh_hash", Text),  # of its second half, which is another one each time
    Column("refresh_expires_at", BigInteger),
    Index(None, "application_id"),
)

# Between a person's yes and the application that fetches its token: a minute.
oauth_codes = Table(
    "oauth_codes",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("application_id", Id, ForeignKey("oauth_applications.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("orgs", Text, nullable=False),
    Column("nonce", Text),
    Column("challenge", Text),  # of PKCE, S256
    Column("signed_in_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("token_id", Id, ForeignKey("tokens.id", ondelete="CASCADE")),  # what it was used for; again, that ends
    Index(None, "application_id"),
    Index(None, "user_id"),
    Index(None, "token_id"),
)

# A machine without a browser waits until somebody types its code elsewhere (RFC 8628).
oauth_devices = Table(
    "oauth_devices",
    metadata,
    Column("hash", Text, primary_key=True),  # of what the machine asks with
    Column("user_code_hash", Text, nullable=False, unique=True),  # keyed: the code itself is short
    Column("application_id", Id, ForeignKey("oauth_applications.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE")),  # who answered
    Column("status", Text, nullable=False),  # pending | approved | denied
    Column("scopes", Text, nullable=False),
    Column("orgs", Text, nullable=False),
    Column("wait_seconds", Integer, nullable=False),  # seconds that it has to wait between two questions
    Column("asked_at", BigInteger),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "application_id"),
    Index(None, "user_id"),
)
