"""What `expand` tells of other repos: base models, how many were made from this one, the Spaces that use it.

Only those that the caller may see are told and counted (invariant I7).
"""

from collections.abc import Sequence

from pioche.accounts.callers import Caller
from pioche.errors import HubError
from pioche.http.hub import Hub
from pioche.names import RepoId, RepoType
from pioche.protocols.rest.shapes import Json
from pioche.repos import info
from pioche.repos.access import Action, Repo
from pioche.search.query import Query, fold_tag

NAMES = frozenset(("baseModels", "childrenModelCount", "spaces"))

_RELATIONS = ("adapter", "finetune", "merge", "quantized")
_SHOWN_MAX = 100


def related(hub: Hub, caller: Caller, repo: Repo, details: Json, names: set[str]) -> Json:
    """Those of NAMES that were asked for. For a worker thread."""
    found: Json = {}
    if "baseModels" in names:
        (found["baseModels"],) = bases(hub, caller, [details])
    if "childrenModelCount" in names:
        found["childrenModelCount"] = {name: _children(hub, caller, repo, name) for name in _RELATIONS}
    if "spaces" in names:
        found["spaces"] = _spaces(hub, caller, repo)
    return found


def bases(hub: Hub, caller: Caller, details: Sequence[Json]) -> list[Json | None]:
    """The base models of each of several models, whose details these are, in their order."""
    named = [found.get("baseModels") or {"relation": None, "ids": []} for found in details]
    names = dict.fromkeys(name for one in named for name in one["ids"][:_SHOWN_MAX])
    opened = {name: base for name in names if (base := _opened(hub, caller, name)) is not None}
    found = list[Json | None]()
    for one in named:
        here = [opened[name] for name in one["ids"][:_SHOWN_MAX] if name in opened]
        rows = [{"_id": base.uid, "id": str(base.repo_id)} for base in here]
        found.append({"relation": one["relation"], "models": rows} if rows else None)
    return found


def _opened(hub: Hub, caller: Caller, name: str) -> Repo | None:
    """None for one that is not here, or not for the caller."""
    try:
        return hub.access.open_sync(caller, RepoId.parse(RepoType.MODEL, name), Action.READ)
    except HubError:
        return None


def _children(hub: Hub, caller: Caller, repo: Repo, relation: str) -> int:
    tag = fold_tag(f"base_model:{relation}:{repo.repo_id}")
    return hub.search.find(caller, Query(type=RepoType.MODEL, tags=((tag,),), limit=1)).total


def _spaces(hub: Hub, caller: Caller, repo: Repo) -> list[str]:
    query = Query(type=RepoType.SPACE, models=(fold_tag(str(repo.repo_id)),), limit=_SHOWN_MAX)
    ids = hub.search.find(caller, query).ids
    return [str(space.repo_id) for space in info.of_ids(hub.database, caller, ids)]
