"""What is made from a model: as many as the caller may see, and no more."""

from pioche.accounts.callers import Caller
from pioche.names import RepoId, RepoType
from pioche.search.query import Query, Search, Sort, fold_tag

RELATIONS = ("adapter", "finetune", "merge", "quantized")


def children(search: Search, caller: Caller, model: RepoId) -> dict[str, int]:
    """How many models were made from it, by relation; a relation of which there is none is left out."""
    counts = {relation: search.find(caller, _made_from(model, relation)).total for relation in RELATIONS}
    return {relation: count for relation, count in counts.items() if count}


def _made_from(model: RepoId, relation: str) -> Query:
    return Query(type=RepoType.MODEL, tags=((fold_tag(f"base_model:{relation}:{model}"),),), limit=1)


def spaces(search: Search, caller: Caller, model: RepoId, *, limit: int = 100) -> list[int]:
    """Rows of the Spaces whose card names the model, by what trends."""
    query = Query(type=RepoType.SPACE, models=(fold_tag(str(model)),), sort=Sort.TRENDING, limit=limit)
    return search.find(caller, query).ids
