"""An OpenID provider on this machine, with keys of its own and tokens that it really signs.

    with Provider() as provider:
        provider.sign_in(sub="42", email="ada@example.org", email_verified=True)   # who sits there in front of it
        back = provider.authorize(url)          # where its page sends the browser
        provider.forge = lambda claims: {**claims, "aud": "another"}

It checks what a provider has to check: the client, where it sends people, PKCE, and that a code is used once.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT, SECRET = "pioche", "not told to anybody"
Claims = dict[str, Any]


class Provider:
    """`issued` are the ID tokens that it gave out; `asked` the paths that it was asked for."""

    def __init__(self, *, client: str = CLIENT, secret: str = SECRET) -> None:
        self.client, self.secret = client, secret
        self.key = ECKey.generate_key("P-256", auto_kid=True)
        self.who: Claims = {"sub": "1"}
        self.told: Claims = {}
        self.forge: Callable[[Claims], Claims] = lambda claims: claims
        self.sign: Callable[[Claims], str] = self.signed
        self.metadata: Claims = {}
        self.issued = list[str]()
        self.asked = list[str]()
        self._codes: dict[str, dict[str, str]] = {}
        handler = type("Handler", (_Handler,), {"provider": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def allowed(self) -> str:
        """For the setting outbound_allowed."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def issuer(self) -> str:
        return f"http://{self.allowed}"

    def sign_in(self, *, told: Claims | None = None, **claims: Any) -> None:
        """`told` is what its second address tells beside the token."""
        self.who, self.told = claims, told or {}

    def signed(self, claims: Claims) -> str:
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)

    def authorize(self, url: str) -> str:
        """What its page answers to the browser at once: path and query of the hub's address."""
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}
        assert (asked["client_id"], asked["response_type"]) == (self.client, "code"), asked
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.issuer})}"

    # --- its addresses ---

    def discovery(self) -> Claims:
        paths = {"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/keys"}
        found = {name: self.issuer + path for name, path in paths.items()}
        return {"issuer": self.issuer, "userinfo_endpoint": f"{self.issuer}/me", **found, **self.metadata}

    def redeem(self, headers: Any, sent: dict[str, str]) -> tuple[int, Claims]:
        basic = base64.b64encode(f"{self.client}:{self.secret.replace(' ', '%20')}".encode()).decode()
        asked = self._codes.pop(sent.get("code", ""), None)
        if headers.get("Authorization") != f"Basic {basic}":
            return 401, {"error": "invalid_client"}
        verifier = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if asked is None or challenge != asked["code_challenge"] or sent["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": self.client, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        token = self.sign(self.forge({**claims, **self.who}))
        self.issued.append(token)
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": token}


class _Handler(BaseHTTPRequestHandler):
    provider: ClassVar[Provider]

    def do_GET(self) -> None:
        provider, path = self.provider, urlsplit(self.path).path
        provider.asked.append(path)
        if path == "/.well-known/openid-configuration":
            self._answer(200, provider.discovery())
        elif path == "/keys":
            self._answer(200, {"keys": [provider.key.as_dict(private=False, use="sig")]})
        elif path == "/me":
            self._answer(200, {"sub": provider.who["sub"], **provider.told})
        elif path == "/auth":  # as a browser comes here: it is sent back at once
            self.send_response(302)
            self.send_header("Location", provider.authorize(self.path))
            self.end_headers()
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        self.provider.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent = {name: values[-1] for name, values in parse_qs(body).items()}
        self._answer(*self.provider.redeem(self.headers, sent))

    def _answer(self, status: int, content: Claims) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def settings(provider: Provider) -> dict[str, Any]:
    """Of a hub whose own provider it is."""
    return {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": provider.client,
        "oidc_client_secret": provider.secret,
        "oidc_name": "Example ID",
        "outbound_allowed": (provider.allowed,),
    }
