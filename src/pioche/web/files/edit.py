"""A text file written in a page: a new one, or another text for one that is there. The text is never lost: whatever goes
wrong, the form comes back with it."""

from dataclasses import dataclass
from typing import Any, Final

from pioche.errors import (
    AlreadyExists,
    BadRequest,
    CrossSite,
    EntryNotFound,
    HubError,
    RepoNotFound,
    StaleParent,
    TooLarge,
    Unauthenticated,
)
from pioche.http import errors as http_errors
from pioche.http.messages import Request, Response
from pioche.names import EntryPath, Oid, parse_path
from pioche.render.renderer import MARKDOWN_BYTES_MAX, Source
from pioche.repos import files
from pioche.repos.access import Repo
from pioche.repos.commits import AddFile, CopyFile, DeleteFile, Operation
from pioche.repos.facts import checks
from pioche.repos.facts.checks import Review
from pioche.repos.files import Entry
from pioche.repos.preview import kinds
from pioche.repos.revisions import Revision
from pioche.web import errors, layout
from pioche.web.files import frame, shown, writing
from pioche.web.files.frame import Frame
from pioche.web.files.writing import Change, Message

BODY_BYTES_MAX = 4 * kinds.TEXT_BYTES_MAX
CARD_BODY_BYTES_MAX = 1024 * 1024
"""Of metadata alone: 64 KiB, in which each byte may take three on the way."""
_CARD: Final = "README.md"


@dataclass(frozen=True, slots=True)
class _Draft:
    """What is in the form. `parent` is the commit that the writer looked at, `old_path` empty for a new file."""

    path: str
    content: str
    parent: Oid
    old_path: str = ""


async def new(request: Request) -> Response:
    """GET /{repo}/new/{rev}[/{folder}][?name=]."""
    revision = await writing.branch(request)
    folder = request.params.get("path", "").strip("/")
    page = await frame.frame(request, revision, folder)
    name = request.query.get("name") or ""
    draft = _Draft(f"{folder}/{name}" if folder else name, "", revision.commit)
    return await _show(request, page, draft)


async def edit(request: Request) -> Response:
    """GET /{repo}/edit/{rev}/{path}."""
    revision = await writing.branch(request)
    path = request.params["path"].strip("/")
    page = await frame.frame(request, revision, path)
    entry = (await files.locate(request.repo, revision.text, path)).entry
    text = await request.run(_text, request.repo, entry)
    return await _show(request, page, _Draft(path, text, revision.commit, path))


async def save(request: Request) -> Response:
    """POST to the same addresses: fields `path`, `content`, `parent`, `old_path`, `action` (preview or commit), and the
    message's."""
    form = await request.form()
    revision = await writing.branch(request)
    page = await frame.frame(request, revision, request.params.get("path", "").strip("/"))
    content = (form.get("content") or "").replace("\r\n", "\n").replace("\r", "\n")
    draft = _Draft(form.get("path") or "", content, Oid(form.get("parent") or ""), form.get("old_path") or "")
    message = Message()
    try:
        message = Message.of(form)
        if form.get("action") == "preview":
            return await _preview(request, page, draft, message)
        change = await request.run(_change, request, draft, revision)
        return await writing.commit(request, page, message, change)
    except HubError as error:
        if error.status >= 500 or error.status == 401:
            raise
        return await _refused(request, page, draft, message, error)


async def rescue(request: Request, error: HubError) -> Response:
    """Where the form could not even be looked at: the session has ended, the repo is gone, the database does not answer. The
    text comes back in a form that sends it to the same address again, with the proof of whoever is signed in by now."""
    form = await request.form()
    title, advice = errors.words(error)
    values = {name: form.get(name) or "" for name in ("path", "old_path", "parent", "summary", "description", "target")}
    says_more = error.status < 500 and not isinstance(error, Unauthenticated | RepoNotFound | CrossSite)
    return layout.page(
        request,
        "files/rescued.html",
        status=error.status,
        headers=http_errors.headers(error),
        error_title=title,
        error_advice=advice,
        error_detail=error.message if says_more else "",
        is_signed_out=request.caller.is_anonymous and not request.csrf_token and not isinstance(error, CrossSite),
        is_unproven=isinstance(error, CrossSite),
        fields=values,
        content=(form.get("content") or "").replace("\r\n", "\n"),
    )


async def _preview(request: Request, page: Frame, draft: _Draft, message: Message) -> Response:
    found = await request.run(_difference, request, draft, page.revision)
    review = await request.run(_review, request.repo, draft)
    return await _show(request, page, draft, message=message, preview=found, review=review)


def _review(repo: Repo, draft: _Draft) -> Review | None:
    """What is to be mended in the metadata, where the text is that of the card."""
    is_card = draft.path.strip("/ ") == _CARD and len(draft.content) <= MARKDOWN_BYTES_MAX
    return checks.of_draft(draft.content, repo.repo_id.type) if is_card else None


async def check(request: Request) -> Response:
    """POST /{repo}/card/check, field `content`: the part of the page that says what is wrong in a card that is being written
    (ui.md CARD5). Only its metadata are looked at, so that nothing after them needs to be sent."""
    content = ((await request.form()).get("content") or "").replace("\r\n", "\n")
    found = await request.run(checks.of_draft, content, request.repo.repo_id.type)
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "private, no-store")]
    return Response(200, headers, layout.render("files/review.html", review=found, is_live=True).encode())


async def _refused(request: Request, page: Frame, draft: _Draft, message: Message, error: HubError) -> Response:
    """With the text. After a conflict the form stands on the branch as it is now: sending it again overwrites."""
    if not isinstance(error, StaleParent):
        return await _show(request, page, draft, message=message, error=error)
    newer = _Draft(draft.path, draft.content, page.revision.commit, draft.old_path)
    found = await request.run(_difference, request, newer, page.revision)
    return await _show(request, page, newer, message=message, error=error, preview=found, seen=draft.parent)


async def _show(
    request: Request,
    page: Frame,
    draft: _Draft,
    *,
    message: Message | None = None,
    error: HubError | None = None,
    preview: Any = None,
    seen: Oid | None = None,
    review: Review | None = None,
) -> Response:
    values = {"draft": draft, "message": message or Message(), "error": error, "preview": preview, "seen": seen}
    values |= {"review": review, "card_path": _CARD}
    targets = await writing.targets(request, page, message)
    return await frame.show(
        request, "edit.html", page, status=error.status if error else 200, targets=targets, **values
    )


def _text(repo: Repo, entry: Entry) -> str:
    if not entry.is_file:
        raise EntryNotFound("Only files can be edited")
    text = shown.text_of(repo, entry)
    if text is None:
        raise TooLarge(
            f"Only text of at most {kinds.TEXT_BYTES_MAX // 2**20} MiB can be edited here: upload a new version instead"
        )
    return text


def _change(request: Request, draft: _Draft, revision: Revision) -> Change:
    """What is committed. Raises StaleParent when the file itself was changed by somebody else meanwhile."""
    repo = request.repo
    path = parse_path(draft.path.strip("/ "), backslashes=request.hub.config.backslash_names == "keep")
    standing = _find(repo, revision.commit, path)
    if not draft.old_path:
        if standing is not None:
            raise AlreadyExists(f"{path[:200]!r} is there already: choose another name, or edit it")
        return Change([AddFile(path, draft.content.encode())], f"Create {path}", revision.commit)
    before = _find(repo, draft.parent, draft.old_path)
    now = _find(repo, revision.commit, draft.old_path)
    if before is None or now is None or before.oid != now.oid:
        raise StaleParent
    if path != draft.old_path and standing is not None:
        raise AlreadyExists(f"{path[:200]!r} is there already: choose another name")
    content = _with_line_ends(draft.content, files.read_blob(repo, now.oid)).encode()
    return _replacing(path, draft.old_path, content, files.read_blob(repo, now.oid), revision.commit)


def _replacing(path: EntryPath, old_path: str, content: bytes, before: bytes, parent: Oid) -> Change:
    if path == old_path:
        if content == before:
            raise BadRequest("Nothing was changed")
        return Change([AddFile(path, content)], f"Update {path}", parent)
    moved: Operation = CopyFile(path, EntryPath(old_path), None) if content == before else AddFile(path, content)
    return Change([DeleteFile(EntryPath(old_path)), moved], f"Rename {old_path} to {path}", parent)


def _with_line_ends(text: str, before: bytes) -> str:
    """Browsers send every line end as CRLF, so that what the file had counts."""
    is_of_windows = b"\r\n" in before and before.count(b"\n") == before.count(b"\r\n")
    return text.replace("\n", "\r\n") if is_of_windows else text


def _difference(request: Request, draft: _Draft, revision: Revision) -> object:
    """From the file as it is now on the branch to the text of the form."""
    repo = request.repo
    now = _find(repo, revision.commit, draft.old_path) if draft.old_path else None
    before = files.read_blob(repo, now.oid) if now is not None and now.is_file and now.sha256 is None else b""
    after = _with_line_ends(draft.content, before).encode()
    return request.hub.renderer.diff(Source.of(before) if before else Source.empty(), Source.of(after))


def _find(repo: Repo, commit: str, path: str) -> Entry | None:
    try:
        return files.locate_sync(repo, commit, path).entry if path else None
    except EntryNotFound:
        return None
