"""Repositories from elsewhere (ui.md W1): /new/import, and how far one is that is on its way."""

from typing import Final

from pioche.accounts.callers import Caller
from pioche.errors import (
    AlreadyExists,
    BadRequest,
    Conflict,
    Forbidden,
    ForbiddenAddress,
    InvalidName,
    TooManyRequests,
)
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.imports.registry import Import, Phase, State, Wanted
from pioche.imports.sources import Credentials, Kind, Source
from pioche.names import RepoType, parse_repo_name
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import NewRepo
from pioche.web import creating, layout
from pioche.web.forms import Form
from pioche.web.owners import of as owner_names
from pioche.web.owners import private_by_default

PUBLIC_HUB: Final = "https://huggingface.co"
_FORM_BYTES_MAX: Final = 64 * 1024
_TYPES: Final = (RepoType.MODEL, RepoType.DATASET, RepoType.SPACE)
_FIELDS: Final = ("from", "type", "hub", "repo", "git", "revision", "user", "token", "owner", "name", "visibility")
_AT: Final = {phase: number for number, phase in enumerate(Phase)}


async def form(request: Request) -> Response:
    """GET /new/import?from=hub|git&type=model: what is to come from where."""
    asked = request.query
    filled = Form({name: asked.get(name) or "" for name in ("from", "type", "hub", "repo", "git", "name")})
    filled.values |= {"owner": asked.get("owner") or request.caller.name, "hub": filled["hub"] or PUBLIC_HUB}
    return await _page(request, filled)


async def begin(request: Request) -> Response:
    """POST /new/import."""
    filled = Form.of(await request.form(), *_FIELDS)
    filled.values = {name: value.strip() for name, value in filled.values.items()}
    wanted = _parsed(filled)
    if wanted is not None and not filled.is_wrong:
        try:
            repo = await request.run(request.hub.imports.begin, request.hub.catalog, request.caller, wanted)
        except AlreadyExists:
            filled.errors["name"] = _("This name is taken: choose another one.")
        except InvalidName:
            filled.errors["name"] = creating.rules()
        except ForbiddenAddress:
            filled.errors[_address_field(filled)] = _closed()
        except Forbidden as error:
            filled.errors["owner"] = error.message
        except TooManyRequests:
            filled.error = _("Several imports of yours are under way: wait for one to end, or cancel one.")
        else:
            return redirect(f"/new/import{repo.repo_id.web_path}", status=303)
    return await _page(request, filled, status=422)


async def show(request: Request) -> Response:
    """GET /new/import/{repo}: how far it is; the page asks again by itself where scripts run."""
    found = await request.run(request.hub.imports.get, request.repo)
    return _progress(request, found)


async def cancel(request: Request) -> Response:
    """POST /new/import/{repo}/cancel: the repo goes with it, unless somebody wrote to it."""
    try:
        await request.run(_cancel, request.hub, request.caller, request.repo)
    except Conflict:  # it was done a moment before
        return redirect(f"/new/import{request.repo.repo_id.web_path}", status=303)
    return redirect(f"/new/import?type={request.repo.repo_id.type.value}", status=303)


def _cancel(hub: Hub, caller: Caller, repo: Repo) -> None:
    hub.imports.cancel(hub.catalog, caller, repo)


async def retry(request: Request) -> Response:
    """POST /new/import/{repo}/retry: with a token, if it takes one; the last is not kept."""
    filled = Form.of(await request.form(), "user", "token")
    try:
        credentials = Credentials.parse(filled["user"].strip(), filled["token"].strip())
        await request.run(request.hub.imports.retry, request.repo, credentials)
    except BadRequest:
        filled.errors["token"] = _no_token()
        found = await request.run(request.hub.imports.get, request.repo)
        return _progress(request, found, filled, status=422)
    except Conflict:
        pass  # it is under way, or done: the page says so
    return redirect(f"/new/import{request.repo.repo_id.web_path}", status=303)


# --- the form -------------------------------------------------------------------------------------------------------


async def _page(request: Request, filled: Form, *, status: int = 200) -> Response:
    filled.values["token"] = ""  # it is never sent back
    kind = filled["type"] if filled["type"] in {one.value for one in _TYPES} else RepoType.MODEL.value
    return layout.page(
        request,
        "creating/import.html",
        status=status,
        form=filled,
        kind=kind,
        source=Kind.GIT.value if filled["from"] == Kind.GIT else Kind.HUB.value,
        owners=await request.run(owner_names, request.hub, request.caller),
        private_owners=await request.run(private_by_default, request.hub, request.caller),
    )


def _parsed(filled: Form) -> Wanted | None:
    """None where something is wrong; the form says what."""
    repo_type = next((one for one in _TYPES if one.value == filled["type"]), RepoType.MODEL)
    source = _source(filled, repo_type)
    name = filled["name"] or _name_there(filled)
    try:
        parse_repo_name(name)
    except InvalidName:
        filled.errors["name"] = creating.rules()
    credentials = Credentials()
    try:
        credentials = Credentials.parse(filled["user"], filled["token"])
    except BadRequest:
        filled.errors["token"] = _no_token()
    if source is None or filled.is_wrong:
        return None
    private = {"private": True, "public": False}.get(filled["visibility"])
    sdk = "static" if repo_type is RepoType.SPACE else None  # until its card says
    new = NewRepo(type=repo_type, namespace=filled["owner"], name=name, private=private, sdk=sdk)
    return Wanted(new, source, credentials)


def _source(filled: Form, repo_type: RepoType) -> Source | None:
    try:
        Source.of_git("https://example.org/x", filled["revision"])
    except BadRequest:
        filled.errors["revision"] = _("This is not the name of a branch or tag, and not the id of a commit.")
        return None
    try:
        if filled["from"] == Kind.GIT:
            return Source.of_git(filled["git"], filled["revision"])
        Source.of_git(filled["hub"])
    except BadRequest:
        filled.errors[_address_field(filled)] = _(
            "Write an address such as https://host/path, without a name or password."
        )
        return None
    try:
        return Source.of_hub(filled["hub"], repo_type, filled["repo"], filled["revision"])
    except BadRequest:
        filled.errors["repo"] = _("Write owner/name, as in the repository’s address.")
        return None


def _address_field(filled: Form) -> str:
    return "git" if filled["from"] == Kind.GIT else "hub"


def _name_there(filled: Form) -> str:
    there = filled["git"].rstrip("/") if filled["from"] == Kind.GIT else filled["repo"]
    return there.rpartition("/")[2].removesuffix(".git")


def _closed() -> str:
    return _("This address lies inside the network: an administrator of this hub has to allow it.")


def _no_token() -> str:
    return _("A token has printable characters only, without blanks; a user name needs one with it.")


# --- how far it is --------------------------------------------------------------------------------------------------


def _progress(request: Request, found: Import, filled: Form | None = None, *, status: int = 200) -> Response:
    at = len(_AT) if found.state is State.DONE else _AT[found.progress.phase]
    titles = (_("Look at what is there"), _("Fetch the history"), _("Fetch large files"), _("Check and take over"))
    return layout.page(
        request,
        "creating/importing.html",
        status=status,
        repo_id=request.repo.repo_id,
        found=found,
        form=filled or Form(),
        steps=[
            (title, "done" if number < at else "now" if number == at else "") for number, title in enumerate(titles)
        ],
        is_cancelled=found.state is State.CANCELLED,
        is_done=found.state is State.DONE,
        has_failed=found.state is State.FAILED,
    )


ROUTES = (
    Route("GET", "/new/import", Needs.USER, form),
    Route("POST", "/new/import", Needs.USER_WRITE, begin, _FORM_BYTES_MAX),
    Route("GET", "/new/import/{repo:page}", Action.WRITE, show),
    Route("POST", "/new/import/{repo:page}/cancel", Action.MANAGE, cancel, _FORM_BYTES_MAX),
    Route("POST", "/new/import/{repo:page}/retry", Action.MANAGE, retry, _FORM_BYTES_MAX),
)
