"""`pioche repo ...`."""

from cyclopts import App

from pioche.accounts.callers import Caller
from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.errors import InvalidName
from pioche.moderation import disabling
from pioche.names import RepoId, RepoType
from pioche.repos import undo
from pioche.repos.access import Action

repo = App(name="repo", help="Repos.")


@repo.command(name="alias")
def repo_alias(name: str, target: str, /, *, options: Options = DEFAULT) -> None:
    """Answer an old name without an owner as another repo: bert-base-uncased as google-bert/bert-base-uncased.

    Parameters
    ----------
    name
        The old name.
    target
        A repo of this hub: NAMESPACE/NAME, with datasets/ or spaces/ in front for those.
    """
    found = parse(target)
    with options.hub() as hub:
        hub.catalog.alias(name, found)
        done = {"name": name, "type": found.type, "target": str(found)}
        output.show(done, f"{name} answers as {found}.", json=options.json)


@repo.command(name="deleted")
def repo_deleted(*, options: Options = DEFAULT) -> None:
    """List the deleted repos that can be restored, the last deleted first."""
    with options.hub() as hub:
        found = undo.deleted_repos(hub.database, Caller.operator(), undo_hours=hub.config.undo_repo_hours)
        rows = [
            {
                "uid": one.uid,
                "type": one.repo_id.type.value,
                "name": str(one.repo_id),
                "deleted": output.date(one.deleted_at),
                "deleted_by": one.deleted_by,
                "restorable_until": output.date(one.restorable_until),
                "used_storage": one.used_storage,
            }
            for one in found
        ]
        columns = ("uid", "type", "name", "deleted", "deleted_by", "restorable_until", "used_storage")
        output.table(rows, columns, json=options.json)


@repo.command(name="restore")
def repo_restore(uid: str, /, *, name: str = "", options: Options = DEFAULT) -> None:
    """Bring a deleted repo back, as it was.

    Parameters
    ----------
    uid
        Which one: as `pioche repo deleted` lists it.
    name
        Another name, NAMESPACE/NAME, where its own was taken meanwhile.
    """
    with options.hub() as hub:
        found = hub.access.open_deleted_sync(Caller.operator(), uid, Action.MANAGE)
        restored = hub.catalog.restore(Caller.operator(), found, name)
        done = {"uid": uid, "type": restored.type.value, "name": str(restored)}
        output.show(done, f"{restored} is back.", json=options.json)


@repo.command(name="reflog")
def repo_reflog(name: str, /, *, ref: str | None = None, limit: int = 100, options: Options = DEFAULT) -> None:
    """List where the refs of a repo were, newest first.

    Parameters
    ----------
    name
        The repo: NAMESPACE/NAME, with datasets/ or spaces/ in front for those.
    ref
        One ref only: refs/heads/main.
    limit
        How many moves.
    """
    with options.hub() as hub:
        found = hub.access.open_sync(Caller.operator(), parse(name), Action.MANAGE)
        rows = [
            {
                "id": move.id,
                "ref": move.ref,
                "old": move.old,
                "new": move.new,
                "actor": move.actor,
                "at": output.date(move.at),
                "restorable_until": output.date(move.restorable_until),
            }
            for move in undo.moves(found, undo_days=hub.config.undo_ref_days, ref=ref, limit=limit)
        ]
        output.table(rows, ("id", "ref", "old", "new", "actor", "at", "restorable_until"), json=options.json)


@repo.command(name="restore-ref")
def repo_restore_ref(name: str, move: int, /, *, options: Options = DEFAULT) -> None:
    """Put a branch or tag back to where it was before one of its moves.

    Parameters
    ----------
    name
        The repo: NAMESPACE/NAME, with datasets/ or spaces/ in front for those.
    move
        The id of the move to undo: as `pioche repo reflog` lists it.
    """
    with options.hub() as hub:
        found = hub.access.open_sync(Caller.operator(), parse(name), Action.MANAGE)
        restored = undo.restore_ref(found, Caller.operator(), move)
        done = {"name": str(found.repo_id), "ref": restored.name, "commit": restored.commit}
        output.show(done, f"{restored.name} of {found.repo_id} is at {restored.commit}.", json=options.json)


@repo.command(name="disable")
def repo_disable(name: str, /, *, reason: str, legal: bool = False, options: Options = DEFAULT) -> None:
    """Take a repo out of use: it is refused to everybody but administrators, with the reason. Nothing is removed.

    Parameters
    ----------
    name
        The repo: NAMESPACE/NAME, with datasets/ or spaces/ in front for those.
    reason
        Shown to everybody who asks for it.
    legal
        A law or a court asks for it: the answer is 451 instead of 403.
    """
    with options.hub() as hub:
        found = hub.access.open_sync(Caller.operator(), parse(name), Action.ADMINISTER)
        disabling.disable(found, Caller.operator(), reason, is_legal=legal)
        status = 451 if legal else 403
        done = {"type": found.repo_id.type.value, "name": str(found.repo_id), "reason": reason, "status": status}
        output.show(done, f"{found.repo_id} is disabled.", json=options.json)


@repo.command(name="enable")
def repo_enable(name: str, /, *, options: Options = DEFAULT) -> None:
    """Give a disabled repo back.

    Parameters
    ----------
    name
        The repo: NAMESPACE/NAME, with datasets/ or spaces/ in front for those.
    """
    with options.hub() as hub:
        found = hub.access.open_sync(Caller.operator(), parse(name), Action.ADMINISTER)
        disabling.enable(found, Caller.operator())
        done = {"type": found.repo_id.type.value, "name": str(found.repo_id)}
        output.show(done, f"{found.repo_id} is in use again.", json=options.json)


def parse(text: str) -> RepoId:
    """From the way a repo is written in addresses. Raises InvalidName."""
    for repo_type in (RepoType.DATASET, RepoType.SPACE):
        if text.startswith(repo_type.prefix):
            return _named(repo_type, text.removeprefix(repo_type.prefix))
    return _named(RepoType.MODEL, text.removeprefix("models/"))


def _named(repo_type: RepoType, text: str) -> RepoId:
    found = RepoId.parse(repo_type, text)
    if not found.namespace:
        raise InvalidName(f"{text!r} has no owner: the target is written NAMESPACE/NAME")
    return found
