"""Pictures that people sent: avatars, those of repos, in comments, in collections. Their bytes are large files (`contents`)."""

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, Integer, Table, Text

from pioche.db.schema.columns import Id, metadata

images = Table(
    "images",
    metadata,
    Column("id", Id, primary_key=True),
    Column(
        "uid", Text, nullable=False, unique=True
    ),  # 24 hex digits; the address of an attachment and of one in a gallery
    Column("use", Text, nullable=False),  # avatar | social | attachment | gallery
    # Whose it is: the person or organisation that an avatar shows, otherwise who sent it.
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("repo_id", Id, ForeignKey("repos.id", ondelete="CASCADE")),  # social only
    Column("sha256", Text, ForeignKey("contents.sha256"), nullable=False),
    Column("media_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "use", "account_id"),
    Index(None, "repo_id"),
    Index(None, "sha256"),
    sqlite_autoincrement=True,
)

# Which threads an attachment is in: who may open their repo may see it. One without any is removed after a day.
image_uses = Table(
    "image_uses",
    metadata,
    Column("image_id", Id, ForeignKey("images.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    Column("repo_id", Id, nullable=False, primary_key=True),
    Column("number", Integer, nullable=False, primary_key=True),
    ForeignKeyConstraint(["repo_id", "number"], ["discussions.repo_id", "discussions.number"], ondelete="CASCADE"),
    Index(None, "repo_id", "number"),
    sqlite_with_rowid=False,
)

# The gallery of an item of a collection. A picture whose item is gone is removed after a day.
collection_pictures = Table(
    "collection_pictures",
    metadata,
    Column("image_id", Id, ForeignKey("images.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    Column("item_id", Id, ForeignKey("collection_items.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("alt", Text, nullable=False),  # for who does not see it
    Index(None, "item_id", "position"),
    sqlite_with_rowid=False,
)
