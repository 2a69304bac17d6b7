"""OpenID Connect, from the side of who relies on it: the authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636).

`Oidc.begin` says where a browser goes, and what it takes along; `Oidc.finish` turns what it comes back with into `Claims`,
which were signed by the provider, for this hub, for this very attempt. Nothing here knows accounts. Every call goes through
the outbound client: a provider whose address lies inside is refused like any other address.
"""

import base64
import contextlib
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from pioche.config import OIDC_CLAIMS
from pioche.errors import BadRequest, ForbiddenAddress, SignInFailed, Unreachable
from pioche.outbound.client import Answer, Client
from pioche.outbound.targets import Target

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by keys that the provider publishes: neither `none` nor a secret that others may know."""
SKEW_SECONDS = 60
_KEPT_SECONDS = 600
_AGAIN_SECONDS = 10
"""How soon a provider's keys are fetched again when one is not among them."""
_PROVIDERS_MAX = 200
_KEYS_MAX = 50
_TEXT_MAX = 300
_GROUPS_MAX = 500
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Provider:
    """Whom to ask, and as whom. `claims`: by which of its claims something is told, where that is not the usual one."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    claims: Mapping[str, str] = field(default_factory=lambda: dict(OIDC_CLAIMS))


@dataclass(frozen=True, slots=True)
class Claims:
    """Who somebody is there. `email` is one that the provider says it verified, in lower case; None for any other."""

    issuer: str
    subject: str
    email: str | None
    name: str
    fullname: str
    groups: frozenset[str]


class Attempt(msgspec.Struct, frozen=True):
    """What the browser keeps until it comes back, and nobody else knows."""

    state: str
    nonce: str
    verifier: str


class _Metadata(msgspec.Struct):
    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    """Without this one and the next it signs nobody in: it says of jobs what they are, as CI systems do."""
    token_endpoint: str = ""
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(msgspec.Struct):
    id_token: str
    access_token: str = ""


@dataclass(slots=True)
class _Known:
    metadata: _Metadata
    keys: KeySet
    at: float


class Oidc:
    """Speaks with providers, and remembers for ten minutes what they say of themselves. For worker threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, issuer: str) -> None:
        """Whether there is a provider of this name, at which people sign in. Raises BadRequest (ForbiddenAddress),
        SignInFailed."""
        _check_signs_in(self._fetch(issuer).metadata)

    def check_keys(self, issuer: str) -> None:
        """As `check`, of one that need not sign people in: it publishes what it signs with."""
        self._fetch(issuer)

    def said(self, issuer: str, token: str, audience: str) -> dict[str, Any]:
        """What an issuer signed of anything, a job of a CI system say, for this audience and no other, and now. Raises
        SignInFailed, BadRequest (ForbiddenAddress)."""
        claims = self._signed(issuer, token, issuer)
        audiences = claims.get("aud")
        named = audiences if isinstance(audiences, list) else [audiences]
        if claims.get("iss") != issuer or named != [audience] or not _is_now(claims):
            raise SignInFailed("This identity token is for another time or place")
        return claims

    def begin(self, provider: Provider, redirect_uri: str, *, prompt: str = "") -> tuple[str, Attempt]:
        """Where the browser goes. Raises BadRequest (ForbiddenAddress), SignInFailed."""
        metadata = self._of(provider.issuer).metadata
        _check_signs_in(metadata)
        attempt = Attempt(*(secrets.token_urlsafe(32) for _ in range(3)))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(provider.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **({"prompt": prompt} if prompt else {}),
        }
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{joint}{urlencode(asked)}", attempt

    def finish(self, provider: Provider, attempt: Attempt, sent: Mapping[str, str], redirect_uri: str) -> Claims:
        """From the query that the browser came back with. Raises SignInFailed, BadRequest (ForbiddenAddress)."""
        if not hmac.compare_digest(sent.get("state", "").encode(), attempt.state.encode()):
            raise SignInFailed("This is not the answer to what this browser asked for: begin again")
        if sent.get("iss", provider.issuer) != provider.issuer:  # RFC 9207: of another provider than was asked
            raise SignInFailed("Another provider answered than was asked: begin again")
        if "error" in sent or not sent.get("code"):
            raise SignInFailed(f"{provider.name} did not sign you in ({sent.get('error', 'no code')[:60]})")
        tokens = self._redeem(provider, attempt, sent["code"], redirect_uri)
        claims = self._verified(provider, tokens.id_token, attempt.nonce)
        return _claims(provider, self._completed(provider, claims, tokens.access_token))

    # --- what is asked of the provider ---

    def _redeem(self, provider: Provider, attempt: Attempt, code: str, redirect_uri: str) -> _Tokens:
        metadata = self._of(provider.issuer).metadata
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            pair = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            sent |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
        answer = _called(lambda: self._client.post(metadata.token_endpoint, urlencode(sent).encode(), headers))
        if answer.status != 200:
            raise SignInFailed(f"{provider.name} did not accept its own answer ({answer.status}): begin again")
        tokens: _Tokens = _decoded(answer, _Tokens, provider.name)
        return tokens

    def _completed(self, provider: Provider, claims: dict[str, Any], access_token: str) -> dict[str, Any]:
        """Many providers tell groups and addresses at a second address only."""
        metadata = self._of(provider.issuer).metadata
        if not (metadata.userinfo_endpoint and access_token) or set(provider.claims.values()) <= claims.keys():
            return claims
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        answer = _called(lambda: self._client.get(metadata.userinfo_endpoint, headers, redirects_max=0))
        if answer.status != 200 or not answer.headers.get("content-type", "").startswith("application/json"):
            return claims
        told = _decoded(answer, dict[str, Any], provider.name)
        if told.get("sub") != claims["sub"]:  # OpenID Connect Core 5.3.2: of somebody else
            raise SignInFailed(f"{provider.name} told of two people at once: begin again")
        return _merged(claims, told, provider.claims["email"])

    def _of(self, issuer: str) -> _Known:
        with self._lock:
            known = self._known.get(issuer)
        if known is None or time.monotonic() - known.at > _KEPT_SECONDS:
            known = self._fetch(issuer)
        return known

    def _fetch(self, issuer: str) -> _Known:
        _check_address(issuer, issuer)
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        metadata = _decoded(_called(lambda: self._client.get(url, redirects_max=0)), _Metadata, issuer)
        if metadata.issuer != issuer:
            raise SignInFailed(f"The provider at {issuer[:100]} calls itself {metadata.issuer[:100]!r}: use that name")
        _check_address(metadata.jwks_uri, issuer)
        for address in (metadata.authorization_endpoint, metadata.token_endpoint, metadata.userinfo_endpoint):
            if address:
                _check_address(address, issuer)
        found = _decoded(_called(lambda: self._client.get(metadata.jwks_uri, redirects_max=0)), dict[str, Any], issuer)
        known = _Known(metadata, _keys(found, issuer), time.monotonic())
        with self._lock:
            self._known[issuer] = known
            self._known.move_to_end(issuer)
            while len(self._known) > _PROVIDERS_MAX:
                self._known.popitem(last=False)
        return known

    # --- what it signed ---

    def _verified(self, provider: Provider, token: str, nonce: str) -> dict[str, Any]:
        claims = self._signed(provider.issuer, token, provider.name)
        _check_claims(provider, claims, nonce)
        return claims

    def _signed(self, issuer: str, token: str, name: str) -> dict[str, Any]:
        known = self._of(issuer)
        try:
            return _decode(token, known.keys)
        except (JoseError, ValueError):
            if time.monotonic() - known.at < _AGAIN_SECONDS:
                raise SignInFailed(f"What {name} answered is not signed by it") from None
            try:
                return _decode(token, self._fetch(issuer).keys)  # it may have new keys
            except (JoseError, ValueError):
                raise SignInFailed(f"What {name} answered is not signed by it") from None


def _decode(token: str, keys: KeySet) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
    return claims


def _check_claims(provider: Provider, claims: dict[str, Any], nonce: str) -> None:
    """OpenID Connect Core 3.1.3.7."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    subject = claims.get("sub")
    wrong = ""
    if claims.get("iss") != provider.issuer:
        wrong = "another issuer"
    elif provider.client_id not in audiences:
        wrong = "another audience"
    elif claims.get("azp", provider.client_id) != provider.client_id or (len(audiences) > 1 and "azp" not in claims):
        wrong = "another party"
    elif not _is_now(claims):
        wrong = "another time"
    elif not isinstance(claims.get("nonce"), str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        wrong = "another attempt"
    elif not isinstance(subject, str) or not 0 < len(subject) <= 255 or "\x00" in subject:
        wrong = "nobody"
    if wrong:
        raise SignInFailed(f"What {provider.name} answered is for {wrong}: begin again")


def _merged(claims: dict[str, Any], told: dict[str, Any], email: str) -> dict[str, Any]:
    """What was signed comes first. An address and whether it was verified are taken from the same place."""
    verified = claims.get("email_verified") if email in claims else told.get("email_verified")
    if email in claims and told.get(email) == claims[email] and verified is None:
        verified = told.get("email_verified")
    return {**told, **claims, "email_verified": verified}


def _is_now(claims: dict[str, Any]) -> bool:
    """The clocks of two machines may differ by a minute."""
    now, ends, begins = time.time(), claims.get("exp"), claims.get("nbf", 0)
    return _is_time(ends) and ends + SKEW_SECONDS >= now and _is_time(begins) and begins - SKEW_SECONDS <= now


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _claims(provider: Provider, told: dict[str, Any]) -> Claims:
    """An address counts only where the provider says, in so many words, that it belongs to them."""
    named = provider.claims
    email = _text(told, named["email"]).lower()
    verified = told.get("email_verified")
    is_verified = (verified is True or verified == "true") and "@" in email
    groups = told.get(named["groups"])
    listed = groups if isinstance(groups, list) else [groups]
    return Claims(
        provider.issuer,
        told["sub"],
        email if is_verified else None,
        _text(told, named["name"]),
        _text(told, named["fullname"]),
        frozenset(one for one in listed[:_GROUPS_MAX] if isinstance(one, str)),
    )


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) and len(value) <= _TEXT_MAX and value.isprintable() else ""


def _keys(found: dict[str, Any], issuer: str) -> KeySet:
    """Only those for signatures, and only public ones of two parts: a secret among them would let others sign."""
    listed = found.get("keys")
    usable = [
        one
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and one.get("kty") in ("RSA", "EC", "OKP") and one.get("use", "sig") == "sig"
    ]
    keys = list[Key]()
    for one in usable[:_KEYS_MAX]:
        with contextlib.suppress(JoseError, ValueError, TypeError, KeyError):  # others may be readable
            keys.extend(KeySet.import_key_set({"keys": [one]}).keys)
    if not keys:
        raise SignInFailed(f"The provider at {issuer[:100]} publishes no key that can be read")
    return KeySet(keys)


def _check_address(url: str, issuer: str) -> None:
    """https, or what does not leave this machine. Raises ForbiddenAddress."""
    target = Target.parse(url)
    if target.scheme != "https" and target.host not in _LOOPBACK:
        raise ForbiddenAddress("An OpenID provider is spoken to over https only")
    if urlsplit(issuer).query or urlsplit(issuer).fragment:
        raise ForbiddenAddress("The issuer's address has neither a query nor a fragment")


def _check_signs_in(metadata: _Metadata) -> None:
    if not (metadata.authorization_endpoint and metadata.token_endpoint):
        raise SignInFailed(
            f"The provider at {metadata.issuer[:100]} signs nobody in: it has no page and no address for it"
        )


def _called(call: Callable[[], Answer]) -> Answer:
    """Nothing that the other side did is a fault of ours."""
    try:
        return call()
    except Unreachable as error:
        raise SignInFailed(error.message) from None


def _decoded(answer: Answer, shape: "type[Any]", who: str) -> Any:
    if answer.status != 200 or answer.is_cut:
        raise SignInFailed(f"{who[:100]} does not answer as an OpenID provider does ({answer.status})")
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SignInFailed(f"{who[:100]} does not answer as an OpenID provider does") from None


def parse_issuer(text: str) -> str:
    """What somebody wrote down as a provider's name. Raises BadRequest."""
    text = text.strip()
    if not text:
        raise BadRequest("The address of the provider is missing")
    _check_address(text, text)
    return text
