"""An organisation's own provider, by OpenID Connect or SAML: who its members are there, and in which sessions they showed it
(ui.md U3).

It is no way in: members sign in to the hub as they do, and then to the organisation. Whether that is demanded, and for how
long it counts, is `sso_demand`'s.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa

from pioche.accounts import members, scim_people, taken
from pioche.accounts.account import COLUMNS, Account, from_row
from pioche.accounts.callers import Caller
from pioche.accounts.oidc import Claims, Provider, parse_issuer
from pioche.accounts.saml import answers, providers
from pioche.accounts.saml.answers import Said
from pioche.accounts.saml.asking import Ourselves
from pioche.accounts.saml.providers import IdentityProvider
from pioche.db import dialect, schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import AccountNotFound, BadRequest, Conflict, Forbidden, NotFound, SignInFailed
from pioche.events import Event
from pioche.jobs import outbox

_accounts, _providers, _links = schema.accounts, schema.org_providers, schema.org_identities
_sign_ins, _sessions = schema.org_sign_ins, schema.sessions
HOURS_MAX = 24 * 365
_TEXT_MAX = 300
_KEPT = (
    *("name", "kind", "issuer", "client_id", "client_secret", "sign_in_url", "certificates", "email_attribute"),
    "hours",
)


Kind = Literal["oidc", "saml"]


@dataclass(frozen=True, slots=True)
class Settings:
    """`hours`: for how long a member has then proved who they are. `issuer` is the entity id of one that speaks SAML; it has
    no client id and no secret, and the others have nothing of what stands after `kind`."""

    name: str
    issuer: str
    client_id: str
    client_secret: str
    hours: int
    is_required: bool
    kind: Kind = "oidc"
    sign_in_url: str = ""
    certificates: str = ""
    email_attribute: str = ""

    @property
    def provider(self) -> Provider:
        """Raises NotFound for one that speaks SAML."""
        if self.kind != "oidc":
            raise NotFound(f"{self.name} does not speak OpenID Connect")
        return Provider(self.issuer, self.client_id, self.client_secret, self.name)

    @property
    def saml(self) -> IdentityProvider:
        """Raises NotFound for one that speaks OpenID Connect."""
        if self.kind != "saml":
            raise NotFound(f"{self.name} does not speak SAML")
        return IdentityProvider(self.name, self.issuer, self.sign_in_url, self.certificates, self.email_attribute)


@dataclass(frozen=True, slots=True)
class Link:
    """Who a member is there; times are Unix milliseconds."""

    account: Account
    email: str | None
    verified_at: int


def settings(database: Database, org_id: int) -> Settings | None:
    """None where an organisation has no provider."""
    with database.read() as connection:
        return _settings(connection, org_id)


def get(database: Database, org: Account) -> Settings:
    """As `settings`. Raises NotFound."""
    found = settings(database, org.id)
    if found is None:
        raise NotFound(f"{org.name} has no provider of its own to sign in with")
    return found


def by_uid(database: Database, uid: str) -> Account:
    """The organisation that a provider sends people back to. Raises AccountNotFound."""
    with database.read() as connection:
        row = connection.execute(sa.select(*COLUMNS).where(_accounts.c.uid == uid, _accounts.c.kind == "org")).first()
    if row is None:
        raise AccountNotFound("This organization does not exist")
    return from_row(row)


def parse(name: str, issuer: str, client_id: str, client_secret: str, hours: str) -> Settings:
    """From what was written in a form. Raises BadRequest (ForbiddenAddress)."""
    for text in (name, client_id, client_secret):
        if not _is_text(text):
            raise BadRequest(f"A name, a client id and a secret of 1 to {_TEXT_MAX} printable characters are expected")
    return Settings(
        name.strip(), parse_issuer(issuer), client_id.strip(), client_secret, _hours(hours), is_required=False
    )


def parse_saml(wanted: IdentityProvider, hours: str, metadata: str) -> Settings:
    """As `parse`, of one that speaks SAML; what its metadata say comes first, where there are any. Raises BadRequest."""
    if not _is_text(wanted.name):
        raise BadRequest(f"A name of 1 to {_TEXT_MAX} printable characters is expected")
    if metadata.strip():
        wanted = replace(wanted, **asdict(providers.read_metadata(metadata)))
    found = providers.check(wanted)
    return Settings(
        found.name.strip(), found.entity_id, "", "", _hours(hours), is_required=False, kind="saml",
        sign_in_url=found.sign_in_url, certificates=found.certificates, email_attribute=found.email_attribute,
    )  # fmt: skip


def _is_text(text: str) -> bool:
    return bool(text.strip()) and len(text) <= _TEXT_MAX and text.isprintable()


def _hours(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= HOURS_MAX):
        raise BadRequest(f"1 to {HOURS_MAX} hours are expected")
    return int(text)


def save(database: Database, org: Account, wanted: Settings, *, actor_id: int) -> None:
    """With another issuer all links end, and nothing is demanded until an administrator signed in there."""
    with database.write() as connection:
        before = _settings(connection, org.id)
        upsert = dialect.upsert(connection, _providers, ["org_id"], list(_KEPT))
        row = {key: getattr(wanted, key) for key in _KEPT}
        connection.execute(upsert.values(org_id=org.id, created_at=now_ms(), **row))
        if before is not None and _who(before) != _who(wanted):
            _forget(connection, org.id)
            _demand(connection, org.id, is_required=False)
        told = {"org": org.name, "kind": wanted.kind, "issuer": wanted.issuer, "hours": wanted.hours}
        outbox.append(connection, Event("org.settings.sso.update", actor_id=actor_id, payload=told))


def demand(database: Database, org: Account, caller: Caller, *, is_required: bool) -> None:
    """Raises Conflict for an administrator who has not signed in there themselves: they would be shut out."""
    with database.write() as connection:
        here = (_sign_ins.c.org_id == org.id) & (_sign_ins.c.session_id == (caller.session_id or 0))
        if is_required and _settings(connection, org.id) is None:
            raise Conflict("There is no provider to sign in with yet")
        if is_required and connection.execute(sa.select(_sign_ins.c.at).where(here)).first() is None:
            raise Conflict("Sign in at the provider yourself first: then you know that you are not shut out")
        _demand(connection, org.id, is_required=is_required)
        kind = f"org.settings.sso.{'enable' if is_required else 'disable'}"
        outbox.append(connection, Event(kind, actor_id=caller.user_id, payload={"org": org.name}))


def remove(database: Database, org: Account, *, actor_id: int) -> None:
    """With all links; nothing is demanded any more."""
    with database.write() as connection:
        connection.execute(_providers.delete().where(_providers.c.org_id == org.id))
        _forget(connection, org.id)
        _demand(connection, org.id, is_required=False)
        outbox.append(connection, Event("org.settings.sso.remove", actor_id=actor_id, payload={"org": org.name}))


def may_sign_in(database: Database, org: Account, user_id: int) -> bool:
    """Members, and while its directory sends people (SCIM) whoever may turn out to be one of them."""
    with database.read() as connection:
        is_member = members.role_of(connection, org.id, user_id) is not None
        return is_member or scim_people.waits_for_anybody(connection, org.id)


def signed_in(database: Database, org: Account, user: Account, session_id: int, claims: Claims) -> None:
    """Somebody showed in a session who they are there: linked at the first time, a member where the directory says so.

    Raises Conflict: the identity is another member's, or the member has another one. Forbidden for a stranger.
    """
    with database.write() as connection:
        members.lock(connection, org.id)
        _check_session(connection, user, session_id)
        known = _settings(connection, org.id)
        if known is None or known.issuer != claims.issuer:
            raise Conflict("The provider was changed meanwhile: begin again")
        _link(connection, org, user, claims)
        scim_people.recognised(connection, org, user, claims.subject, claims.email)
        if members.role_of(connection, org.id, user.id) is None:
            raise Forbidden(f"You are no member of {org.name}, and nobody whom its directory knows")
        upsert = dialect.upsert(connection, _sign_ins, ["session_id", "org_id"], ["at"])
        connection.execute(upsert.values(session_id=session_id, org_id=org.id, at=now_ms()))
        payload = {"org": org.name, "user": user.name}
        outbox.append(connection, Event("org.sso_login", actor_id=user.id, payload=payload))


def answered(database: Database, org: Account, ourselves: Ourselves, sent: str) -> Said:
    """What the organisation's SAML provider said, for the first time. Raises SignInFailed, NotFound (there is none)."""
    said = answers.read(get(database, org).saml, ourselves, sent)
    with database.write() as connection:
        if not taken.once(connection, said.key, said.until):
            raise SignInFailed("This answer was taken already: begin again")
    return said


def links(database: Database, org: Account) -> list[Link]:
    """By name."""
    select: sa.Select[Any] = sa.select(*COLUMNS, _links.c.email.label("told"), _links.c.verified_at.label("seen"))
    select = select.join(_links, _links.c.user_id == _accounts.c.id).where(_links.c.org_id == org.id)
    with database.read() as connection:
        rows = connection.execute(select.order_by(_accounts.c.name_key))
        return [Link(from_row(row), row.told, row.seen) for row in rows]


def links_of(database: Database, user_id: int) -> list[Link]:
    """Of one user: the organisations, by name."""
    select: sa.Select[Any] = sa.select(*COLUMNS, _links.c.email.label("told"), _links.c.verified_at.label("seen"))
    select = select.join(_links, _links.c.org_id == _accounts.c.id).where(_links.c.user_id == user_id)
    with database.read() as connection:
        rows = connection.execute(select.order_by(_accounts.c.name_key))
        return [Link(from_row(row), row.told, row.seen) for row in rows]


def unlink(database: Database, org: Account, user: Account, *, actor_id: int) -> None:
    """By an administrator, or by themselves. Raises NotFound."""
    with database.write() as connection:
        here = (_links.c.org_id == org.id) & (_links.c.user_id == user.id)
        if not connection.execute(_links.delete().where(here)).rowcount:
            raise NotFound(f"{user.name} has no identity at the provider of {org.name}")
        mine = sa.select(_sessions.c.id).where(_sessions.c.user_id == user.id)
        connection.execute(_sign_ins.delete().where(_sign_ins.c.org_id == org.id, _sign_ins.c.session_id.in_(mine)))
        payload = {"org": org.name, "user": user.name}
        outbox.append(connection, Event("org.sso_unlink", actor_id=actor_id, payload=payload))


def _settings(connection: sa.Connection, org_id: int) -> Settings | None:
    columns = [_providers.c[name] for name in _KEPT]
    select: sa.Select[Any] = sa.select(*columns, _accounts.c.requires_sso.label("is_required")).join(
        _accounts, _accounts.c.id == _providers.c.org_id
    )
    row = connection.execute(select.where(_providers.c.org_id == org_id)).first()
    return None if row is None else Settings(**row._asdict())


def _who(settings: Settings) -> tuple[str, str, str]:
    """What people are known by there."""
    return settings.kind, settings.issuer, settings.client_id


def _demand(connection: sa.Connection, org_id: int, *, is_required: bool) -> None:
    connection.execute(_accounts.update().where(_accounts.c.id == org_id).values(requires_sso=is_required))


def _forget(connection: sa.Connection, org_id: int) -> None:
    connection.execute(_links.delete().where(_links.c.org_id == org_id))
    connection.execute(_sign_ins.delete().where(_sign_ins.c.org_id == org_id))


def _check_session(connection: sa.Connection, user: Account, session_id: int) -> None:
    """It may have ended while they were at the provider."""
    here = (_sessions.c.id == session_id) & (_sessions.c.user_id == user.id)
    if connection.execute(sa.select(_sessions.c.id).where(here)).first() is None:
        raise Forbidden("The session has ended meanwhile: sign in again")


def _link(connection: sa.Connection, org: Account, user: Account, claims: Claims) -> None:
    row: Any = connection.execute(
        sa.select(_links.c.issuer, _links.c.subject).where(_links.c.org_id == org.id, _links.c.user_id == user.id)
    ).first()
    same = (_links.c.org_id == org.id) & (_links.c.issuer == claims.issuer) & (_links.c.subject == claims.subject)
    owner = connection.execute(sa.select(_links.c.user_id).where(same)).scalar()
    if owner is not None and owner != user.id:
        raise Conflict("This identity belongs to another member")
    if row is not None and owner is None:
        raise Conflict("Your account is linked to another identity there: unlink that one first")
    at = now_ms()
    upsert = dialect.upsert(connection, _links, ["org_id", "user_id"], ["email", "verified_at"])
    found = {"issuer": claims.issuer, "subject": claims.subject, "email": claims.email}
    connection.execute(upsert.values(org_id=org.id, user_id=user.id, created_at=at, verified_at=at, **found))
