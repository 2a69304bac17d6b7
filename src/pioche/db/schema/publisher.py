"""Who else may have a token: jobs of a CI system, known by what its OpenID provider signs of them."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text, false

from pioche.db.schema.columns import Id, metadata

# Of a repo, or of a person's account where `repo_id` is null. Tokens that it is given act in the name of `user_id`.
publishers = Table(
    "publishers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),  # who added it
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="CASCADE")),
    Column("issuer", Text, nullable=False),
    Column("claims", Text, nullable=False),  # JSON: what has to be said of a job, to the letter
    Column("pins", Text),  # JSON: ids behind the names in `claims`, as the first job had them
    Column("reads_private", Boolean, nullable=False, server_default=false()),  # of an account: its private repos too
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Index(None, "user_id"),
    Index(None, "repo_id"),
    sqlite_autoincrement=True,
)

# Identity tokens of jobs and assertions of SAML providers that were taken: each counts once (accounts/taken.py).
taken_identities = Table(
    "taken_identities",
    metadata,
    Column("key", Text, primary_key=True),  # sha256 of the issuer and of its own id
    Column("until", BigInteger, nullable=False),  # when nobody would take it anyhow
    Index(None, "until"),
    sqlite_with_rowid=False,
)
