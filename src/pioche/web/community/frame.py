"""What the pages of discussions have in common: the repo's head, and what the caller may do here."""

from dataclasses import dataclass
from typing import Any

from pioche.community import standing
from pioche.community.reading import Thread
from pioche.community.standing import Standing
from pioche.errors import NotFound
from pioche.http.messages import Request, Response
from pioche.repos.access import Action
from pioche.repos.signatures import Verifier
from pioche.web import layout
from pioche.web.files.addresses import Addresses
from pioche.web.files.frame import author_page
from pioche.web.repo import heads
from pioche.web.repo.heads import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Rights are what the pages offer; doing it is checked again."""

    head: Head
    at: Addresses
    standing: Standing
    may_discuss: bool
    may_propose: bool

    def may_change(self, author: str | None) -> bool:
        """Whether they may rename or close what `author` opened."""
        mine = author is not None and author == self.standing.caller.name
        return self.may_discuss and (mine or self.standing.writes)


async def frame(request: Request) -> Frame:
    """Raises NotFound where discussions are off."""
    head = await heads.head(request)
    if head.discussions is None:
        raise nothing_here()
    return Frame(
        head=head,
        at=Addresses(request.repo.repo_id),
        standing=await request.run(standing.of, request.hub.access, request.repo, request.caller),
        may_discuss=await heads.may(request, Action.PARTICIPATE),
        may_propose=await heads.may(request, Action.PROPOSE),
    )


def nothing_here() -> NotFound:
    """As of an address that no page has."""
    return NotFound("There is nothing at this address")


def number_of(request: Request) -> int:
    """The number in the address. Raises NotFound."""
    text = request.params["number"]
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise nothing_here()
    return int(text)


def about(page: Frame, thread: Thread) -> dict[str, Any]:
    """What every page of a thread is told of it."""
    return {
        "thread": thread,
        "may_speak": page.may_discuss and (thread.locked_at is None or page.standing.writes),
        "may_change": page.may_change(thread.author.name if thread.author else None),
    }


def drawn(request: Request, template: str, page: Frame, *, status: int = 200, **values: Any) -> Response:
    """In a thread: a long conversation takes its time."""
    common: dict[str, Any] = {"repo_id": request.repo.repo_id, "head": page.head, "tab": "community"}
    common |= {"page": page, "at": page.at, "author_page": author_page, "verdict": Verifier(request.repo).of}
    return layout.page(request, f"community/{template}", status=status, **common, **values)
