"""Choosing pictures: one's own, an organisation's, a repo's (ui.md T1, U3, S1). Without a script the middle is taken; with one
(`picture-crop.js`) the square is chosen before it is sent.
"""

import math
from dataclasses import dataclass

from pioche.errors import BadRequest, TooLarge, Unprocessable, UnsupportedMediaType
from pioche.http.messages import Query, Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.render import pictures
from pioche.render.pictures import Crop
from pioche.repos import images
from pioche.repos.access import Action
from pioche.storage import images as stored
from pioche.storage.images import Image, Use
from pioche.web.forms import Form
from pioche.web.organisations import frame as organisations
from pioche.web.repo_settings import frame as repo_settings
from pioche.web.settings import frame as settings

_FORM_BYTES_MAX = pictures.BYTES_MAX + 64 * 1024
_REFUSED = (TooLarge, Unprocessable, UnsupportedMediaType)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a form sent: the bytes of a picture and the square of it, or that there shall be none."""

    data: bytes
    crop: Crop | None
    removes: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """Of whom or what the picture is. `here` is where the form goes, `current` where the picture is now."""

    name: str
    here: str
    is_square: bool
    current: str | None


# --- of people and organisations ------------------------------------------------------------------------------------


async def own(request: Request) -> Response:
    """GET /settings/profile/picture."""
    return await request.run(_own_page, request)


async def change_own(request: Request) -> Response:
    """POST /settings/profile/picture."""
    chosen = await _chosen(request)
    if error := await request.run(_set_avatar, request, request.caller.user_id, chosen):
        return await request.run(_own_page, request, error, 422)
    return settings.saved("profile", "picture")


def _own_page(request: Request, error: str = "", status: int = 200) -> Response:
    current = stored.avatar_of(request.hub.database, request.caller.user_id)
    subject = Subject(request.caller.name, _OWN, is_square=True, current=_address(current))
    shown = {"subject": subject, "error": error, "may_remove": current is not None}
    return settings.page(request, "picture.html", "profile", status=status, **shown)


async def of_organisation(request: Request) -> Response:
    """GET /organizations/{name}/settings/picture."""
    return await request.run(_organisation_page, request)


async def change_of_organisation(request: Request) -> Response:
    """POST /organizations/{name}/settings/picture: by its administrators."""
    chosen = await _chosen(request)
    org = await request.run(organisations.administered, request)
    if error := await request.run(_set_avatar, request, org.id, chosen):
        return await request.run(_organisation_page, request, error, 422)
    return organisations.saved(org, "picture")


def _organisation_page(request: Request, error: str = "", status: int = 200) -> Response:
    org = organisations.administered(request)
    current = stored.avatar_of(request.hub.database, org.id)
    subject = Subject(org.name, f"{organisations.base(org)}/picture", is_square=True, current=_address(current))
    shown = {"subject": subject, "error": error, "may_remove": current is not None}
    return organisations.page(request, "picture.html", "picture", org, status=status, **shown)


def _set_avatar(request: Request, account_id: int, chosen: Chosen) -> str:
    """What is wrong with the picture, in the reader's language; nothing when it is set."""
    hub = request.hub
    if chosen.removes:
        stored.forget(hub.database, Use.AVATAR, account_id)
    else:
        try:
            images.set_avatar(hub.contents, hub.renderer, account_id, chosen.data, chosen.crop)
        except _REFUSED as error:
            return _refusal(error)
    hub.avatars.flush()
    return ""


def _address(image: Image | None) -> str | None:
    return None if image is None else f"/avatars/{image.content.sha256}.{image.suffix}"


# --- of repos -------------------------------------------------------------------------------------------------------


async def of_repo(request: Request) -> Response:
    """GET /{repo}/settings/picture."""
    return await _repo_page(request)


async def change_of_repo(request: Request) -> Response:
    """POST /{repo}/settings/picture."""
    chosen = await _chosen(request)
    if error := await request.run(_set_social, request, chosen):
        return await _repo_page(request, error, 422)
    return repo_settings.saved(request.repo.repo_id, "picture", "/picture")


async def _repo_page(request: Request, error: str = "", status: int = 200) -> Response:
    id_ = request.repo.repo_id
    own = await request.run(stored.of_repo, request.hub.database, request.repo.id)
    address = f"/api/{id_.type.plural}/{id_}/social.png"
    subject = Subject(str(id_), f"{id_.web_path}/settings/picture", is_square=False, current=address)
    shown = {"subject": subject, "error": error, "may_remove": own is not None}
    return await repo_settings.page(request, "picture", Form(), status=status, **shown)


def _set_social(request: Request, chosen: Chosen) -> str:
    if chosen.removes:
        images.forget_social(request.repo, request.caller)
        return ""
    try:
        images.set_social(request.repo, request.caller, request.hub.renderer, chosen.data)
    except _REFUSED as error:
        return _refusal(error)
    return ""


# --- what they share ------------------------------------------------------------------------------------------------


async def _chosen(request: Request) -> Chosen:
    """Raises BadRequest, UnsupportedMediaType."""
    sent = await request.form()
    if sent.get("remove"):
        return Chosen(b"", None, removes=True)
    found = next((file.content for file in await request.files() if file.field == "picture"), b"")
    return Chosen(found, _crop(sent), removes=False)


def _crop(sent: Query) -> Crop | None:
    """Raises BadRequest."""
    texts = [sent.get(name) for name in ("x", "y", "side")]
    if not all(texts):
        return None
    try:
        x, y, side = (float(text or "") for text in texts)
    except ValueError:
        raise BadRequest("The square of a picture is three numbers: x, y, side") from None
    if not all(math.isfinite(value) for value in (x, y, side)):
        raise BadRequest("The square of a picture is three numbers: x, y, side")
    return Crop(x, y, side)


def _refusal(error: TooLarge | Unprocessable | UnsupportedMediaType) -> str:
    if isinstance(error, TooLarge):
        most = {"pixels": pictures.PIXELS_MAX // 10**6, "side": pictures.SIDE_MAX, "size": pictures.BYTES_MAX // 2**20}
        return _("A picture has at most %(size)s MB, %(pixels)s million pixels, and %(side)s pixels on a side.") % most
    if isinstance(error, UnsupportedMediaType):
        return _("Choose a PNG, a JPEG, a WebP or a GIF: this is none of them.")
    return _("This picture is damaged, or takes more time than a picture may.")


_OWN, _ORGANISATION = "/settings/profile/picture", "/organizations/{name}/settings/picture"
_REPO = "/{repo:web}/settings/picture"
ROUTES = (
    Route("GET", _OWN, Needs.SESSION, own),
    Route("POST", _OWN, Needs.SESSION, change_own, _FORM_BYTES_MAX),
    Route("GET", _ORGANISATION, Needs.SESSION, of_organisation),
    Route("POST", _ORGANISATION, Needs.SESSION, change_of_organisation, _FORM_BYTES_MAX),
    Route("GET", _REPO, Action.MANAGE, of_repo),
    Route("POST", _REPO, Action.MANAGE, change_of_repo, _FORM_BYTES_MAX),
)
