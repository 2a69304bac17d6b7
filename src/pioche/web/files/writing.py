"""What all pages that commit have in common: the message, the branch or a pull request, and where to go afterwards."""

from dataclasses import dataclass, field

from pioche.errors import BadRequest
from pioche.http.messages import Query, Request, Response
from pioche.repos import commits, protection, pulls, revisions
from pioche.repos.access import Action
from pioche.repos.commits import Operation, Plan
from pioche.repos.revisions import Revision
from pioche.web.files import frame
from pioche.web.files.frame import Frame

_SUMMARY_CHARACTERS_MAX = 500
_DESCRIPTION_CHARACTERS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Message:
    """What the writer says about a change. `as_pull`: into a new pull request instead of onto the branch."""

    summary: str = ""
    description: str = ""
    as_pull: bool = False

    @classmethod
    def of(cls, form: Query) -> "Message":
        """Of the fields `summary`, `description`, `target`. Raises BadRequest for more text than a commit should have."""
        summary = " ".join((form.get("summary") or "").split())
        description = (form.get("description") or "").replace("\r\n", "\n").strip()
        if len(summary) > _SUMMARY_CHARACTERS_MAX or len(description) > _DESCRIPTION_CHARACTERS_MAX:
            raise BadRequest(f"A message may have {_SUMMARY_CHARACTERS_MAX} characters in its first line")
        return cls(summary, description, form.get("target") == "pull")


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be committed on top of `parent`; None is whatever is there. `summary` stands in for a missing one."""

    operations: list[Operation]
    summary: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Targets:
    """Where this caller may commit to, which decides what the form offers."""

    branch: bool
    pull: bool
    chosen: str = field(default="branch")


async def targets(request: Request, page: Frame, message: Message | None = None) -> Targets:
    """A pull request may be added to by whoever opened it; new ones are made against branches."""
    ref = page.revision.ref or ""
    may_commit = page.may_write and await request.run(protection.may_change, request.repo, request.caller, ref)
    may_commit = may_commit or (ref.startswith("refs/pr/") and await _has_opened(request, ref))
    may_propose = page.may_propose and ref.startswith("refs/heads/")
    wants_pull = message.as_pull if message else not may_commit
    return Targets(may_commit, may_propose, "pull" if wants_pull else "branch")


async def commit(request: Request, page: Frame, message: Message, change: Change) -> Response:
    """Commits, and leads to what came of it. Raises Forbidden where the caller may only propose, StaleParent ..."""
    if not message.as_pull:
        await _check_may_commit(request, page)
    summary = message.summary or change.summary
    plan = Plan(summary, message.description, change.parent, change.operations)
    commits.check_sizes(plan, file_bytes_max=request.hub.config.regular_file_bytes_max)
    function = commits.propose if message.as_pull else commits.create
    done = await request.run(function, request.repo, request.caller, page.rev, plan)
    return frame.see_other(page.at.commit(done.oid))


async def _check_may_commit(request: Request, page: Frame) -> None:
    ref = page.revision.ref or ""
    if ref.startswith("refs/pr/") and await _has_opened(request, ref):
        return
    await request.hub.access.open_uid(request.caller, request.repo.uid, Action.WRITE)


async def _has_opened(request: Request, ref: str) -> bool:
    return await request.run(pulls.author_of, request.repo, ref) == request.caller.user_id


async def branch(request: Request) -> Revision:
    """The revision of the address, which must be one that takes commits. Raises BadRequest."""
    found = await revisions.resolve(request.repo, request.params["rev"])
    if found.ref is None or found.ref.startswith("refs/tags/"):
        raise BadRequest("Files can be changed on a branch or a pull request, not at a tag or a commit")
    return found
