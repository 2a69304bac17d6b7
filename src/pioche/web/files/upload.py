"""Files sent from a browser. With scripts the Hub's own client does it, of any size; without, a form takes small ones."""

from pioche.errors import BadRequest, EntryNotFound, HubError
from pioche.git import attributes
from pioche.http.messages import Request, Response
from pioche.http.multipart import SentFile
from pioche.names import EntryPath, parse_path
from pioche.repos import files
from pioche.repos.access import Repo
from pioche.repos.commits import AddFile, AddLargeFile, Operation
from pioche.repos.preview import kinds
from pioche.repos.revisions import Revision
from pioche.storage.drafts import Draft
from pioche.web.files import frame, writing
from pioche.web.files.frame import Frame
from pioche.web.files.writing import Change, Message

BODY_BYTES_MAX = 32 * 2**20
"""Of the form without scripts, which is held in memory."""


async def ask(request: Request) -> Response:
    """GET /{repo}/upload/{rev}[/{folder}]."""
    revision = await writing.branch(request)
    page = await frame.frame(request, revision, request.params.get("path", "").strip("/"))
    return await _show(request, page, Message())


async def send(request: Request) -> Response:
    """POST to the same address, as multipart/form-data: fields `file` (many), `folder`, and the message's."""
    form, sent = await request.form(), await request.files()
    revision = await writing.branch(request)
    page = await frame.frame(request, revision, request.params.get("path", "").strip("/"))
    folder, message = (form.get("folder") or "").strip().strip("/"), Message()
    try:
        message = Message.of(form)
        operations = await request.run(_operations, request, revision, folder, sent)
        what = operations[0].path if len(operations) == 1 else f"{len(operations)} files"
        return await writing.commit(request, page, message, Change(operations, f"Upload {what}"))
    except HubError as error:
        if error.status >= 500 or error.status == 401:
            raise
        return await _show(request, page, message, error)


def _operations(request: Request, revision: Revision, folder: str, sent: list[SentFile]) -> list[Operation]:
    if not sent:
        raise BadRequest("No file was chosen")
    keeps_backslashes = request.hub.config.backslash_names == "keep"
    is_lfs = attributes.lfs_matcher(_gitattributes(request.repo, revision))
    found = list[Operation]()
    for file in sent:
        path = parse_path(f"{folder}/{file.name}" if folder else file.name, backslashes=keeps_backslashes)
        is_large = bool(file.content) and (
            is_lfs(path)
            or len(file.content) > request.hub.config.regular_file_bytes_max
            or not kinds.is_text(file.content[: kinds.HEAD_BYTES])
        )
        found.append(_stored(request, path, file.content) if is_large else AddFile(path, file.content))
    return found


def _stored(request: Request, path: EntryPath, content: bytes) -> AddLargeFile:
    """As after an LFS upload: the bytes first, durable and linked to the repo."""
    with Draft(request.hub.config.data_dir / "incoming", size=len(content)) as draft:
        draft.write([content])
        sha256 = draft.finish()
        sizes = {sha256: len(content)}
        with request.hub.quotas.reserve(request.repo.id, request.caller.user_id, sizes) as reserved:
            request.hub.contents.adopt(request.repo.id, request.caller.user_id, sha256, draft.path)
            reserved.keep()
    return AddLargeFile(path, sha256, len(content))


def _gitattributes(repo: Repo, revision: Revision) -> str:
    try:
        entry = files.locate_sync(repo, revision.commit, ".gitattributes").entry
    except EntryNotFound:
        return ""
    return files.read_blob(repo, entry.oid).decode("utf-8", "replace") if entry.is_file else ""


async def _show(request: Request, page: Frame, message: Message, error: HubError | None = None) -> Response:
    targets = await writing.targets(request, page, message if error else None)
    status = error.status if error else 200
    values = {"message": message, "error": error, "most": BODY_BYTES_MAX, "may_use_wasm": True}
    return await frame.show(request, "upload.html", page, status=status, targets=targets, **values)
