"""Pictures of people, of repos and in comments: where they are, and how one is sent.

What goes out was made here (`render.pictures`), and says what it is; a browser that is told to open it runs nothing.
"""

import hashlib
from html import escape

import msgspec

from pioche.accounts.account import Account
from pioche.community.collections import gallery
from pioche.errors import NotFound, Unavailable
from pioche.http import ranges
from pioche.http.contents import open_content
from pioche.http.messages import Headers, Request, Response, json_response, text_response
from pioche.http.routes import Needs, Route
from pioche.names import HEX24, HEX64
from pioche.render import pictures
from pioche.render.pictures import Picture, PosterJob
from pioche.render.results import Problem
from pioche.repos import images, info
from pioche.repos.access import Action
from pioche.repos.facts import telling
from pioche.repos.info import RepoInfo
from pioche.storage import images as stored
from pioche.storage.images import Image

_INERT = ("Content-Security-Policy", "default-src 'none'; sandbox")
_FOR_EVER = ("Cache-Control", "public, max-age=31536000, immutable")
_FOR_A_WHILE = ("Cache-Control", "public, max-age=300")
_ASKED_AGAIN = ("Cache-Control", "private, no-cache")
_NOT_KEPT = ("Cache-Control", "private, no-store")
_LICENSE = "license:"
_tags = msgspec.json.Decoder(list[str])


# --- avatars --------------------------------------------------------------------------------------------------------


async def user_avatar(request: Request) -> Response:
    """GET /api/users/U/avatar."""
    return _avatar(request, await request.run(request.hub.directory.get_user, request.params["name"]))


async def org_avatar(request: Request) -> Response:
    """GET /api/organizations/O/avatar."""
    return _avatar(request, await request.run(request.hub.directory.get_org, request.params["name"]))


async def any_avatar(request: Request) -> Response:
    """GET /api/avatars/NAME, of a user or an organisation."""
    return _avatar(request, await request.run(request.hub.directory.get, request.params["name"]))


def _avatar(request: Request, account: Account) -> Response:
    address = request.hub.avatars.url(account.name)
    if request.query.flag("redirect"):
        return Response(302, [("Location", address)])
    return json_response({"avatarUrl": address})


async def avatar_image(request: Request) -> Response:
    """GET /avatars/SHA256.webp: a picture that somebody uploaded. GET /avatars/NAME.svg: the account's picture, and where it
    has none an initial on a colour, made of the name alone, so that it tells not who exists."""
    name, _, suffix = request.params["file"].rpartition(".")
    if HEX64.match(name):
        return await _uploaded(request, name, suffix)
    if not name or not name.isascii() or suffix != "svg":
        raise NotFound("There is nothing at this address")
    address = request.hub.avatars.picture(name)
    if address is not None:
        return Response(302, [("Location", address), _FOR_A_WHILE])
    return Response(200, [("Content-Type", "image/svg+xml"), _FOR_A_WHILE, _INERT], _drawing(name).encode())


async def _uploaded(request: Request, sha256: str, suffix: str) -> Response:
    found = await request.run(stored.avatar, request.hub.database, sha256)
    if found is None or found.suffix != suffix:
        raise NotFound("There is nothing at this address")
    return await open_content(request, found.content, [("Content-Type", found.media_type), _FOR_EVER, _INERT])


def _drawing(name: str) -> str:
    hue = sum(name.lower().encode()) * 47 % 360
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        f'<rect width="64" height="64" fill="hsl({hue},45%,40%)"/>'
        '<text x="32" y="43" font-family="sans-serif" font-size="32" text-anchor="middle" fill="#fff">'
        f"{escape(name.lstrip('_-')[:1].upper())}</text></svg>"
    )


# --- in comments ----------------------------------------------------------------------------------------------------


async def upload(request: Request) -> Response:
    """POST /uploads: the bytes of a picture; its address as text, for a comment (hub-api.md section 6)."""
    data = await request.body()
    hub = request.hub
    found = await request.run(images.attach, hub.access, hub.renderer, request.caller, data)
    return text_response(f"{request.base_url}/uploads/{found.uid}.{found.suffix}", headers=[_NOT_KEPT])


async def attachment(request: Request) -> Response:
    """GET /uploads/UID.png: for its sender and for who may open a repo where it was used; in a gallery, for who sees the item."""
    uid, _, suffix = request.params["file"].rpartition(".")
    if not HEX24.match(uid):
        raise NotFound("There is nothing at this address")
    found = await request.run(_sent, request, uid)
    if found.suffix != suffix:
        raise NotFound("There is nothing at this address")
    return await open_content(request, found.content, [("Content-Type", found.media_type), _ASKED_AGAIN, _INERT])


def _sent(request: Request, uid: str) -> Image:
    hub, caller = request.hub, request.caller
    if stored.in_gallery(hub.database, uid) is not None:
        return gallery.get(hub.database, caller, uid)
    found, _is_public = images.attachment(hub.access, caller, uid)
    return found


# --- of repos -------------------------------------------------------------------------------------------------------


async def social(request: Request) -> Response:
    """GET /api/T/R/social.png: what stands for the repo where somebody links it: what its owners chose, else its name and a
    few facts, drawn here."""
    repo = request.repo
    about = await info.get(repo)
    caching = _NOT_KEPT if repo.private else _FOR_A_WHILE
    chosen = None if about.disabled else await request.run(stored.of_repo, request.hub.database, repo.id)
    if chosen is not None:
        return await open_content(request, chosen.content, [("Content-Type", chosen.media_type), caching, _INERT])
    made = await request.run(request.hub.renderer.poster, await _poster(request, about))
    if isinstance(made, Problem):
        raise Unavailable("The picture could not be drawn: try again in a minute")
    return _drawn(request, made, [("Content-Type", made.media_type), caching, _INERT])


def _drawn(request: Request, made: Picture, headers: Headers) -> Response:
    etag = f'"{hashlib.sha256(made.data).hexdigest()}"'
    return ranges.answer(
        request, etag=etag, length=len(made.data), open_part=lambda start, end: made.data[start:end], headers=headers
    )


async def _poster(request: Request, about: RepoInfo) -> PosterJob:
    told = await telling.get(request.repo)
    facts = [told.pipeline_tag.replace("-", " ").capitalize()] if told.pipeline_tag else []
    facts += [f"{_short(told.parameters)} parameters"] if told.parameters else []
    facts += [about.sdk] if about.sdk else []
    facts += [tag.removeprefix(_LICENSE) for tag in _tags.decode(about.tags) if tag.startswith(_LICENSE)][:1]
    repo_id = about.repo_id
    return PosterJob(repo_id.type.value, repo_id.namespace, repo_id.name, [fact for fact in facts if fact.isascii()])


def _short(count: int) -> str:
    """`7.25B`, whatever the language: a picture has one."""
    for least, unit in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= least:
            return f"{count / least:.3g}{unit}"
    return str(count)


ROUTES = (
    Route("GET", "/api/users/{name}/avatar", Needs.ANYONE, user_avatar),
    Route("GET", "/api/organizations/{name}/avatar", Needs.ANYONE, org_avatar),
    Route("GET", "/api/avatars/{name}", Needs.ANYONE, any_avatar),
    Route("GET", "/avatars/{file}", Needs.ANYONE, avatar_image, is_free=True),
    Route("POST", "/uploads", Needs.USER_WRITE, upload, pictures.BYTES_MAX),
    Route("GET", "/uploads/{file}", Needs.ANYONE, attachment, is_free=True),
    Route("GET", "/api/{repo:api}/social.png", Action.READ, social),
)
