"""Branches, tags and pull requests of a repo; making and deleting the first two."""

from dataclasses import dataclass

from pioche.errors import BadRequest, HubError
from pioche.git.objects import Commit
from pioche.http import cursors
from pioche.http.messages import Request, Response
from pioche.names import DEFAULT_REF
from pioche.repos import history, protection, revisions
from pioche.repos import refs as repo_refs
from pioche.repos.access import Repo
from pioche.web.files import frame

_PAGE = 100
_PREFIXES = {"branches": "refs/heads/", "tags": "refs/tags/", "pulls": "refs/pr/", "converts": "refs/convert/"}


@dataclass(frozen=True, slots=True)
class _Row:
    """`name` without its prefix; `revision` is how addresses call it. `message` is an annotated tag's."""

    name: str
    revision: str
    commit: Commit
    is_default: bool
    message: str
    is_protected: bool


@dataclass(frozen=True, slots=True)
class _List:
    rows: list[_Row]
    next_cursor: str | None


async def branches(request: Request) -> Response:
    """GET /{repo}/branches[?after=&kind=&q=]: with `q`, those that have it in their name."""
    return await _show(request)


async def change(request: Request) -> Response:
    """POST /{repo}/branches: fields `action` (create, delete, and of branches protect, unprotect), `kind` (branch or tag),
    `name`, `from`, `message`."""
    form = await request.form_or_json()
    fields = {name: values[-1].strip() for name, values in form.items()}
    action = _ACTIONS.get((fields.get("action", ""), fields.get("kind", "")))
    if action is None:
        raise BadRequest('"action" must be create, delete, protect or unprotect, and "kind" branch or tag')
    try:
        await request.run(action, request, fields)
    except HubError as error:
        if error.status >= 500 or error.status == 401:
            raise
        return await _show(request, fields=fields, error=error)
    return frame.see_other(f"{request.repo.repo_id.web_path}/branches")


async def _show(request: Request, *, fields: dict[str, str] | None = None, error: HubError | None = None) -> Response:
    page = await frame.frame(request, await revisions.resolve(request.repo, "main"))
    after = cursors.decode(request.query.get("after"))
    kind = request.query.get("kind")
    wanted = [kind] if kind in _PREFIXES else list(_PREFIXES)
    part = (request.query.get("q") or "").strip()[:200]
    lists = {name: await request.run(_list, request.repo, _PREFIXES[name], after, part) for name in wanted}
    values = {"lists": lists, "part": part, "fields": fields or {}, "error": error, "kind": kind}
    is_owner = page.may_write and await request.run(protection.is_owner, request.repo, request.caller)
    status = error.status if error else 200
    return await frame.show(request, "branches.html", page, status=status, is_owner=is_owner, **values)


def _list(repo: Repo, prefix: str, after: str, part: str) -> _List:
    start = after if after.startswith(prefix) else ""
    found = repo_refs.named(repo, prefix, after=start, limit=_PAGE + 1, part=part)
    protected = protection.protected(repo)
    rows = [_row(repo, prefix, ref, is_protected=ref.name in protected) for ref in found[:_PAGE]]
    return _List(rows, cursors.encode(found[_PAGE - 1].name) if len(found) > _PAGE else None)


def _row(repo: Repo, prefix: str, ref: repo_refs.Ref, *, is_protected: bool) -> _Row:
    name = ref.name.removeprefix(prefix)
    message = repo.objects.tag(ref.target).message.strip() if ref.target != ref.commit else ""
    revision = name if prefix in ("refs/heads/", "refs/tags/") else ref.name
    return _Row(name, revision, repo.objects.commit(ref.commit), ref.name == DEFAULT_REF, message, is_protected)


def _create_branch(request: Request, fields: dict[str, str]) -> None:
    history.create_branch(request.repo, request.caller, fields.get("name", ""), fields.get("from") or None)


def _create_tag(request: Request, fields: dict[str, str]) -> None:
    revision, message = fields.get("from") or "main", fields.get("message") or None
    history.create_tag(request.repo, request.caller, revision, fields.get("name", ""), message)


def _delete_branch(request: Request, fields: dict[str, str]) -> None:
    history.delete_branch(request.repo, request.caller, fields.get("name", ""))


def _delete_tag(request: Request, fields: dict[str, str]) -> None:
    history.delete_tag(request.repo, request.caller, fields.get("name", ""))


def _protect(request: Request, fields: dict[str, str]) -> None:
    protection.protect(request.repo, request.caller, fields.get("name", ""))


def _unprotect(request: Request, fields: dict[str, str]) -> None:
    protection.unprotect(request.repo, request.caller, fields.get("name", ""))


_ACTIONS = {
    ("protect", "branch"): _protect,
    ("unprotect", "branch"): _unprotect,
    ("create", "branch"): _create_branch,
    ("create", "tag"): _create_tag,
    ("delete", "branch"): _delete_branch,
    ("delete", "tag"): _delete_tag,
}
