"""Who somebody is, told to an application (OpenID Connect Core 1.0): what they agreed to tell, and a signed statement of it.

ID tokens are signed with ES256: what every client verifies, by a key whose secret half is 32 bytes. The key is made when it
is first asked for and is part of the instance, so of its backups.
"""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import ECKey

from pioche.accounts.account import Account
from pioche.accounts.callers import Bar, Caller
from pioche.accounts.members import Members
from pioche.accounts.oauth import scopes
from pioche.accounts.oauth.codes import Redeemed
from pioche.db import instance, schema
from pioche.db.engine import Database

ALGORITHM: Final = "ES256"
_SECONDS = 3600
_RESTRICTIONS = {
    Bar.SSO: "sso",
    Bar.NETWORKS: "ip",
    Bar.SECOND_FACTOR: "mfa",
}
"""As the public Hub calls them; every other one is `token-policy`."""


def claims(database: Database, user: Account, agreed: Sequence[str], base_url: str) -> dict[str, Any]:
    """Of somebody, for an application that they agreed to tell `agreed`."""
    told: dict[str, Any] = {"sub": user.uid}
    if scopes.PROFILE in agreed:
        told |= {
            "name": user.fullname,
            "preferred_username": user.name,
            "profile": f"{base_url}/{user.name}",
            "picture": f"{base_url}/avatars/{user.name}.svg",
            **({"website": user.homepage} if user.homepage else {}),
            "isPro": False,
            "canPay": False,
        }
    if scopes.EMAIL in agreed and user.email:
        told |= {"email": user.email, "email_verified": _is_proved(database, user)}
    return told


def organisations(database: Database, user: Account, caller: Caller, base_url: str) -> list[dict[str, Any]]:
    """`orgs` of the user info: those that somebody belongs to, with what stands between them and this token."""
    found = list[dict[str, Any]]()
    for member in Members(database).orgs_of(user.id):
        org, barred = member.account, caller.barred_from(member.account.id)
        told: dict[str, Any] = {
            "sub": org.uid,
            "name": org.fullname,
            "preferred_username": org.name,
            "picture": f"{base_url}/avatars/{org.name}.svg",
            "plan": None,
            "canPay": False,
            "roleInOrg": str(member.role),
        }
        if barred is not None:
            told["securityRestrictions"] = [_RESTRICTIONS.get(barred.why, "token-policy")]
        found.append(told)
    return found


def id_token(database: Database, redeemed: Redeemed, base_url: str) -> str:
    """Signed, for the application that asked."""
    now, signed = int(time.time()), redeemed.signed
    told = {
        **claims(database, signed.user, signed.scopes, base_url),
        "iss": base_url,
        "aud": signed.application.client_id,
        "iat": now,
        "exp": now + _SECONDS,
        "auth_time": redeemed.signed_in_at // 1000,
        **({"nonce": redeemed.nonce} if redeemed.nonce else {}),
    }
    key = _key(database)
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}, told, key, algorithms=[ALGORITHM])


def published(database: Database) -> dict[str, Any]:
    """The half of the key that everybody may know (RFC 7517)."""
    key = _key(database)
    return {"keys": [{**key.as_dict(private=False), "kid": key.kid, "use": "sig", "alg": ALGORITHM}]}


def _key(database: Database) -> ECKey:
    return _read(instance.openid_key(database, _made))


def _made() -> str:
    made = ECKey.generate_key("P-256")
    return made.as_pem(private=True).decode()


@lru_cache(maxsize=16)
def _read(pem: str) -> ECKey:
    key = ECKey.import_key(pem)
    key.ensure_kid()
    return key


def _is_proved(database: Database, user: Account) -> bool:
    table = schema.mail_addresses
    here = (table.c.user_id == user.id) & (table.c.address == user.email) & table.c.verified_at.is_not(None)
    with database.read() as connection:
        return connection.execute(sa.select(sa.literal(1)).where(here)).first() is not None
