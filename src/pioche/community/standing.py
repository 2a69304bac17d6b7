"""What somebody may do in the threads of a repo."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.errors import Forbidden
from pioche.repos.access import Access, Action, Repo


@dataclass(frozen=True, slots=True)
class Standing:
    """Of a caller who was let in to discuss. `writes` to the repo: they moderate; `manages`: they may delete a thread."""

    repo: Repo
    caller: Caller
    writes: bool
    manages: bool

    @property
    def user_id(self) -> int | None:
        return self.caller.user_id or None

    def owns(self, author_id: int | None) -> bool:
        return author_id is not None and author_id == self.caller.user_id

    def check_moderates(self) -> None:
        """Raises Forbidden."""
        if not self.writes:
            raise Forbidden("Only those who may write to this repo may do this")

    def check_changes(self, thread: "sa.Row[Any]") -> None:
        """Whether they may rename or close it. Raises Forbidden."""
        if not self.writes and not self.owns(thread.author_id):
            raise Forbidden("Only its author and those who may write to this repo may change this discussion")

    def check_speaks(self, thread: "sa.Row[Any]") -> None:
        """Whether they may say something in it. Raises Forbidden."""
        if thread.locked_at is not None and not self.writes:
            raise Forbidden("This discussion is locked: only those who may write to this repo comment in it")


def of(access: Access, repo: Repo, caller: Caller) -> Standing:
    """Asks for the rights as they are now."""
    writes = access.allows(caller, repo, Action.WRITE)
    return Standing(repo, caller, writes, writes and access.allows(caller, repo, Action.MANAGE))
