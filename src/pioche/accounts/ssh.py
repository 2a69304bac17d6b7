"""SSH public keys and the signatures made with them (OpenSSH PROTOCOL.sshsig; RFC 4253, 5656 and 8709 for the keys).

Pure functions over bytes that anybody may have sent: whatever is wrong raises BadKey or BadSignature, and nothing else.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

RSA_BITS_MIN: Final = 2048
_RSA_BITS_MAX = 16_384
_TEXT_MAX = 16_384
_KINDS: Final = {
    "ssh-ed25519": "Ed25519",
    "ecdsa-sha2-nistp256": "ECDSA P-256",
    "ecdsa-sha2-nistp384": "ECDSA P-384",
    "ecdsa-sha2-nistp521": "ECDSA P-521",
    "ssh-rsa": "RSA",
}
_CURVE_HASHES: Final[dict[int, hashes.HashAlgorithm]] = {
    256: hashes.SHA256(),
    384: hashes.SHA384(),
    521: hashes.SHA512(),
}
_RSA_HASHES: Final[dict[bytes, hashes.HashAlgorithm]] = {
    b"rsa-sha2-256": hashes.SHA256(),
    b"rsa-sha2-512": hashes.SHA512(),
}
_MESSAGE_HASHES: Final = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
_Verifying = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey


class Wrong(StrEnum):
    """What is wrong with a text that should be a public key."""

    PRIVATE = "private"
    NO_KEY = "no_key"
    TYPE = "type"
    DAMAGED = "damaged"
    SHORT = "short"


class BadKey(ValueError):
    """A text that is no public key which counts here."""

    def __init__(self, wrong: Wrong) -> None:
        super().__init__(wrong.value)
        self.wrong = wrong


class BadSignature(ValueError):
    """Bytes that are no signature, or not one of this key over these bytes."""


class NotSupported(BadSignature):
    """Well formed, of a kind that cannot be checked here."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`fingerprint` is OpenSSH's, `SHA256:...`; `comment` is what stands behind the key in its line."""

    type: str
    blob: bytes
    comment: str
    bits: int

    @property
    def text(self) -> str:
        return f"{self.type} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)

    @property
    def kind(self) -> str:
        return f"RSA {self.bits}" if self.type == "ssh-rsa" else _KINDS[self.type]


@dataclass(frozen=True, slots=True)
class Signature:
    """Taken apart, not checked."""

    blob: bytes
    """The public key that it says it was made with."""
    namespace: bytes
    hash_name: bytes
    algorithm: bytes
    value: bytes

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)


def fingerprint(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def parse_public(text: str) -> PublicKey:
    """A line of an `id_*.pub` file. Raises BadKey."""
    if "PRIVATE KEY" in text:
        raise BadKey(Wrong.PRIVATE)
    parts = text.strip().split(None, 2) if len(text) <= _TEXT_MAX else []
    if len(parts) < 2 or "\n" in text.strip():
        raise BadKey(Wrong.NO_KEY)
    if parts[0] not in _KINDS:
        raise BadKey(Wrong.TYPE)
    try:
        blob = base64.b64decode(parts[1], validate=True)
        key = _load(parts[0].encode(), blob)
    except ValueError as error:  # BadSignature too
        raise BadKey(Wrong.DAMAGED) from error
    bits = key.key_size if isinstance(key, RSAPublicKey) else 0
    if isinstance(key, RSAPublicKey) and not RSA_BITS_MIN <= bits <= _RSA_BITS_MAX:
        raise BadKey(Wrong.SHORT)
    comment = parts[2].strip() if len(parts) == 3 else ""
    return PublicKey(parts[0], blob, comment[:100] if comment.isprintable() else "", bits)


def parse_signature(armoured: bytes) -> Signature:
    """Raises BadSignature."""
    text = armoured.strip()
    if len(text) > _TEXT_MAX or not (text.startswith(_BEGIN) and text.endswith(_END)):
        raise BadSignature("not an SSH signature")
    try:
        data = base64.b64decode(b"".join(text[len(_BEGIN) : -len(_END)].split()), validate=True)
    except binascii.Error as error:
        raise BadSignature("not base64") from error
    if data[:6] != _MAGIC or data[6:10] != b"\0\0\0\1":
        raise BadSignature("not of version 1")
    blob, namespace, _reserved, hash_name, inner = _strings(data[10:], 5)
    algorithm, value = _strings(inner, 2)
    return Signature(blob, namespace, hash_name, algorithm, value)


def verify(signature: Signature, payload: bytes, *, namespace: bytes) -> None:
    """That the key in the signature made it over `payload`, for `namespace`. Raises BadSignature, NotSupported."""
    make_hash = _MESSAGE_HASHES.get(signature.hash_name)
    if signature.namespace != namespace or make_hash is None:
        raise BadSignature("made for something else")
    fields = (signature.namespace, b"", signature.hash_name, make_hash(payload).digest())
    signed = _MAGIC + b"".join(len(field).to_bytes(4) + field for field in fields)
    [type_] = _strings(signature.blob, 1, may_go_on=True)
    try:
        _check(_load(type_, signature.blob), type_, signature, signed)
    except InvalidSignature as error:
        raise BadSignature("not of this key over these bytes") from error


def _check(key: _Verifying, type_: bytes, signature: Signature, signed: bytes) -> None:
    algorithm, value = signature.algorithm, signature.value
    if isinstance(key, RSAPublicKey):
        if algorithm not in _RSA_HASHES or not RSA_BITS_MIN <= key.key_size <= _RSA_BITS_MAX:
            raise NotSupported("an RSA signature that does not count any more")
        key.verify(value, signed, padding.PKCS1v15(), _RSA_HASHES[algorithm])
    elif algorithm != type_:
        raise BadSignature("the algorithm is not the key's")
    elif isinstance(key, Ed25519PublicKey):
        key.verify(value, signed)
    else:
        r, s = (int.from_bytes(number) for number in _strings(value, 2))
        key.verify(encode_dss_signature(r, s), signed, ECDSA(_CURVE_HASHES[key.curve.key_size]))


def _load(type_: bytes, blob: bytes) -> _Verifying:
    """The key that `blob` is; `type_` must be what it says itself."""
    if type_.decode("ascii", "replace") not in _KINDS:
        raise NotSupported("a key of a type that does not count here")
    try:
        key = load_ssh_public_key(type_ + b" " + base64.b64encode(blob))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadSignature("not a public key") from error
    if not isinstance(key, _Verifying):
        raise NotSupported("a key of a type that does not count here")
    return key


def _strings(data: bytes, count: int, *, may_go_on: bool = False) -> list[bytes]:
    """`count` strings of RFC 4251, section 5: each is its length in four bytes, then itself."""
    found, at = list[bytes](), 0
    for _ in range(count):
        size = int.from_bytes(data[at : at + 4])
        if len(data) < at + 4 + size:
            raise BadSignature("cut short")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    if at != len(data) and not may_go_on:
        raise BadSignature("longer than it says")
    return found
