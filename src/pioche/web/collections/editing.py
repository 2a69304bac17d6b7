"""Making and changing collections by forms."""

from typing import Final

from pioche.community.collections import changing, finding, gallery, items
from pioche.community.collections.changing import Change, NewCollection, TitleTaken
from pioche.community.collections.collection import (
    THEMES,
    Collection,
    Kind,
    parse_description,
    parse_title,
)
from pioche.errors import BadRequest, Forbidden, HubError
from pioche.http.messages import Query, Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.render import pictures
from pioche.repos.access import Action
from pioche.web import layout, owners
from pioche.web.collections import pages
from pioche.web.forms import Form
from pioche.web.repo import heads
from pioche.web.sessions import targets

_FORM_BYTES_MAX: Final = 128 * 1024
_PICTURE_BYTES_MAX: Final = pictures.BYTES_MAX + 64 * 1024
_LISTED: Final = 100
_STEPS: Final = {"up": -1, "down": 1}


# --- a new one ------------------------------------------------------------------------------------------------------


async def new_form(request: Request) -> Response:
    """GET /collections/new?owner=&kind=&target=: with a first item where one is named."""
    asked = request.query
    given = {"owner": asked.get("owner") or request.caller.name, "visibility": "public"}
    given |= {"kind": asked.get("kind") or "", "target": asked.get("target") or ""}
    return await _new_page(request, Form(given))


async def create(request: Request) -> Response:
    """POST /collections/new."""
    form = Form.of(await request.form(), "owner", "title", "description", "visibility", "kind", "target")
    _check_texts(form)
    if not form.is_wrong:
        try:
            made = await request.run(_create, request, form)
        except TitleTaken:
            form.errors["title"] = _("You have a collection of this title: choose another one.")
        except Forbidden as error:
            form.errors["owner"] = error.message
        else:
            return _see_other(made.web_path)
    return await _new_page(request, form, status=422)


def _create(request: Request, form: Form) -> Collection:
    hub, caller = request.hub, request.caller
    new = NewCollection(
        title=form["title"],
        namespace=form["owner"],
        description=form["description"],
        private=form["visibility"] == "private",
    )
    kind = Kind.parse(form["kind"]) if form["target"] else None
    made = changing.create(hub.database, hub.directory, caller, new)
    if kind is not None:
        items.add(hub.database, hub.access, caller, made.slug, kind, form["target"])
    return made


async def _new_page(request: Request, form: Form, *, status: int = 200) -> Response:
    names = await request.run(owners.of, request.hub, request.caller)
    return layout.page(request, "collections/new.html", status=status, form=form, owners=names)


def _check_texts(form: Form) -> None:
    form.check("title", parse_title, _("A title has 1 to 100 characters."))
    form.check("description", parse_description, _("A description has at most 150 characters."))


# --- changing one ---------------------------------------------------------------------------------------------------


async def edit_form(request: Request) -> Response:
    """GET /collections/{namespace}/{slug}/edit: for who may."""
    found = await request.run(_editable, request)
    values = {"title": found.title, "description": found.description or "", "theme": found.theme}
    values |= {"visibility": "private" if found.private else "public", "position": str(found.position + 1)}
    return _edit_page(request, found, Form(values))


async def edit(request: Request) -> Response:
    """POST /collections/{namespace}/{slug}/edit."""
    found = await request.run(_editable, request)
    form = Form.of(await request.form(), "title", "description", "theme", "visibility", "position")
    _check_texts(form)
    if form["visibility"] not in ("public", "private"):
        raise BadRequest('"visibility" must be public or private')
    place = form["position"]
    if not (place.isascii() and place.isdigit() and 0 < len(place) < 6):
        form.errors["position"] = _("A place is a number from 1.")
    if form.is_wrong:
        return _edit_page(request, found, form, status=422)
    change = Change(
        title=form["title"],
        description=form["description"],
        private=form["visibility"] == "private",
        theme=form["theme"] or None,
        position=int(place) - 1,
    )
    changed = await request.run(changing.change, request.hub.database, request.caller, found.slug, change)
    return _see_other(changed.web_path)


async def delete(request: Request) -> Response:
    """POST /collections/{namespace}/{slug}/delete: the field `confirm` is the title."""
    found = await request.run(_editable, request)
    confirmed = (await request.form()).get("confirm") or ""
    if " ".join(confirmed.split()) != found.title:
        values = {"title": found.title, "description": found.description or "", "theme": found.theme}
        values |= {"visibility": "private" if found.private else "public", "position": str(found.position + 1)}
        form = Form(values, {"confirm": _("This is not the title: nothing was deleted.")})
        return _edit_page(request, found, form, status=422)
    await request.run(changing.delete, request.hub.database, request.caller, found.slug)
    return _see_other(f"/{found.owner}?tab=collections")


def _editable(request: Request) -> Collection:
    database, caller = request.hub.database, request.caller
    found = finding.get(database, caller, request.params["slug"])
    with database.read() as connection:
        finding.check_edits(connection, caller, found.owner_id, found.owner, collection_id=found.id)
    return found


def _edit_page(request: Request, found: Collection, form: Form, *, status: int = 200) -> Response:
    return layout.page(
        request, "collections/edit.html", status=status, collection=found, form=form, themes=_theme_names()
    )


def _theme_names() -> list[tuple[str, str]]:
    """By what they are called over the API, in its order."""
    names = (_("Copper"), _("Lapis"), _("Malachite"), _("Amethyst"), _("Garnet"), _("Indigo"))
    return list(zip(THEMES, names, strict=True))


# --- its items ------------------------------------------------------------------------------------------------------


async def change_items(request: Request) -> Response:
    """POST /collections/{namespace}/{slug}/items: the field `do` is `add`, `order`, or `up:ID`, `down:ID`, `remove:ID`,
    `note:ID`; with the id of a picture `forward:ID`, `drop:ID`."""
    form = await request.form()
    try:
        await request.run(_change_items, request, form)
    except HubError as error:
        if error.status >= 500 or error.status in (401, 403) or form.get("do") == "order":
            raise
        return await pages.show(request, status=error.status, error=error)
    where = targets.safe(form.get("next")) if form.get("next") else f"{request.raw_path.removesuffix('/items')}"
    return _see_other(where)


def _change_items(request: Request, form: Query) -> None:
    hub, caller, slug = request.hub, request.caller, request.params["slug"]
    what, _colon, uid = (form.get("do") or "").partition(":")
    if what == "add":
        kind = Kind.parse(form.get("kind") or "")
        items.add(hub.database, hub.access, caller, slug, kind, form.get("target") or "", note=form.get("note") or "")
    elif what == "order":
        items.arrange(hub.database, caller, slug, (form.get("order") or "").split(","))
    elif what == "remove":
        items.remove(hub.database, caller, slug, uid)
    elif what == "note":
        items.change(hub.database, caller, slug, [items.Change(uid=uid, note=form.get("note") or "")])
    elif what in _STEPS:
        _step(request, slug, uid, _STEPS[what])
    elif what == "forward":
        gallery.bring_forward(hub.database, caller, slug, uid)
    elif what == "drop":
        gallery.remove(hub.database, caller, slug, uid)
    else:
        raise BadRequest(
            '"do" must be add, order, up, down, remove or note with an item, or forward or drop with a picture'
        )


async def add_picture(request: Request) -> Response:
    """POST /collections/{namespace}/{slug}/pictures: `picture` for the gallery of `item`, which shows `alt`."""
    sent = await request.form()
    data = next((file.content for file in await request.files() if file.field == "picture"), b"")
    try:
        await request.run(_add_picture, request, sent, data)
    except HubError as error:
        if error.status >= 500 or error.status in (401, 403):
            raise
        return await pages.show(request, status=error.status, error=error)
    return _see_other(request.raw_path.removesuffix("/pictures"))


def _add_picture(request: Request, sent: Query, data: bytes) -> None:
    hub, caller, slug = request.hub, request.caller, request.params["slug"]
    item, alt = sent.get("item") or "", sent.get("alt") or ""
    gallery.add(hub.database, hub.contents, hub.renderer, caller, slug, item, data, alt)


def _step(request: Request, slug: str, uid: str, step: int) -> None:
    """One place up or down among those that the caller sees; at the end there is none."""
    hub, caller = request.hub, request.caller
    found = finding.get(hub.database, caller, slug)
    seen = items.of(hub.database, caller, [found])[found.id]
    place = next((one.item.position for one in seen if one.item.uid == uid), None)
    wanted = None if place is None else min(max(place + step, 0), len(seen) - 1)
    items.change(hub.database, caller, slug, [items.Change(uid=uid, position=wanted)])


async def upvote(request: Request) -> Response:
    """POST /collections/{namespace}/{slug}/upvote: the field `undo` takes it back."""
    form = await request.form()
    vote = changing.take_back if form.get("undo") else changing.upvote
    await request.run(vote, request.hub.database, request.caller, request.params["slug"])
    return _see_other(request.raw_path.removesuffix("/upvote"))


# --- from a repo's page ---------------------------------------------------------------------------------------------


async def collect(request: Request) -> Response:
    """GET /{repo}/collect: the caller's collections, to add the repo to one."""
    mine, having = await request.run(_mine, request)
    head = await heads.head(request)
    return layout.page(
        request,
        "collections/collect.html",
        repo_id=request.repo.repo_id,
        tab="collect",
        head=head,
        mine=mine,
        having=having,
    )


def _mine(request: Request) -> tuple[list[Collection], set[int]]:
    database, caller, repo = request.hub.database, request.caller, request.repo
    mine = finding.editable(database, caller, limit=_LISTED)
    inside = items.of(database, caller, mine)
    having = {where for where, found in inside.items() if any(one.item.repo_id == repo.id for one in found)}
    return mine, having


def _see_other(address: str) -> Response:
    return Response(303, [("Location", address), ("Cache-Control", "no-store")])


_ONE = "/collections/{namespace}/{slug}"

ROUTES = (
    Route("GET", "/collections", Needs.ANYONE, pages.listing),
    Route("GET", "/collections/new", Needs.USER, new_form),
    Route("POST", "/collections/new", Needs.USER_WRITE, create, _FORM_BYTES_MAX),
    Route("GET", "/collections/{namespace}", Needs.ANYONE, pages.of_owner),
    Route("GET", _ONE, Needs.ANYONE, pages.one),
    Route("GET", f"{_ONE}/edit", Needs.USER, edit_form),
    Route("POST", f"{_ONE}/edit", Needs.USER_WRITE, edit, _FORM_BYTES_MAX),
    Route("POST", f"{_ONE}/delete", Needs.USER_WRITE, delete, _FORM_BYTES_MAX),
    Route("POST", f"{_ONE}/items", Needs.USER_WRITE, change_items, _FORM_BYTES_MAX),
    Route("POST", f"{_ONE}/pictures", Needs.USER_WRITE, add_picture, _PICTURE_BYTES_MAX),
    Route("POST", f"{_ONE}/upvote", Needs.USER_WRITE, upvote, _FORM_BYTES_MAX),
    Route("GET", f"{_ONE}/history", Needs.USER, pages.past),
    Route("GET", "/{repo:web}/collect", Action.PARTICIPATE, collect),
)
