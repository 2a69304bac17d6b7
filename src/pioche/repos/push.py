"""A push, whatever carries it (HTTP, SSH): commands, then a pack, through a quarantine, to `refs.update`.

What the public Hub's pre-receive hook refuses is refused here with its words: whole pushes, not single refs. What only
one ref can have wrong (somebody else was first) is said of that ref alone, unless the push is atomic.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from pioche.accounts.callers import Caller
from pioche.errors import Failure, Forbidden, HubError, InvalidReference, QuotaExceeded, StaleParent
from pioche.git.receive import Body, Disconnected, PackRefused, Quarantine
from pioche.git.snapshot import Ref, Snapshot
from pioche.git.wire import Command, Commands, Report, render_report
from pioche.names import DEFAULT_REF, parse_ref_part
from pioche.repos import pulls, refs
from pioche.repos.access import Access, Action, Repo
from pioche.repos.incoming import Incoming, examine
from pioche.storage import quotas
from pioche.storage.quotas import NO_GROWTH, Growth

T = TypeVar("T")

_DECLINED = "pre-receive hook declined"
_RULE = "-" * 58


class Run(Protocol):
    """Runs a plain function in a worker thread: `http.threads.run`, handed down."""

    async def __call__(self, function: Callable[..., T], *args: Any) -> T: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """In bytes: the largest file kept in git itself, and the largest pack."""

    file_bytes: int
    pack_bytes: int


@dataclass(frozen=True, slots=True)
class Push:
    """Who wants what moved. The caller may write to the repo, or opened the pull requests that the commands name."""

    repo: Repo
    caller: Caller
    commands: Commands
    limits: Limits


def snapshot(repo: Repo, *, is_for_reading: bool = True) -> Snapshot:
    """The repo as the git program is to see it now; not opened yet."""
    git, seed = repo.stores.git, repo.genesis.objects()
    refs_now = advertised(repo)
    return Snapshot(git.scratch, git.path(repo.uid), seed, refs_now, head=DEFAULT_REF, is_for_reading=is_for_reading)


def advertised(repo: Repo) -> list[Ref]:
    """Every ref of the repo, as git clients are told of it."""
    return [Ref(ref.name, ref.target, ref.commit if ref.commit != ref.target else None) for ref in refs.all_refs(repo)]


async def check_may_begin(access: Access, caller: Caller, repo: Repo, run: Run) -> None:
    """Before the commands are known: writers may push, and whoever opened a pull request here. Raises what `open` does."""
    try:
        await access.open_uid(caller, repo.uid, Action.WRITE)
    except Forbidden:
        await access.open_uid(caller, repo.uid, Action.PROPOSE)
        if not await run(pulls.has_opened_any, repo, caller):
            raise


async def check_may(access: Access, caller: Caller, repo: Repo, commands: Commands, run: Run) -> None:
    """Writers may, and anybody for their own pull requests alone. Raises what `open` does."""
    if not await run(_concerns_own_pulls_only, repo, caller, commands):
        await access.open_uid(caller, repo.uid, Action.WRITE)


async def receive(push: Push, body: Body, run: Run) -> bytes:
    """Takes the pack that follows in `body` and moves the refs. Returns the report for the client.

    Raises what breaks the transfer itself (BadRequest, TooLarge) and what is our fault; any other refusal is in the report.
    """
    denied = await run(_deny, push)
    if denied is not None:
        if push.commands.has_pack:
            await body.drain()
        return render_report(push.commands, denied)
    seen = await run(partial(snapshot, push.repo, is_for_reading=False))
    await run(seen.open)
    try:
        quarantine = Quarantine(seen)
        try:
            if push.commands.has_pack:
                await quarantine.take(body, push.limits.pack_bytes)
            report = await run(_finish, push, quarantine)
        except PackRefused as refusal:
            report = Report(refusal.message, _all(push, "unpacker error"))
        return render_report(push.commands, report)
    finally:
        await run(seen.close)


# --- which refs may be moved ----------------------------------------------------------------------------------------


def _concerns_own_pulls_only(repo: Repo, caller: Caller, commands: Commands) -> bool:
    """True when every command names a pull request that the caller opened: that needs no right to write."""
    return all(_is_own_pull(repo, caller, command) for command in commands.commands)


def _is_own_pull(repo: Repo, caller: Caller, command: Command) -> bool:
    return command.ref.startswith("refs/pr/") and pulls.author_of(repo, command.ref) == caller.user_id != 0


def _deny(push: Push) -> Report | None:
    reasons = list(_denials(push))
    if not reasons:
        return None
    messages = (_RULE, "Your push was rejected for the following reasons:", *reasons, _RULE)
    return Report(refused=_all(push, _DECLINED), messages=messages)


def _denials(push: Push) -> Iterator[str]:
    for command in push.commands.commands:
        reason = _denial(push, command)
        if reason:
            verb = "delete" if command.deletes else "create" if command.creates else "update"
            yield f"DENIED {verb} {command.ref[:200]}: {reason}"


def _denial(push: Push, command: Command) -> str | None:
    kind, _, name = command.ref.removeprefix("refs/").partition("/")
    if not command.ref.startswith(refs.ALLOWED_PREFIXES):
        return "forbidden: only refs/heads, refs/tags and refs/pr can be pushed to"
    if kind == "pr":
        return _pull_denial(command)
    if command.ref == DEFAULT_REF and command.deletes:
        return "forbidden: the default branch cannot be deleted"
    try:
        parse_ref_part(name, what="branch" if kind == "heads" else "tag")
    except InvalidReference as error:
        return None if command.deletes else error.message  # a name that got in by another way may be removed
    return None


def _pull_denial(command: Command) -> str | None:
    if command.deletes or command.creates:
        return "forbidden: pull requests are opened and closed through the hub"
    return None


# --- moving them ----------------------------------------------------------------------------------------------------


def _finish(push: Push, quarantine: Quarantine) -> Report:
    moved = [command for command in push.commands.commands if not command.deletes]
    try:
        incoming = examine(push.repo, quarantine, moved, file_bytes_max=push.limits.file_bytes)
    except Disconnected as refusal:
        return Report(refused=_all(push, refusal.message))
    if incoming.messages:
        return Report(refused=_all(push, _DECLINED), messages=incoming.messages)
    repo, wanted = push.repo, {quotas.git_key(): incoming.file_bytes} if incoming.file_bytes else {}
    try:
        with repo.stores.quotas.reserve(repo.id, push.caller.user_id, wanted) as reserved:
            if quarantine.packs:
                repo.stores.git.adopt(repo.uid, quarantine.packs, repo.genesis.objects())
            return _move(push, incoming, Growth(incoming.file_bytes, reserved.keys))
    except QuotaExceeded as refusal:
        messages = (_RULE, "Your push was rejected for the following reasons:", refusal.message, _RULE)
        return Report(refused=_all(push, _DECLINED), messages=messages)


def _move(push: Push, incoming: Incoming, growth: Growth) -> Report:
    """All in one transaction. When that fails and the push is not atomic, each ref gets a try of its own. Raises
    QuotaExceeded."""
    changes = [_change(command, incoming) for command in push.commands.commands]
    refused = _update(push, changes, incoming, growth)
    if refused is None:
        return Report()
    outstanding = _outstanding(push.repo, changes)
    if not outstanding:
        return Report()
    if "atomic" in push.commands.capabilities or len(changes) == 1:
        return Report(refused={change.ref: refused for change in changes})
    reasons: dict[str, str] = {}
    for change in outstanding:
        reason = _update(push, [change], incoming, growth)
        if reason is not None:
            reasons[change.ref] = reason
        else:
            growth = NO_GROWTH  # the first that leads to the new files counts them
    return Report(refused=reasons)


def _outstanding(repo: Repo, changes: Sequence[refs.RefChange]) -> list[refs.RefChange]:
    """Those whose ref is not yet where it is wanted: when the answer to a push is lost on its way, git (libcurl) sends it
    again, and must not hear that it was refused."""
    now = {ref.name: ref.target for ref in refs.all_refs(repo)}
    return [change for change in changes if now.get(change.ref) != change.new]


def _change(command: Command, incoming: Incoming) -> refs.RefChange:
    old = None if command.creates else command.old
    if command.deletes:
        return refs.RefChange(command.ref, old, None, None)
    return refs.RefChange(command.ref, old, command.new, incoming.commits[command.new])


def _update(push: Push, changes: Sequence[refs.RefChange], incoming: Incoming, growth: Growth) -> str | None:
    """None when it went well, else why not, in git's words. Raises QuotaExceeded."""
    try:
        refs.update(push.repo, push.caller, refs.Update(changes, incoming.pointers, growth=growth))
    except (Failure, QuotaExceeded):
        raise
    except StaleParent:
        return "failed to update ref: it moved since you fetched"
    except HubError as error:
        return error.message
    return None


def _all(push: Push, reason: str) -> dict[str, str]:
    return {command.ref: reason for command in push.commands.commands}
