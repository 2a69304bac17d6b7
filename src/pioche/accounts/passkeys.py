"""Passkeys (WebAuthn level 2, by the library `webauthn`): a device proves that it is there and that its owner unlocked it.
That is two factors at once, so that neither a password nor a code is asked for beside it.

A passkey is made for one host and says so in what it signs: a page of another host can ask for nothing that counts here. A
question of the hub is a ticket that it signed, with the moment it was asked: of each passkey, a question counts if it is
newer than the newest that was answered, so that an answer that somebody overheard counts no second time.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa
import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from pioche.accounts import service_accounts
from pioche.accounts.account import Account
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, NotFound, Unauthenticated
from pioche.events import Event
from pioche.jobs import outbox

PASSKEYS_MAX = 20
NAME_CHARACTERS_MAX = 100
_ANSWER_BYTES_MAX = 32 * 1024
_MALFORMED = (WebAuthnException, ValueError, KeyError, TypeError, IndexError, RecursionError)
"""What the library raises for bytes that are not what they say."""

_passkeys, _factors = schema.passkeys, schema.second_factors


@dataclass(frozen=True, slots=True)
class Passkey:
    """One of somebody. Times in Unix milliseconds; `is_synced`: it is on more than one device."""

    id: int
    name: str
    is_synced: bool
    created_at: int
    last_used_at: int | None


@dataclass(frozen=True, slots=True)
class Party:
    """The hub as browsers know it: `origin` such as https://hub.example.org:8443, `host` without the port."""

    origin: str
    host: str

    @classmethod
    def of(cls, base_url: str) -> "Party":
        """Of the address at which a browser came."""
        parts = urlsplit(base_url)
        return cls(f"{parts.scheme}://{parts.netloc}", parts.hostname or "")


def parse_name(text: str) -> str:
    """Raises BadRequest."""
    text = text.strip()
    if len(text) > NAME_CHARACTERS_MAX or not text.isprintable():
        raise BadRequest(f"A passkey has a name of at most {NAME_CHARACTERS_MAX} printable characters")
    return text


class Passkeys:
    """Those of all users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, user_id: int) -> list[Passkey]:
        """Somebody's, the latest first."""
        query = sa.select(_passkeys).where(_passkeys.c.user_id == user_id).order_by(_passkeys.c.id.desc())
        with self._database.read() as connection:
            return [
                Passkey(row.id, row.name, row.is_synced, row.created_at, row.last_used_at)
                for row in connection.execute(query)
            ]

    # --- making one ---

    def wanted(self, user: Account, party: Party, challenge: bytes) -> str:
        """What `navigator.credentials.create` is told, as JSON. Devices that have one of theirs make no second one."""
        query = sa.select(_passkeys.c.credential_id).where(_passkeys.c.user_id == user.id)
        with self._database.read() as connection:
            had = [base64url_to_bytes(text) for text in connection.execute(query).scalars()]
        options = webauthn.generate_registration_options(
            rp_id=party.host,
            rp_name=party.host,
            user_id=str(user.id).encode(),
            user_name=user.name,
            user_display_name=user.fullname or user.name,
            challenge=challenge,
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in had],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
        )
        return options_to_json(options)

    def add(self, user: Account, party: Party, challenge: bytes, answer: str, name: str) -> None:
        """What the browser made. Raises BadRequest for an answer to anything else, Conflict for one that is somebody's and
        for too many."""
        try:
            made = webauthn.verify_registration_response(
                credential=_read(answer),
                expected_challenge=challenge,
                expected_rp_id=party.host,
                expected_origin=party.origin,
                require_user_verification=True,
            )
        except _MALFORMED as error:
            raise BadRequest(f"This is not a passkey that was made for {party.origin} just now") from error
        name = parse_name(name)
        row = {
            "user_id": user.id,
            "credential_id": bytes_to_base64url(made.credential_id),
            "public_key": made.credential_public_key,
            "sign_count": made.sign_count,
            "asked_at": 0,
            "name": name,
            "is_synced": made.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            "created_at": now_ms(),
        }
        with self._database.write() as connection:
            service_accounts.check_is_person(connection, user.id)
            count = sa.select(sa.func.count()).where(_passkeys.c.user_id == user.id)
            if connection.execute(count).scalar_one() >= PASSKEYS_MAX:
                raise Conflict(f"At most {PASSKEYS_MAX} passkeys: remove one first")
            fresh = insert_if_absent(connection, _passkeys).values(row).returning(_passkeys.c.id)
            if connection.execute(fresh).first() is None:
                raise Conflict("This passkey is on this hub already")
            _tell(connection, "user.passkey.create", user, name)

    def remove(self, user: Account, id_: int) -> None:
        """Raises NotFound, also for somebody else's; Conflict for the last one while passkeys are the second factor."""
        mine = (_passkeys.c.id == id_) & (_passkeys.c.user_id == user.id)
        with self._database.write() as connection:
            gone = connection.execute(_passkeys.delete().where(mine).returning(_passkeys.c.name)).first()
            if gone is None:
                raise NotFound("There is no such passkey")
            left = connection.execute(sa.select(_passkeys.c.id).where(_passkeys.c.user_id == user.id).limit(1)).first()
            if left is None and connection.execute(sa.select(_factors.c.user_id).where(_without_app(user))).first():
                raise Conflict("This is your second factor: turn that off first, or add another passkey")
            _tell(connection, "user.passkey.delete", user, gone.name)

    # --- coming with one ---

    def use(self, party: Party, challenge: bytes, asked_at: int, answer: str) -> int:
        """The row id of who answered a question that was asked at `asked_at` (Unix milliseconds). Raises
        Unauthenticated: whether there is such a passkey is not told."""
        credential = _read(answer)
        query = sa.select(_passkeys).where(_passkeys.c.credential_id == str(credential.get("id")))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise Unauthenticated
        try:
            proved = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=party.host,
                expected_origin=party.origin,
                credential_public_key=row.public_key,
                credential_current_sign_count=row.sign_count,
                require_user_verification=True,
            )
        except _MALFORMED as error:
            raise Unauthenticated from error
        values = {"asked_at": asked_at, "sign_count": proved.new_sign_count, "last_used_at": now_ms()}
        newer = _passkeys.update().where(_passkeys.c.id == row.id, _passkeys.c.asked_at < asked_at)
        with self._database.write() as connection:
            if not connection.execute(newer.values(values)).rowcount:
                raise Unauthenticated
        user_id: int = row.user_id
        return user_id


def question(party: Party, challenge: bytes) -> str:
    """What `navigator.credentials.get` is told, as JSON: any passkey of this host, whoever's."""
    options = webauthn.generate_authentication_options(
        rp_id=party.host, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
    )
    return options_to_json(options)


def _read(answer: str) -> dict[str, Any]:
    """What a browser sent, if it is an object at all: what is in it is looked at by the library."""
    if len(answer) > _ANSWER_BYTES_MAX:
        return {}
    try:
        return msgspec.json.decode(answer, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError):
        return {}


def _without_app(user: Account) -> sa.ColumnElement[bool]:
    return (_factors.c.user_id == user.id) & (_factors.c.secret == "")


def _tell(connection: sa.Connection, kind: str, user: Account, name: str) -> None:
    outbox.append(connection, Event(kind, actor_id=user.id, payload={"user": user.name, "name": name}))
