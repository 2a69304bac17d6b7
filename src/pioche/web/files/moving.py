"""Many files and folders moved into one folder, in one commit."""

from pioche.errors import HubError, TooLarge
from pioche.http.messages import Request, Response
from pioche.names import parse_path
from pioche.repos.access import Repo
from pioche.repos.commits import Operation
from pioche.repos.revisions import Revision
from pioche.web.files import frame, writing
from pioche.web.files.frame import Frame
from pioche.web.files.removal import chosen_paths, moves
from pioche.web.files.writing import Change, Message

_OPERATIONS_MAX = 10_000


async def ask(request: Request) -> Response:
    """GET /{repo}/move/{rev}?path=...: where to."""
    revision = await writing.branch(request)
    paths = chosen_paths(request, request.query.all("path"))
    page = await frame.frame(request, revision)
    return await _show(request, page, paths, "", Message())


async def move(request: Request) -> Response:
    """POST to the same address: fields `path` (many), `to` (the folder; empty is the root), and the message's."""
    form = await request.form()
    revision = await writing.branch(request)
    paths = chosen_paths(request, form.all("path"))
    page = await frame.frame(request, revision)
    folder, message = (form.get("to") or "").strip().strip("/"), Message()
    try:
        message = Message.of(form)
        operations = await request.run(_operations, request, revision, paths, folder)
        what = paths[0] if len(paths) == 1 else f"{len(paths)} files"
        return await writing.commit(request, page, message, Change(operations, f"Move {what} to {folder or '/'}"))
    except HubError as error:
        if error.status >= 500 or error.status == 401:
            raise
        return await _show(request, page, paths, folder, message, error)


def _operations(request: Request, revision: Revision, paths: list[str], folder: str) -> list[Operation]:
    """Raises EntryNotFound, AlreadyExists, IllegalPath, TooLarge, BadRequest for what is there already."""
    repo: Repo = request.repo
    keeps_backslashes = request.hub.config.backslash_names == "keep"
    found = list[Operation]()
    for path in paths:
        name = path.rpartition("/")[2]
        target = parse_path(f"{folder}/{name}" if folder else name, backslashes=keeps_backslashes)
        found += moves(repo, revision, path, target)
        if len(found) > _OPERATIONS_MAX:
            raise TooLarge(f"More than {_OPERATIONS_MAX} files are moved with git, not here")
    return found


async def _show(
    request: Request, page: Frame, paths: list[str], folder: str, message: Message, error: HubError | None = None
) -> Response:
    values = {"paths": paths, "folder": folder, "message": message, "error": error}
    targets = await writing.targets(request, page, message if error else None)
    status = error.status if error else 200
    return await frame.show(request, "move.html", page, status=status, targets=targets, **values)
