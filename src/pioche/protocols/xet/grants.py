"""Grants: a xorb goes from the client straight to the object store, and is verified here afterwards (xet.md section 8.3)."""

import secrets

import msgspec

from pioche.errors import BadRequest, ContentNotFound, TooLarge
from pioche.http.messages import Request, Response, json_response
from pioche.protocols.xet import tokens
from pioche.protocols.xet.tokens import Session
from pioche.protocols.xet.uploads import reserve
from pioche.storage.grants import Grants
from pioche.storage.xet.drafts import BODY_BYTES_MAX, XorbDraft
from pioche.storage.xet.hashing import from_text, to_text

_PURPOSE = "xet-grant"
_SECONDS = 3600
_NAME_LENGTH = 32


class Asked(msgspec.Struct):
    """The body; the checksum that clients add says nothing that `commit` does not find out."""

    length: int


async def grant(request: Request) -> Response:
    """`POST /v1/xorb-grants/default/{hash}`. Exactly 404 means: send the xorb to the hub (405 would end the upload)."""
    grants = _offered(request)
    session = await tokens.writer(request)
    name, body = to_text(from_text(request.params["hash"])), await request.json(Asked)
    _check_length(body.length)
    if body.length <= 0:
        raise BadRequest("The length of the xorb is missing")
    await reserve(request, session, from_text(name), body.length)
    place = secrets.token_hex(_NAME_LENGTH // 2)
    proof = request.hub.keyring.sign(_PURPOSE, _bound(session, name, place), seconds=_SECONDS)
    url = grants.url_of(place, body.length, seconds=_SECONDS)
    return json_response({"id": f"{place}.{proof}", "method": "PUT", "url": url, "headers": {}}, status=201)


async def commit(request: Request) -> Response:
    """`POST /v1/xorb-commits/default/{hash}/grant/{id}`. Verified before 200; 404 when nothing arrived.

    Raises SignatureExpired for a grant of somebody else's, for another repo or xorb, or past its time.
    """
    grants = _offered(request)
    session = await tokens.writer(request)
    name = from_text(request.params["hash"])
    place, _, proof = request.params["id"].partition(".")
    request.hub.keyring.verify(_PURPOSE, _bound(session, to_text(name), place), proof)
    inserted = await request.run(_take, request, grants, session, name, place)
    return json_response({"was_inserted": inserted})


def _take(request: Request, grants: Grants, session: Session, name: bytes, place: str) -> bool:
    with grants.sealed(place) as stored:
        size = request.hub.blobs.size(stored) or 0
        _check_length(size)
        with XorbDraft(request.hub.config.data_dir / "incoming", size=size) as draft:
            for piece in request.hub.blobs.read(stored, 0, size):
                draft.write([piece])
            put = request.hub.xet.uploads.put_xorb
            return put(session.repo.id, session.caller.user_id, name, draft, stored=stored)


def _check_length(size: int) -> None:
    if size > BODY_BYTES_MAX:
        raise TooLarge(f"A xorb may have at most {BODY_BYTES_MAX} bytes")


def _bound(session: Session, name: str, place: str) -> tuple[str, ...]:
    """Whom, what and where a grant is for."""
    return (str(session.caller.user_id), session.repo.uid, name, place)


def _offered(request: Request) -> Grants:
    if request.hub.grants is None:
        raise ContentNotFound("Upload grants are not offered: send the xorb here")
    return request.hub.grants
