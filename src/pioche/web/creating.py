"""New repositories (ui.md W1): /new, /new-dataset, /new-space, and what to do with one that was just made."""

from dataclasses import dataclass, field
from typing import Final

from pioche.accounts.callers import Caller
from pioche.errors import AlreadyExists, BadRequest, Forbidden, HubError, InvalidName
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.names import RepoId, RepoType, parse_path, parse_repo_name
from pioche.repos import commits
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import SDKS, NewRepo, Settings
from pioche.repos.commits import AddFile, Plan
from pioche.spaces import templates
from pioche.spaces.templates import TEMPLATES
from pioche.web import layout, vocabulary
from pioche.web.owners import of as owner_names
from pioche.web.owners import private_by_default

_FORM_BYTES_MAX: Final = 64 * 1024
_DESCRIPTION_CHARACTERS_MAX: Final = 2000
_FIELDS: Final = ("owner", "name", "license", "visibility", "gated", "description", "sdk", "card", "template", "source")


@dataclass(slots=True)
class Wanted:
    """The form as it was filled in, and what is wrong with it, by field."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")


async def new_model(request: Request) -> Response:
    """GET /new."""
    return await _form(request, RepoType.MODEL)


async def new_dataset(request: Request) -> Response:
    """GET /new-dataset."""
    return await _form(request, RepoType.DATASET)


async def new_space(request: Request) -> Response:
    """GET /new-space."""
    return await _form(request, RepoType.SPACE)


async def create_model(request: Request) -> Response:
    """POST /new."""
    return await _create(request, RepoType.MODEL)


async def create_dataset(request: Request) -> Response:
    """POST /new-dataset."""
    return await _create(request, RepoType.DATASET)


async def create_space(request: Request) -> Response:
    """POST /new-space."""
    return await _create(request, RepoType.SPACE)


async def name_check(request: Request) -> Response:
    """GET /new/name-check?type=&owner=&name=: what is wrong with a name, in a sentence; nothing when it can be had."""
    asked = request.query
    kind = RepoType.parse(asked.get("type"))
    problem = await request.run(_problem, request.hub, request.caller, kind, asked.get("owner"), asked.get("name"))
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "private, no-store")]
    return Response(200, headers, problem.encode())


async def ready(request: Request) -> Response:
    """GET /new/ready/{repo}: the commands that fill a repo."""
    return layout.page(request, "creating/ready.html", repo_id=request.repo.repo_id)


# --- the form -------------------------------------------------------------------------------------------------------


async def _form(request: Request, kind: RepoType) -> Response:
    asked = request.query
    wanted = Wanted(
        {"owner": asked.get("owner") or request.caller.name, "name": asked.get("name") or "", "card": "yes"}
    )
    return await _page(request, kind, wanted)


async def _page(request: Request, kind: RepoType, wanted: Wanted, *, status: int = 200) -> Response:
    owners = await request.run(owner_names, request.hub, request.caller)
    private_owners = await request.run(private_by_default, request.hub, request.caller)
    licenses = [(id_, vocabulary.license_name(id_)) for id_ in vocabulary.LICENSE_IDS]
    return layout.page(
        request,
        "creating/form.html",
        status=status,
        kind=kind.value,
        wanted=wanted,
        owners=owners,
        private_owners=private_owners,
        licenses=licenses,
        sdks=SDKS,
        templates=TEMPLATES,
    )


async def _create(request: Request, kind: RepoType) -> Response:
    sent = await request.form()
    wanted = Wanted({name: (sent.get(name) or "").strip() for name in _FIELDS})
    wanted.values["license"] = _license_id(wanted["license"])
    _check(wanted, kind)
    if wanted["template"] and kind is RepoType.SPACE:
        await request.run(_check_template, request, wanted)
    if wanted.errors:
        return await _page(request, kind, wanted, status=422)
    try:
        repo = await request.run(make, request.hub, request.caller, kind, wanted)
    except AlreadyExists:
        wanted.errors["name"] = _("This name is taken: choose another one.")
    except InvalidName:
        wanted.errors["name"] = rules()
    except Forbidden as error:
        wanted.errors["owner"] = error.message
    else:
        where = f"{repo.repo_id.web_path}/app" if wanted["template"] else f"/new/ready{repo.repo_id.web_path}"
        return redirect(where, status=303)
    return await _page(request, kind, wanted, status=422)


def _check(wanted: Wanted, kind: RepoType) -> None:
    try:
        parse_repo_name(wanted["name"])
    except InvalidName:
        wanted.errors["name"] = rules()
    if wanted["license"] and wanted["license"] not in vocabulary.LICENSE_IDS:
        wanted.errors["license"] = _("Choose a licence of the list, or none.")
    if len(wanted["description"]) > _DESCRIPTION_CHARACTERS_MAX:
        wanted.errors["description"] = _("A description has at most 2,000 characters.")
    if kind is RepoType.SPACE and wanted["sdk"] not in SDKS:
        wanted.errors["sdk"] = _("Choose how the Space runs.")
    if wanted["gated"] not in ("", "auto", "manual"):
        wanted.errors["gated"] = _("Choose one of these.")


def _check_template(request: Request, wanted: Wanted) -> None:
    """What it is about has to be here, and for the reader. The template says how the Space runs."""
    try:
        template = templates.named(wanted["template"])
    except BadRequest:
        wanted.errors["template"] = _("Choose one of these.")
        return
    wanted.values["sdk"] = template.sdk
    wanted.errors.pop("sdk", None)
    if template.needs is None:
        wanted.values["source"] = ""
        return
    try:
        source = RepoId.parse(template.needs, wanted["source"])
        opened = request.hub.access.open_sync(request.caller, source, Action.READ)
        wanted.values["source"] = str(opened.repo_id)
    except HubError:
        wanted.errors["source"] = _("Say which one it is about, as owner/name: it has to be on this hub.")


def _license_id(text: str) -> str:
    """People may write the name that stands beside the id."""
    by_name = {vocabulary.license_name(id_).lower(): id_ for id_ in vocabulary.LICENSE_IDS}
    by_name |= {id_.lower(): id_ for id_ in vocabulary.LICENSE_IDS}
    return by_name.get(text.lower(), text)


def rules() -> str:
    """Of a repo's name."""
    return _("Use 1 to 96 letters, digits, “-”, “_” and “.”; no “--” or “..”, and no “-” or “.” at either end.")


def _problem(hub: Hub, caller: Caller, kind: RepoType, owner: str | None, name: str | None) -> str:
    """In the language of the reader. A name in a namespace that is not the caller's tells nothing."""
    if not name:
        return ""
    try:
        parse_repo_name(name)
    except InvalidName:
        return rules()
    if owner not in owner_names(hub, caller):
        return ""
    try:
        taken = hub.access.open_sync(caller, RepoId(kind, owner or caller.name, name), Action.READ)
    except HubError:
        return ""
    is_same = taken.repo_id.key == f"{owner}/{name}".lower()  # an old name that leads elsewhere can be taken again
    return _("This name is taken: choose another one.") if is_same else ""


# --- making it ------------------------------------------------------------------------------------------------------


def make(hub: Hub, caller: Caller, kind: RepoType, wanted: Wanted) -> Repo:
    """For a worker thread. Raises InvalidName, AlreadyExists, Forbidden, AccountNotFound."""
    new = NewRepo(
        type=kind,
        namespace=wanted["owner"],
        name=wanted["name"],
        private={"private": True, "public": False}.get(wanted["visibility"]),  # else as the owner wants
        sdk=wanted["sdk"] or None,
    )
    repo = hub.catalog.create(caller, new)
    if wanted["gated"] and kind is not RepoType.SPACE:
        hub.catalog.change(
            caller, hub.access.open_sync(caller, repo.repo_id, Action.MANAGE), Settings(gated=wanted["gated"])
        )
    if wanted["template"] and kind is RepoType.SPACE:
        template = templates.named(wanted["template"])
        found = templates.files(template, wanted["name"], wanted["source"])
        files = tuple(AddFile(parse_path(path), content) for path, content in found.items())
        writable = hub.access.open_sync(caller, repo.repo_id, Action.WRITE)
        commits.create(writable, caller, "main", Plan(f"Begin with the template {template.name}", operations=files))
    elif wanted["card"]:
        writable = hub.access.open_sync(caller, repo.repo_id, Action.WRITE)
        file = AddFile(parse_path("README.md"), card(kind, wanted).encode())
        commits.create(writable, caller, "main", Plan("Add a card", operations=(file,)))
    return repo


def card(kind: RepoType, wanted: Wanted) -> str:
    """The README that a new repo begins with. Every value in its metadata is of a list, or a name that passed."""
    fields = [f"license: {wanted['license']}"] if wanted["license"] else []
    if kind is RepoType.SPACE:
        fields = [f"title: {wanted['name']}", "colorFrom: blue", "colorTo: indigo", f"sdk: {wanted['sdk']}", *fields]
        if wanted["sdk"] in ("gradio", "streamlit"):
            fields.append("app_file: app.py")
    head = ["---", *fields, "---"] if fields else []
    parts = {
        RepoType.MODEL: (_("Intended use"), _("Training data"), _("Evaluation"), _("Limitations")),
        RepoType.DATASET: (_("Contents"), _("Where the data come from"), _("Intended use"), _("Limitations")),
        RepoType.SPACE: (),
    }[kind]
    body = [f"# {wanted['name']}", wanted["description"], *(f"## {title}" for title in parts)]
    return "\n".join(head) + "\n\n" * bool(head) + "\n\n".join(text for text in body if text) + "\n"


ROUTES = (
    Route("GET", "/new", Needs.USER, new_model),
    Route("GET", "/new-dataset", Needs.USER, new_dataset),
    Route("GET", "/new-space", Needs.USER, new_space),
    Route("POST", "/new", Needs.USER_WRITE, create_model, _FORM_BYTES_MAX),
    Route("POST", "/new-dataset", Needs.USER_WRITE, create_dataset, _FORM_BYTES_MAX),
    Route("POST", "/new-space", Needs.USER_WRITE, create_space, _FORM_BYTES_MAX),
    Route("GET", "/new/name-check", Needs.USER, name_check),
    Route("GET", "/new/ready/{repo:page}", Action.READ, ready),
)
