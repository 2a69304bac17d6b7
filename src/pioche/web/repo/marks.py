"""What the caller thinks of a repo, as its head shows it: liked, watched, muted; and whether they follow its owner."""

from dataclasses import dataclass

from pioche.accounts.callers import Caller
from pioche.community import follows, likes, pins, watching
from pioche.community.pins import Place
from pioche.community.watching import Watch
from pioche.repos.access import Repo


@dataclass(frozen=True, slots=True)
class Marks:
    """Of nobody: nothing."""

    is_liked: bool
    watch: Watch
    follows_owner: bool
    is_own: bool
    """Nobody follows themselves."""
    places: list[Place]
    """Where they may pin it."""


_NONE = Marks(is_liked=False, watch=Watch.NONE, follows_owner=False, is_own=False, places=[])


def of(repo: Repo, caller: Caller) -> Marks:
    """For a worker thread."""
    if caller.is_anonymous:
        return _NONE
    database = repo.database
    return Marks(
        is_liked=likes.does_like(database, caller, repo),
        watch=watching.of(database, caller, repo),
        follows_owner=follows.does_follow(database, caller, repo.namespace_id),
        is_own=repo.namespace_id == caller.user_id,
        places=pins.places(repo, caller),
    )
