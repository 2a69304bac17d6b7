"""Everything that the front page of a repo tells, in one look: its row, the facts read out of its files, its tip.

And what it says about other repos, of which only those are named as links that are here and that the reader may open.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import EntryNotFound, RepoNotFound
from pioche.names import DEFAULT_REF, Oid, RepoId, RepoType
from pioche.repos import files, info
from pioche.repos.access import Repo
from pioche.repos.files import Entry

Json = dict[str, Any]

_NAMES_MAX = 200
_VERSIONS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Times are Unix milliseconds. `details` and `missing` are as `repos.facts` derives them; `sha` is the tip.

    What comes out of a card was written by strangers: a field may be of any shape.
    """

    repo_id: RepoId
    private: bool
    gated: str
    disabled: bool
    duplication_off: bool
    downloads: int
    """Of the last 30 days."""
    downloads_all: int
    likes: int
    used_storage: int
    card: Json
    tags: list[str]
    sdk: str | None
    created_at: int
    updated_at: int
    sha: Oid
    pipeline_tag: str | None
    library_name: str | None
    parameters: int | None
    completeness: int | None
    summary: str
    details: Json
    warnings: list[str]

    @property
    def missing(self) -> list[Json]:
        """What a complete card would have: `id`, `points`, sometimes `field` and `suggestion`."""
        return _dicts(self.details.get("missing"))

    @property
    def unsafe(self) -> list[Json]:
        """Files that can run commands when they are loaded: `path`, `imports`."""
        return _dicts(self.details.get("unsafe"))

    def texts(self, name: str) -> list[str]:
        """A field of the card that is a text or a list of them."""
        return texts(self.card.get(name))

    def text(self, name: str) -> str:
        """The first text of a field of the card; empty without one."""
        return next(iter(self.texts(name)), "")

    @property
    def is_deprecated(self) -> bool:
        """The card says so: `deprecated: true`, or why in a text."""
        return self.card.get("deprecated") is True or bool(self.deprecation)

    @property
    def deprecation(self) -> str:
        """Why, in the words of the card; empty without any."""
        found = self.card.get("deprecated")
        return found.strip()[:_WORDS_CHARACTERS_MAX] if isinstance(found, str) else ""


_COLUMNS = (
    "private", "gated", "disabled_at", "downloads", "downloads_all", "likes", "used_storage", "card", "tags", "sdk",
    "created_at", "updated_at", "duplication_off",
)  # fmt: skip
_FACTS = ("pipeline_tag", "library_name", "parameters", "completeness", "summary", "details", "warnings")
_WORDS_CHARACTERS_MAX = 1_000
_QUERY = (
    sa.select(
        *(schema.repos.c[name] for name in _COLUMNS), *(schema.facts.c[name] for name in _FACTS), schema.refs.c.commit
    )
    .select_from(
        schema.repos.join(
            schema.refs, (schema.refs.c.repo_id == schema.repos.c.id) & (schema.refs.c.name == DEFAULT_REF)
        ).outerjoin(schema.facts, schema.facts.c.repo_id == schema.repos.c.id)
    )
    .where(schema.repos.c.id == sa.bindparam("repo"), schema.repos.c.deleted_at.is_(None))
)


def read(repo: Repo) -> Overview:
    """Of an opened repo. Raises RepoNotFound when it was deleted since."""
    with repo.database.read() as connection:
        row = connection.execute(_QUERY, {"repo": repo.id}).mappings().first()
    if row is None:
        raise RepoNotFound
    return Overview(
        repo_id=repo.repo_id,
        private=bool(row["private"]),
        gated=row["gated"],
        disabled=row["disabled_at"] is not None,
        duplication_off=bool(row["duplication_off"]),
        downloads=row["downloads"],
        downloads_all=row["downloads_all"],
        likes=row["likes"],
        used_storage=row["used_storage"],
        card=_decoded(row["card"], {}),
        tags=texts(_decoded(row["tags"], [])),
        sdk=row["sdk"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        sha=Oid(row["commit"]),
        pipeline_tag=row["pipeline_tag"],
        library_name=row["library_name"],
        parameters=row["parameters"],
        completeness=row["completeness"],
        summary=row["summary"] or "",
        details=_decoded(row["details"] or "{}", {}),
        warnings=texts(_decoded(row["warnings"] or "[]", [])),
    )


def readme(repo: Repo) -> Entry | None:
    """The card's file at the tip of the default branch; None when there is none, or something else has its name."""
    try:
        entry = files.locate_sync(repo, "main", "README.md").entry
    except EntryNotFound:
        return None
    return entry if entry.is_file else None


def present(database: Database, caller: Caller, repo_type: RepoType, names: Iterable[str]) -> dict[str, RepoId]:
    """Those of the named repos that are here and that the caller may read, by the name that was given."""
    asked = {name.lower(): name for name in list(names)[:_NAMES_MAX]}
    if not asked:
        return {}
    repos = schema.repos
    here = (repos.c.type == repo_type.value) & repos.c.full_key.in_(list(asked))
    with database.read() as connection:
        rows = connection.execute(
            sa.select(repos.c.full_key, repos.c.full_name).where(here, *info.visible(caller))
        ).all()
    found: dict[str, RepoId] = {}
    for key, full_name in rows:
        namespace, _, name = full_name.partition("/")
        found[asked[key]] = RepoId(repo_type, namespace, name)
    return found


def newest(database: Database, caller: Caller, overview: Overview) -> RepoId | None:
    """Where `new_version` of the card leads in the end, from one repo to the next; None when it leads nowhere or in a ring."""
    seen = {overview.repo_id.key}
    found: RepoId | None = None
    following = overview.text("new_version")
    while following and following.lower() not in seen and len(seen) < _VERSIONS_MAX:
        seen.add(following.lower())
        step = _next_version(database, caller, overview.repo_id.type, following)
        if step is None:
            return found
        found, following = step
    return None if following.lower() in seen and following else found


def _next_version(database: Database, caller: Caller, repo_type: RepoType, name: str) -> tuple[RepoId, str] | None:
    repos = schema.repos
    here = (repos.c.type == repo_type.value) & (repos.c.full_key == name.lower())
    with database.read() as connection:
        query = sa.select(repos.c.full_name, repos.c.card).where(here, *info.visible(caller))
        row = connection.execute(query).first()
    if row is None:
        return None
    namespace, _, short = row.full_name.partition("/")
    following = texts(_decoded(row.card, {}).get("new_version"))
    return RepoId(repo_type, namespace, short), next(iter(following), "")


def texts(value: object) -> list[str]:
    """A text, or a list of texts and numbers, as a list of texts; anything else is none."""
    items = value if isinstance(value, list) else [value]
    return [str(item) for item in items if isinstance(item, str | int | float) and not isinstance(item, bool)]


def _dicts(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _decoded(text: str, empty: Any) -> Any:
    """What stands in a column; of another kind than `empty` it counts as empty."""
    found = msgspec.json.decode(text)
    return found if isinstance(found, type(empty)) else empty
