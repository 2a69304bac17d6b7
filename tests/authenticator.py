"""A device with passkeys, in software, for tests (WebAuthn level 2, section 6; attestation "none")."""

import hashlib
import json
import secrets
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """One passkey. `origin` is the page that asks, which a browser would fill in."""

    def __init__(self, origin: str, host: str, *, verifies: bool = True) -> None:
        self.origin, self.host = origin, host
        self.id = secrets.token_bytes(32)
        self.count = 0
        self._flags = _PRESENT | (_VERIFIED if verifies else 0)
        self._key = ec.generate_private_key(ec.SECP256R1())

    def make(self, challenge: bytes) -> str:
        """What `navigator.credentials.create` gives, as JSON."""
        point = self._key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        told = self._data(_ATTESTED) + bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(cose)
        client = self._client("webauthn.create", challenge)
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": told})
        return self._answer({"clientDataJSON": client, "attestationObject": attested})

    def show(self, challenge: bytes) -> str:
        """What `navigator.credentials.get` gives, as JSON."""
        self.count += 1
        client, told = self._client("webauthn.get", challenge), self._data(0)
        signature = self._key.sign(told + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer({"clientDataJSON": client, "authenticatorData": told, "signature": signature})

    def _data(self, flags: int) -> bytes:
        return (
            hashlib.sha256(self.host.encode()).digest() + bytes([self._flags | flags]) + self.count.to_bytes(4, "big")
        )

    def _client(self, kind: str, challenge: bytes) -> bytes:
        return json.dumps({"type": kind, "challenge": bytes_to_base64url(challenge), "origin": self.origin}).encode()

    def _answer(self, response: dict[str, bytes]) -> str:
        id_ = bytes_to_base64url(self.id)
        told: dict[str, Any] = {name: bytes_to_base64url(value) for name, value in response.items()}
        return json.dumps({"id": id_, "rawId": id_, "type": "public-key", "response": told})
