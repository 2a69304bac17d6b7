"""What the caller thinks of a repo, as its head shows it: liked, watched, muted."""

from dataclasses import dataclass

from pioche.accounts.callers import Caller
from pioche.community import likes, watching
from pioche.community.watching import Watch
from pioche.repos.access import Repo


@dataclass(frozen=True, slots=True)
class Marks:
    """Of nobody: nothing."""

    is_liked: bool
    watch: Watch


_NONE = Marks(is_liked=False, watch=Watch.NONE)


def of(repo: Repo, caller: Caller) -> Marks:
    """For a worker thread."""
    if caller.is_anonymous:
        return _NONE
    return Marks(likes.does_like(repo.database, caller, repo), watching.of(repo.database, caller, repo))
