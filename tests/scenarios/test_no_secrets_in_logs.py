"""Secrets stay out of the logs, even at level debug and where something fails (E-AUTHN, J10)."""

import base64
import hashlib
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from tests.hub import Hub
from tests.wire import exchange, get, request

DATA = b"\0large"
OWN = "battery-staple-9"
LFS = b"Content-Type: application/vnd.git-lfs+json"


def test_no_token_password_or_signature_is_ever_logged(tmp_path: Path) -> None:
    with Hub(tmp_path, {"LOG_LEVEL": "debug"}) as hub:
        password = hub.output().split("password", 1)[1].split()[0]
        before = len(hub.output())
        ada = hub.user("ada")
        basic = base64.b64encode(f"ada:{ada.token}".encode())
        bearer = b"Authorization: Bearer " + ada.token.encode()
        wrong = "hf_" + "Wr0ng" * 8
        exchange(hub, get("/api/whoami-v2", bearer))
        exchange(hub, get("/api/whoami-v2", b"Authorization: Basic " + basic))
        exchange(hub, get("/api/whoami-v2", b"Authorization: Bearer " + wrong.encode()))
        exchange(hub, get(f"/api/models?token={wrong}&search=x"))
        exchange(hub, get(f"/nothing/here/{wrong}"))
        signatures = upload(hub, bearer)
        cookie = sign_in(hub, password)
        exchange(hub, get("/join?invitation=Secret0Invitation"))
        logged = hub.output()[before:]
    assert '"/api/whoami-v2"' in logged, "requests are logged at this level"
    for secret in (ada.token, wrong, basic.decode(), password, *signatures, cookie, OWN, "Secret0Invitation"):
        assert secret not in logged


def sign_in(hub: Hub, password: str) -> str:
    """The first administrator signs in and chooses a password; returns the session's secret, which asks for some pages."""
    form = b"Content-Type: application/x-www-form-urlencoded"
    answer = b""
    fields = f"username=admin&password={password}"
    for path in ("/login", "/login/password"):
        body = fields.encode()
        length = b"Content-Length: %d" % len(body)
        answer = exchange(hub, request(b"POST", path, form, length, body=body)).received
        ticket = re.search(rb'name="ticket" value="([^"]+)"', answer)
        fields = f"ticket={ticket[1].decode() if ticket else ''}&new_password={OWN}&repeated={OWN}"
    found = re.search(rb"(pioche_session(?:_\d+)?)=([\w-]{43})", answer)
    assert found is not None, answer[:500]
    for path in ("/settings/tokens", "/api/whoami-v2", "/nothing"):
        exchange(hub, get(path, b"Cookie: " + found[0]))
    exchange(hub, request(b"POST", "/logout", b"Cookie: " + found[0]))
    return found[2].decode()


def upload(hub: Hub, bearer: bytes) -> set[str]:
    """Stores a large file by LFS; returns the signatures of the addresses that were used."""
    create = b'{"name": "m", "type": "model"}'
    length = b"Content-Length: %d"
    exchange(hub, request(b"POST", "/api/repos/create", bearer, length % len(create), body=create))
    wanted = [{"oid": hashlib.sha256(DATA).hexdigest(), "size": len(DATA)}]
    batch = json.dumps({"operation": "upload", "transfers": ["basic"], "objects": wanted}).encode()
    path = "/ada/m.git/info/lfs/objects/batch"
    answer = exchange(hub, request(b"POST", path, bearer, LFS, length % len(batch), body=batch))
    signatures = set()
    for name, body in (("upload", DATA), ("verify", json.dumps(wanted[0]).encode())):
        url = urlsplit(answer.json()["objects"][0]["actions"][name]["href"])
        target = f"{url.path}?{url.query}" if url.query else url.path
        method = b"PUT" if name == "upload" else b"POST"
        assert exchange(hub, request(method, target, LFS, length % len(body), body=body)).statuses == [200]
        signatures |= {part for part in f"{url.path}/{url.query}".replace("=", "/").split("/") if part.count(".") == 2}
    assert len(signatures) == 2
    return {signature.rpartition(".")[2] for signature in signatures}
