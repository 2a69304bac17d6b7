"""Signatures: bound to purpose and parts, limited in time, and rotating."""

import base64
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pioche.errors import Corrupt, SignatureExpired
from pioche.keys import Keyring, SigningKey, lock, unlock


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Keys:
    """What the database would give; counts how often it was asked."""

    def __init__(self) -> None:
        self.all = [SigningKey("first", b"1" * 32)]
        self.asked = 0

    def __call__(self) -> list[SigningKey]:
        self.asked += 1
        return list(self.all)

    def rotate(self) -> None:
        retired = [SigningKey(key.kid, key.secret, retired=True) for key in self.all]
        self.all = [*retired, SigningKey(f"key{len(retired)}", bytes([len(retired)]) * 32)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def keyring(keys: Keys, clock: Clock) -> Keyring:
    return Keyring(keys, clock=clock)


def refused(keyring: Keyring, purpose: str, parts: tuple[str, ...], signature: str) -> bool:
    try:
        keyring.verify(purpose, parts, signature)
    except SignatureExpired:
        return True
    return False


def test_a_signature_is_good_for_its_purpose_and_parts_only(keyring: Keyring) -> None:
    signature = keyring.sign("download", ("repo", "oid"), seconds=60)
    keyring.verify("download", ("repo", "oid"), signature)
    for purpose, parts in [
        ("upload", ("repo", "oid")),
        ("download", ("repo", "oid2")),
        ("download", ("repooid",)),
        ("download", ("rep", "ooid")),
        ("download", ("repo", "oid", "")),
        ("download", ()),
    ]:
        assert refused(keyring, purpose, parts, signature)


def test_a_signature_ends(keyring: Keyring, clock: Clock) -> None:
    signature = keyring.sign("x", ("a",), seconds=60)
    clock.now += 60
    keyring.verify("x", ("a",), signature)
    clock.now += 1
    assert refused(keyring, "x", ("a",), signature)
    keyring.verify("x", ("a",), signature, leeway=1)


def test_its_end_cannot_be_moved(keyring: Keyring) -> None:
    kid, expiry, mac = keyring.sign("x", ("a",), seconds=60).split(".")
    for end in (str(int(expiry) + 1), "", "x", "9" * 5000, f"{expiry} ", f"0{expiry}", "１"):
        assert refused(keyring, "x", ("a",), f"{kid}.{end}.{mac}")


@given(st.text(max_size=60))
def test_texts_of_ones_own_are_refused(text: str) -> None:
    keyring = Keyring(Keys(), clock=Clock())
    good = keyring.sign("x", ("a",), seconds=60)
    assert text == good or refused(keyring, "x", ("a",), text)
    assert text == "" or refused(keyring, "x", ("a",), good + text)
    assert refused(keyring, "x", ("a",), f"first.{text}")


def test_a_rotation_elsewhere_is_seen(keyring: Keyring, keys: Keys, clock: Clock) -> None:
    old = keyring.sign("x", (), seconds=3600)
    keys.rotate()
    other = Keyring(keys, clock=clock)
    new = other.sign("x", (), seconds=3600)
    clock.now += 2
    keyring.verify("x", (), new)
    keyring.verify("x", (), old)
    clock.now += 61
    assert keyring.sign("x", (), seconds=1).startswith("key1.")
    keyring.verify("x", (), old)


def test_a_removed_key_stops_verifying_within_a_minute_where_nothing_is_signed(keys: Keys, clock: Clock) -> None:
    signer, verifier = Keyring(keys, clock=clock), Keyring(keys, clock=clock)
    signature = signer.sign("x", (), seconds=3600)
    verifier.verify("x", (), signature)
    keys.rotate()
    keys.all = keys.all[1:]
    clock.now += 61
    assert refused(verifier, "x", (), signature)


def test_unknown_keys_do_not_make_it_ask_each_time(keyring: Keyring, keys: Keys) -> None:
    for number in range(100):
        assert refused(keyring, "x", (), f"unknown{number}.1.x")
    assert keys.asked <= 2


def test_sealed_claims_come_back(keyring: Keyring, clock: Clock) -> None:
    claims = {"user": 1, "repo": "é", "list": [1, None]}
    token = keyring.seal("xet", claims, seconds=60)
    assert keyring.unseal("xet", token) == claims
    body, _, rest = token.partition(".")
    for bad in (f"{body}A.{rest}", f"{body[:-1]}.{rest}", rest, "", ".", "..", f".{rest}", token[:-1], f"{token}x"):
        with pytest.raises(SignatureExpired):
            keyring.unseal("xet", bad)
    with pytest.raises(SignatureExpired):
        keyring.unseal("lfs", token)
    clock.now += 61
    with pytest.raises(SignatureExpired):
        keyring.unseal("xet", token)


def test_a_long_secret_comes_back_and_is_no_other_purposes() -> None:
    secret = bytes(range(256)) * 40
    locked = lock(b"key", "a", secret)
    assert unlock(b"key", "a", locked) == secret
    assert lock(b"key", "a", secret) != locked
    with pytest.raises(Corrupt):
        unlock(b"key", "b", locked)


def test_what_was_locked_when_secrets_were_short_is_read() -> None:
    nonce, purpose, secret = b"n" * 16, "second factor", b"s" * 32
    pad = hmac.digest(b"key", b"pad\0" + nonce + purpose.encode(), "sha512")
    body = nonce + bytes(one ^ other for one, other in zip(secret, pad, strict=False))
    proof = hmac.digest(b"key", b"proof\0" + len(body).to_bytes(4) + body + purpose.encode(), "sha256")
    assert unlock(b"key", purpose, base64.urlsafe_b64encode(body + proof).decode()) == secret
