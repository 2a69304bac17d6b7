"""Xet tokens: short-lived, for one repo and one use, issued by the hub and shown to the CAS (xet.md section 8.1)."""

from typing import NamedTuple

from pioche.accounts.callers import Caller
from pioche.errors import InvalidToken, ReadOnlyToken, RepoNotFound, SignatureExpired
from pioche.http import cas, credentials, placing
from pioche.http.cas import Use
from pioche.http.messages import Request, Response, json_response
from pioche.repos import revisions
from pioche.repos.access import Action, Repo

# A 401 is fatal to the clients, never a reason to refresh: allow for clocks and slow requests.
_LEEWAY_SECONDS = 60


class Session(NamedTuple):
    """The caller and the repo behind a CAS call; `run` is the token's own, another one each time."""

    caller: Caller
    repo: Repo
    run: str


# --- the hub issues -------------------------------------------------------------------------------------------------


async def read_token(request: Request) -> Response:
    """`GET /api/models/ns/name/xet-read-token/{revision}`."""
    await revisions.resolve(request.repo, request.params["revision"])
    return await _issue(request, Use.READ)


async def write_token(request: Request) -> Response:
    """`GET .../xet-write-token/{revision}[?create_pr=1]`. For a new pull request the revision may be `None`."""
    revision = request.params["revision"]
    if request.query.flag("create_pr") or revision.startswith("refs/pr/"):
        return await _issue(request, Use.PROPOSE)
    await request.hub.access.open_uid(request.caller, request.repo.uid, Action.WRITE)
    await revisions.resolve(request.repo, revision)
    return await _issue(request, Use.WRITE)


async def bucket_read_token(request: Request) -> Response:
    """`GET /api/buckets/ns/name/xet-read-token`: a bucket has no revisions."""
    return await _issue(request, Use.READ)


async def bucket_write_token(request: Request) -> Response:
    """`GET /api/buckets/ns/name/xet-write-token`."""
    return await _issue(request, Use.WRITE)


async def _issue(request: Request, use: Use) -> Response:
    """Both forms of the answer: hf_xet reads the JSON, huggingface_hub the headers."""
    grant = await cas.grant(request, request.repo, use)
    body = {"accessToken": grant.token, "exp": grant.expires_at, "casUrl": grant.url}
    return json_response(body, headers=[*grant.headers, ("Cache-Control", "no-store")])


# --- the CAS asks ---------------------------------------------------------------------------------------------------


async def reader(request: Request) -> Session:
    """Who reads, with any Xet token of this address. Raises InvalidToken, RepoNotFound, GatedRepo."""
    claims = _claims(request)
    return await _session(request, claims, Action.CONTENT)


async def writer(request: Request) -> Session:
    """Who uploads. Raises also ReadOnlyToken and Forbidden."""
    claims = _claims(request)
    if claims["use"] == Use.READ:
        raise ReadOnlyToken
    return await _session(request, claims, Action.WRITE if claims["use"] == Use.WRITE else Action.PROPOSE)


def cas_path(request: Request) -> str:
    """The path of this `casUrl`: `/cas/1/5f..-1`."""
    return f"/cas/{request.params['instance']}/{request.params['store']}"


def _claims(request: Request) -> dict[str, str]:
    token = credentials.token(request.headers.get("authorization"))
    if token is None:
        raise InvalidToken("A Xet token is needed: ask the hub for one")
    try:
        claims = request.hub.keyring.unseal(cas.PURPOSE, token, leeway=_LEEWAY_SECONDS)
    except SignatureExpired:
        raise InvalidToken("The Xet token is wrong or has expired: ask the hub for a new one") from None
    if cas_path(request) != f"/cas/{claims['at']}":
        raise InvalidToken("The Xet token is for another repo")
    return claims


async def _session(request: Request, claims: dict[str, str], action: Action) -> Session:
    hub = request.hub
    caller = Caller.nobody()
    if claims["by"] is not None:
        caller = placing.at_address(request, await hub.callers.by_credential(claims["by"]))
    uid = request.params["store"].partition("-")[0]
    try:
        return Session(caller, await hub.access.open_uid(caller, uid, action), claims.get("run", ""))
    except RepoNotFound:
        # A public repo that became private after an anonymous token was issued: 404, as for anybody else.
        raise RepoNotFound from None
