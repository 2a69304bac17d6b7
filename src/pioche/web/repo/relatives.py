"""How many other repos were made from this one or use it, as links to their lists.

The counts come from the search, so they hold what the reader may see and nothing else (E-LEAK).
"""

from collections.abc import Iterator
from typing import NamedTuple

from pioche.http.messages import Request
from pioche.i18n.texts import gettext as _
from pioche.names import RepoId, RepoType
from pioche.search.query import Query, fold_tag
from pioche.web.repo import heads, labels


class Relatives(NamedTuple):
    """`href` lists them."""

    label: str
    href: str
    total: int


def of(request: Request, repo_id: RepoId) -> list[Relatives]:
    """Those of which there are any."""
    found = list[Relatives]()
    for label, href, query in _queries(repo_id):
        total = request.hub.search.find(request.caller, query).total
        if total:
            found.append(Relatives(label, href, total))
    return found


def _queries(repo_id: RepoId) -> Iterator[tuple[str, str, Query]]:
    name = str(repo_id)
    if repo_id.type is RepoType.MODEL:
        for relation, (_of_it, them) in labels.RELATIONS.items():
            tag = f"base_model:{relation}:{name}"
            query = Query(type=RepoType.MODEL, tags=((fold_tag(tag),),), limit=1)
            yield _(them), heads.listing(RepoType.MODEL, other=tag), query
        spaces = Query(type=RepoType.SPACE, models=(name,), limit=1)
        yield _("Spaces that use it"), heads.listing(RepoType.SPACE, models=name), spaces
    elif repo_id.type is RepoType.DATASET:
        tag = f"dataset:{name}"
        trained = Query(type=RepoType.MODEL, tags=((fold_tag(tag),),), limit=1)
        yield _("Models trained on it"), heads.listing(RepoType.MODEL, dataset=tag), trained
        spaces = Query(type=RepoType.SPACE, datasets=(name,), limit=1)
        yield _("Spaces that use it"), heads.listing(RepoType.SPACE, datasets=name), spaces
