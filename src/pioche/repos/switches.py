"""What the owners of a repo have decided about it, read for the pages where they change it (`Catalog.change`)."""

from dataclasses import dataclass

import sqlalchemy as sa

from pioche.db import schema
from pioche.errors import RepoNotFound
from pioche.repos.access import Repo

_NAMES = ("private", "discussions_off", "duplication_off", "code_allowed")
_COLUMNS = tuple(schema.repos.c[name] for name in _NAMES)
_SPACE = (schema.accounts.c.kind, schema.accounts.c.private_by_default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """`is_of_organisation`: its owner is no person. `private_by_default`: what that organisation makes is private."""

    private: bool
    discussions_off: bool
    duplication_off: bool
    code_allowed: bool
    is_of_organisation: bool
    private_by_default: bool


def read(repo: Repo) -> Switches:
    """As they are now. Raises RepoNotFound for a repo that was deleted since it was opened."""
    joined = schema.repos.join(schema.accounts, schema.accounts.c.id == schema.repos.c.namespace_id)
    query = sa.select(*_COLUMNS, *_SPACE).select_from(joined)
    with repo.database.read() as connection:
        alive = (schema.repos.c.id == repo.id, schema.repos.c.deleted_at.is_(None))
        row = connection.execute(query.where(*alive)).first()
    if row is None:
        raise RepoNotFound
    return Switches(
        private=bool(row.private),
        discussions_off=bool(row.discussions_off),
        duplication_off=bool(row.duplication_off),
        code_allowed=bool(row.code_allowed),
        is_of_organisation=row.kind == "org",
        private_by_default=bool(row.private_by_default),
    )
