"""Users, organisations, and how they prove who they are."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, false

from pioche.db.schema.columns import Id, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),  # 24 hex digits, `_id` on the wire
    Column("kind", Text, nullable=False),  # user | org
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),  # lower case
    Column("fullname", Text, nullable=False),
    Column("email", Text),
    Column("password_hash", Text),  # argon2id
    Column("must_change_password", Boolean, nullable=False, default=False),  # the password was made by the hub
    Column("is_admin", Boolean, nullable=False, default=False),
    Column("private_by_default", Boolean, nullable=False, default=False),
    Column("suspended_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("bio", Text),
    Column("homepage", Text),  # http(s) only
    Column("links", Text),  # more of them, one a line
    Column("interests", Text),  # with ", " between them
    Column("language", Text),  # of the pages; null: the browser's
    Column("theme", Text),  # light | dark; null: the system's
    Column("time_zone", Text),  # of exact times, as in Europe/Paris; null: UTC
    Column("sensitive", Text),  # show | hide what is not for all audiences; null: ask
    Column("storage_max", BigInteger),  # bytes of all its repos; null: what the settings say
    # Of an organisation: strangers do not see who belongs to it; only fine-grained tokens act in it; it wants to be asked
    # about each token first; people may ask to belong to it.
    Column("hides_members", Boolean, nullable=False, default=False, server_default=false()),
    Column("wants_fine_grained", Boolean, nullable=False, default=False, server_default=false()),
    Column("approves_tokens", Boolean, nullable=False, default=False, server_default=false()),
    Column("takes_requests", Boolean, nullable=False, default=False, server_default=false()),
    # Of an organisation too: members without a second factor, and requests from elsewhere, get nothing private of it.
    Column("needs_second_factor", Boolean, nullable=False, default=False, server_default=false()),
    Column("address_ranges", Text),  # networks with a blank between them; null: from anywhere
    Column("requires_sso", Boolean, nullable=False, server_default=false()),  # members sign in at its provider, too
    Column("verified_at", BigInteger),  # the hub's administrators know that it is who it says
    sqlite_autoincrement=True,
)

# What accounts were called: kept for them, and for nobody else (accounts/former_names.py).
former_names = Table(
    "former_names",
    metadata,
    Column("name_key", Text, primary_key=True),  # lower case
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),  # null: the account is gone
    Column("at", BigInteger, nullable=False),
    Index(None, "account_id"),
    sqlite_with_rowid=False,
)

memberships = Table(
    "memberships",
    metadata,
    Column("org_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, nullable=False),  # admin | write | contributor | read | no_access
    Column("created_at", BigInteger, nullable=False),
    Index(None, "user_id"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),  # read | write | fineGrained
    Column("scopes", Text),  # JSON, of fine-grained tokens: what it allows, where (accounts/scopes.py)
    Column("hash", Text, nullable=False, unique=True),  # sha256 of the token; the token itself is shown once
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("publisher_id", Id),  # of a job's: what it was given for (publishers), also when that is gone
    Index(None, "user_id"),
    Index(None, "publisher_id"),
    sqlite_autoincrement=True,
)

# Who is signed in, in which browser. A row is the session: removing it ends it.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("hash", Text, nullable=False, unique=True),  # sha256 of the cookie's value, which is nowhere else
    Column("device", Text, nullable=False),  # "Firefox on Linux"; no address
    Column("is_remembered", Boolean, nullable=False),  # the cookie outlives the browser's window
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "user_id"),
    Index(None, "expires_at"),
    sqlite_autoincrement=True,
)

# What people sign commits with, and come with over SSH (accounts/ssh_keys.py).
ssh_keys = Table(
    "ssh_keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    Column("public_key", Text, nullable=False),  # as in an id_*.pub file, without the comment
    Column("fingerprint", Text, nullable=False, unique=True),  # SHA256:..., as OpenSSH writes it
    Column("created_at", BigInteger, nullable=False),
    Column("purpose", Text, nullable=False, server_default="signing"),  # signing, access or both
    Column("last_used_at", BigInteger),  # over SSH
    Index(None, "account_id"),
    sqlite_autoincrement=True,
)

# How many requests were allowed to an account or an address in a window of time (http/limits.py).
permits = Table(
    "permits",
    metadata,
    Column("key", Text, primary_key=True),
    Column("until", BigInteger, nullable=False),  # when the window ends
    Column("taken", BigInteger, nullable=False),
    Index(None, "until"),
    sqlite_with_rowid=False,
)

# How often signing in failed of late, by account and by address; both only as hashes.
sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("key", Text, primary_key=True),
    Column("times", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Index(None, "last_at"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),  # sha256 of what the link holds
    Column("email", Text),  # whom it is for, where that is known
    Column("is_admin", Boolean, nullable=False, default=False),
    Column("creator_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("used_by_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    sqlite_autoincrement=True,
)
