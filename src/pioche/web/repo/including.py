"""The collections that a repo is in, beside its card (ui.md M, right column)."""

from pioche.accounts.callers import Caller
from pioche.community.collections import finding
from pioche.community.collections.collection import Collection
from pioche.community.collections.finding import Sort, Wanted
from pioche.repos.access import Repo


def of(repo: Repo, caller: Caller, *, limit: int) -> tuple[list[Collection], int]:
    """The collections that have this repo and that the caller may see, those with most votes first; and how many there are."""
    wanted = Wanted(repo_ids=[repo.id], sort=Sort.UPVOTES, limit=limit)
    found = [one.collection for one in finding.find(repo.database, caller, wanted)]
    return found, finding.count(repo.database, caller, wanted) if found else 0
