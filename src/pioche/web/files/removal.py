"""Files and folders deleted, renamed or moved, each in one commit."""

from pioche.errors import AlreadyExists, BadRequest, EntryNotFound, HubError, IllegalPath, TooLarge
from pioche.http.messages import Request, Response
from pioche.names import EntryPath, parse_path
from pioche.repos import files, listing
from pioche.repos.access import Repo
from pioche.repos.commits import CopyFile, DeleteFile, DeleteFolder, Operation
from pioche.repos.files import Entry
from pioche.repos.revisions import Revision
from pioche.web.files import frame, writing
from pioche.web.files.frame import Frame
from pioche.web.files.writing import Change, Message

_CHOSEN_MAX = 1000
_MOVED_MAX = 5000


# --- delete -----------------------------------------------------------------------------------------------------------


async def confirm(request: Request) -> Response:
    """GET /{repo}/delete/{rev}[/{path}][?path=...]: what would go, and the message."""
    revision = await writing.branch(request)
    paths = chosen_paths(request, request.query.all("path"))
    page = await frame.frame(request, revision, request.params.get("path", "").strip("/"))
    return await _show_delete(request, page, paths, Message())


async def delete(request: Request) -> Response:
    """POST to the same address: fields `path` (many), and the message's."""
    form = await request.form()
    revision = await writing.branch(request)
    paths = chosen_paths(request, form.all("path"))
    page = await frame.frame(request, revision, request.params.get("path", "").strip("/"))
    message = Message()
    try:
        message = Message.of(form)
        entries = await request.run(_entries, request.repo, revision, paths)
        what = paths[0] if len(paths) == 1 else f"{len(paths)} files"
        operations: list[Operation] = [_removal(entry) for entry in entries]
        return await writing.commit(request, page, message, Change(operations, f"Delete {what}"))
    except HubError as error:
        if error.status >= 500 or error.status == 401:
            raise
        return await _show_delete(request, page, paths, message, error)


def chosen_paths(request: Request, chosen: list[str]) -> list[str]:
    """What the address names, or what was chosen in a folder; a path inside a chosen folder goes with it."""
    named = request.params.get("path", "").strip("/")
    paths = [named] if named else list(dict.fromkeys(path.strip("/") for path in chosen if path.strip("/")))
    if not paths:
        raise BadRequest("Nothing was chosen")
    if len(paths) > _CHOSEN_MAX:
        raise TooLarge(f"At most {_CHOSEN_MAX} files can be chosen at once here")
    return [path for path in paths if not any(path.startswith(f"{other}/") for other in paths)]


def _entries(repo: Repo, revision: Revision, paths: list[str]) -> list[Entry]:
    """Raises EntryNotFound, naming the first that is not there."""
    found = {entry.path: entry for entry in listing.at_paths(repo, revision, paths)}
    for path in paths:
        if path not in found:
            raise EntryNotFound(f"{path[:200]!r} is not there any more")
    return [found[path] for path in paths]


def _removal(entry: Entry) -> Operation:
    path = EntryPath(entry.path)
    return DeleteFolder(path) if entry.is_folder else DeleteFile(path)


async def _show_delete(
    request: Request, page: Frame, paths: list[str], message: Message, error: HubError | None = None
) -> Response:
    entries = [] if error else await request.run(_entries, request.repo, page.revision, paths)
    values = {"paths": paths, "entries": entries, "message": message, "error": error}
    targets = await writing.targets(request, page, message if error else None)
    status = error.status if error else 200
    return await frame.show(request, "delete.html", page, status=status, targets=targets, **values)


# --- rename -----------------------------------------------------------------------------------------------------------


async def ask(request: Request) -> Response:
    """GET /{repo}/rename/{rev}/{path}."""
    revision = await writing.branch(request)
    path = request.params["path"].strip("/")
    page = await frame.frame(request, revision, path)
    located = await files.locate(request.repo, revision.text, path)
    return await _show_rename(request, page, located.entry.path, Message())


async def rename(request: Request) -> Response:
    """POST to the same address: field `to`, the whole new path, and the message's."""
    form = await request.form()
    revision = await writing.branch(request)
    path = request.params["path"].strip("/")
    page = await frame.frame(request, revision, path)
    wanted, message = (form.get("to") or "").strip().strip("/"), Message()
    try:
        message = Message.of(form)
        target = parse_path(wanted, backslashes=request.hub.config.backslash_names == "keep")
        operations = await request.run(moves, request.repo, revision, path, target)
        return await writing.commit(request, page, message, Change(operations, f"Rename {path} to {target}"))
    except HubError as error:
        if error.status >= 500 or error.status == 401:
            raise
        return await _show_rename(request, page, wanted, message, error)


def moves(repo: Repo, revision: Revision, path: str, target: EntryPath) -> list[Operation]:
    """Raises EntryNotFound, AlreadyExists, IllegalPath, TooLarge."""
    if target == path:
        raise BadRequest("The new name is the old one")
    if target.startswith(f"{path}/"):
        raise IllegalPath(target[:200], "a folder cannot be moved into itself")
    [entry] = _entries(repo, revision, [path])
    if listing.at_paths(repo, revision, [target]):
        raise AlreadyExists(f"{target[:200]!r} is there already: choose another name")
    if not entry.is_folder:
        return [DeleteFile(EntryPath(path)), CopyFile(target, EntryPath(path), None)]
    inside = listing.everything(repo, revision, path, limit=_MOVED_MAX + 1).entries
    if len(inside) > _MOVED_MAX:
        raise TooLarge(f"A folder with more than {_MOVED_MAX} files is moved with git, not here")
    copies = [
        CopyFile(EntryPath(target + one.path[len(path) :]), EntryPath(one.path), None)
        for one in inside
        if not one.is_folder
    ]
    return [DeleteFolder(EntryPath(path)), *copies]


async def _show_rename(
    request: Request, page: Frame, wanted: str, message: Message, error: HubError | None = None
) -> Response:
    values = {"wanted": wanted, "message": message, "error": error}
    targets = await writing.targets(request, page, message if error else None)
    status = error.status if error else 200
    return await frame.show(request, "rename.html", page, status=status, targets=targets, **values)
