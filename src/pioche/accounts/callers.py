"""Who is asking. A `Caller` is made from a token once a request and handed down; nothing below reads credentials."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Self

import msgspec
from msgspec import structs

from pioche.accounts import policies, sso_demand
from pioche.accounts.scopes import KNOW_MEMBERS, Scopes, load, reads, refused
from pioche.db.engine import Database, Lookup, Row
from pioche.errors import Forbidden, InvalidToken, OutsideNetworks, SecondFactorNeeded, SsoRequired

_SELECT = f"""
    SELECT t.id, t.role, t.expires_at, t.revoked_at, a.id, a.name, a.is_admin, a.suspended_at, t.scopes,
        EXISTS (SELECT 1 FROM memberships m JOIN accounts o ON o.id = m.org_id
                WHERE m.user_id = a.id AND (o.wants_fine_grained OR o.approves_tokens))
        OR EXISTS (SELECT 1 FROM token_approvals q WHERE q.token_id = t.id AND q.status = 'revoked'),
        {policies.IS_POLICED},
        {sso_demand.ANY}
    FROM tokens t JOIN accounts a ON a.id = t.user_id
"""
_BY_TOKEN = Lookup(_SELECT + "WHERE t.hash = :hash")
_BY_TOKEN_ID = Lookup(_SELECT + "WHERE t.id = :id")

_GOVERNED = Lookup("""
    SELECT o.id, o.name, o.approves_tokens, m.role, q.status FROM accounts o
    LEFT JOIN memberships m ON m.org_id = o.id AND m.user_id = :user
    LEFT JOIN token_approvals q ON q.org_id = o.id AND q.token_id = :token
    WHERE q.status = 'revoked' OR (m.role IS NOT NULL AND (o.wants_fine_grained OR o.approves_tokens))
""")

_SELECT_SESSION = f"""
    SELECT s.id, s.expires_at, a.id, a.name, a.is_admin, a.suspended_at, a.fullname, a.language, a.theme,
        a.time_zone, a.sensitive, {policies.IS_POLICED},
        {sso_demand.ANY}
    FROM sessions s JOIN accounts a ON a.id = s.user_id
"""
_BY_SESSION = Lookup(_SELECT_SESSION + "WHERE s.hash = :hash")
_BY_SESSION_ID = Lookup(_SELECT_SESSION + "WHERE s.id = :id")
_SESSION_MARK = "s"

_SELECT_KEY = f"""
    SELECT k.id, k.purpose, a.id, a.name, a.is_admin, a.suspended_at,
        {policies.IS_POLICED},
        {sso_demand.ANY},
        EXISTS (SELECT 1 FROM memberships m JOIN accounts o ON o.id = m.org_id
                WHERE m.user_id = a.id AND (o.wants_fine_grained OR o.approves_tokens))
    FROM ssh_keys k JOIN accounts a ON a.id = k.account_id
"""
_BY_KEY = Lookup(_SELECT_KEY + "WHERE k.fingerprint = :fingerprint")
_BY_KEY_ID = Lookup(_SELECT_KEY + "WHERE k.id = :id")
_GOVERNING = Lookup("""
    SELECT o.id, o.name FROM memberships m JOIN accounts o ON o.id = m.org_id
    WHERE m.user_id = :user AND (o.wants_fine_grained OR o.approves_tokens)
""")
_KEY_MARK = "k"
_ONLY_SIGNS = "signing"  # ssh_keys.Purpose.SIGNING
FINE_GRAINED = "fineGrained"
"""The role of tokens that have scopes."""


class Bar(StrEnum):
    """Why an organisation has nothing to do with a token of one of its members, or with whatever they come with."""

    UNSCOPED = "unscoped"
    PENDING = "pending"
    DENIED = "denied"
    REVOKED = "revoked"
    SECOND_FACTOR = "second factor"
    NETWORKS = "networks"
    SSO = "sso"
    KEY = "key"


class Barred(msgspec.Struct, frozen=True):
    """An organisation, and why the caller counts for nothing in it. `ranges` are its networks, where these are why."""

    org_id: int
    org: str
    why: Bar
    ranges: str = ""

    def refusal(self) -> Forbidden:
        if self.why is Bar.SSO:
            return SsoRequired(self.org)
        return _REFUSALS.get(self.why, Forbidden)(_REASONS[self.why].format(org=self.org))


_REASONS = {
    Bar.UNSCOPED: "{org} accepts fine-grained tokens only: make one in the settings of your account, with its permissions on {org}",
    Bar.KEY: "{org} accepts fine-grained tokens only, and an SSH key is none: use git over https with such a token",
    Bar.PENDING: "This token waits for an administrator of {org} to approve it",
    Bar.DENIED: "An administrator of {org} refused this token: ask them, or make another one",
    Bar.REVOKED: "An administrator of {org} revoked this token for everything that is theirs: make another one",
    Bar.SECOND_FACTOR: "{org} shows what is private to members with a second factor only: turn yours on, on the page "
    "/settings/authentication of this hub",
    Bar.NETWORKS: "{org} shows what is private to requests from its own networks only, and this one came from elsewhere",
}
_REFUSALS: dict[Bar, type[Forbidden]] = {
    Bar.SECOND_FACTOR: SecondFactorNeeded,
    Bar.NETWORKS: OutsideNetworks,
}


class Caller(msgspec.Struct, frozen=True):
    """`user_id` 0 is nobody, or who runs commands on the machine. `may_write` tells what the token allows, not what the
    user may do."""

    user_id: int
    name: str
    may_write: bool
    is_admin: bool
    token_id: int | None = None
    expires_at: int | None = None
    """Of the token or the session, in Unix milliseconds."""
    session_id: int | None = None
    """Of who is signed in in a browser, and came without a token."""
    key_id: int | None = None
    """Of who came over SSH, with this key of theirs."""
    scopes: Scopes | None = None
    """Of a fine-grained token: it allows these things and no others. It never carries the rights of a hub's administrator."""
    barred: tuple[Barred, ...] = ()
    """The organisations in which the caller counts for nothing: there they are a stranger."""
    barred_at: int | None = None
    """When that will change by itself, in Unix milliseconds."""
    is_placed: bool = False
    """What they are barred from depends on where they are: what is answered is for nobody else."""

    def barred_from(self, account_id: int) -> Barred | None:
        """Why the token counts for nothing there, if so."""
        for one in self.barred:
            if one.org_id == account_id:
                return one
        return None

    def seen_from(self, address: str) -> Self:
        """The same, at an address: organisations whose networks it is in bar them no more. Without this, they all do."""
        if not any(one.ranges for one in self.barred):
            return self
        barred = tuple(one for one in self.barred if not (one.ranges and policies.admits(one.ranges, address)))
        return structs.replace(self, barred=barred, is_placed=True)

    def reads_private_of(self, account_id: int) -> bool:
        """Whether the token shows the private repos of an account, all of them, to a user who may see them."""
        if self.barred_from(account_id) is not None:
            return False
        return self.scopes is None or reads(self.scopes.on_account(account_id))

    def sees_members_of(self, org_id: int) -> bool:
        """Whether the token tells a member what an organisation tells its members of each other."""
        if self.is_admin:
            return True
        if self.barred_from(org_id) is not None:
            return False
        return self.scopes is None or bool(self.scopes.on_account(org_id) & KNOW_MEMBERS)

    def check_token(self, permission: str, account_id: int, where: str) -> None:
        """That the token allows `permission` on an account, where its user has the right to it. Raises Forbidden."""
        if (barred := self.barred_from(account_id)) is not None:
            raise barred.refusal()
        if self.scopes is not None and permission not in self.scopes.on_account(account_id):
            raise refused(permission, where)

    @property
    def is_anonymous(self) -> bool:
        return self.user_id == 0 and not self.is_admin

    @property
    def credential(self) -> str | None:
        """What they proved themselves with, for what the hub signs in their name: see `Callers.by_credential`."""
        if self.session_id is not None:
            return f"{_SESSION_MARK}{self.session_id}"
        if self.key_id is not None:
            return f"{_KEY_MARK}{self.key_id}"
        return None if self.token_id is None else str(self.token_id)

    @classmethod
    def operator(cls) -> Self:
        """Who runs commands on the hub's own machine: an administrator without an account."""
        return cls(0, "operator", may_write=True, is_admin=True)

    @classmethod
    def nobody(cls) -> Self:
        return cls(0, "", may_write=False, is_admin=False)


class SignedIn(msgspec.Struct, frozen=True):
    """Who sits in front of a browser, with what every page needs to know of them."""

    caller: Caller
    fullname: str
    language: str | None
    theme: str | None
    time_zone: str | None
    sensitive: str | None


def token_hash(token: str) -> str:
    """What is stored of a token: it has 200 bits and more, so a plain sha256 cannot be searched backwards."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


class Callers:
    """Turns a token, or the cookie of a session, into a Caller, or an SSH key, by one indexed look-up. `used`,
    `session_used` and `key_used` are told the ids of those that were good."""

    def __init__(
        self,
        database: Database,
        *,
        used: Callable[[int], None] = lambda _token_id: None,
        session_used: Callable[[int], None] = lambda _session_id: None,
        key_used: Callable[[int], None] = lambda _key_id: None,
    ) -> None:
        self._database = database
        self._used = used
        self._key_used = key_used
        self._session_used = session_used

    async def by_token(self, token: str) -> Caller:
        """Raises InvalidToken for a token that is unknown, expired, revoked or whose user is suspended."""
        return await self._caller(await self._database.fetch_one(_BY_TOKEN, {"hash": token_hash(token)}))

    async def by_session(self, secret: str) -> SignedIn | None:
        """None for a session that is unknown, over or ended, or whose user is suspended: that is nobody, and no error."""
        return await self._signed_in(await self._database.fetch_one(_BY_SESSION, {"hash": token_hash(secret)}))

    async def by_credential(self, credential: str | int) -> Caller:
        """As `by_token`, for what the hub signed in somebody's name (a Xet token): it lives no longer than what they
        proved themselves with. `credential` is what `Caller.credential` was."""
        text = str(credential)
        if text.startswith(_KEY_MARK):
            return await self._keyholder(
                await self._database.fetch_one(_BY_KEY_ID, {"id": int(text.removeprefix(_KEY_MARK))})
            )
        if not text.startswith(_SESSION_MARK):
            return await self._caller(await self._database.fetch_one(_BY_TOKEN_ID, {"id": int(text)}))
        row = await self._database.fetch_one(_BY_SESSION_ID, {"id": int(text.removeprefix(_SESSION_MARK))})
        found = await self._signed_in(row)
        if found is None:
            raise InvalidToken
        return found.caller

    async def by_key(self, fingerprint: str) -> Caller:
        """Whose SSH key it is. That they have it is proved by the caller of this. Raises InvalidToken for a key that is
        nobody's or only signs, or whose user is suspended."""
        return await self._keyholder(await self._database.fetch_one(_BY_KEY, {"fingerprint": fingerprint}))

    def note_key(self, caller: Caller) -> None:
        """They came in with their key."""
        if caller.key_id is not None:
            self._key_used(caller.key_id)

    async def _keyholder(self, row: Row | None) -> Caller:
        """A key allows what a token of role `write` does; organisations that want to know what a token is for do not
        take it."""
        if row is None:
            raise InvalidToken
        key_id, purpose, user_id, name, is_admin, suspended_at, is_policed, has_sso, is_governed = row
        if suspended_at is not None or purpose == _ONLY_SIGNS:
            raise InvalidToken
        barred, barred_at = await self._unfulfilled(user_id, is_policed=is_policed, has_sso=has_sso)
        if is_governed:
            rows = await self._database.fetch_all(_GOVERNING, {"user": user_id})
            barred += tuple(Barred(org_id, org, Bar.KEY) for org_id, org in rows)
        return Caller(
            user_id, name, may_write=True, is_admin=bool(is_admin), key_id=key_id, barred=barred, barred_at=barred_at
        )

    def counts_still(self, caller: Caller) -> bool:
        """Of a caller found earlier, when nothing was committed since: False once its token has run out, or is to be asked about
        again. Notes the use."""
        if caller.token_id is None:
            return True
        if _has_ended(caller.expires_at) or _has_ended(caller.barred_at):
            return False
        self._used(caller.token_id)
        return True

    async def _caller(self, row: Row | None) -> Caller:
        if row is None:
            raise InvalidToken
        (
            token_id,
            role,
            expires_at,
            revoked_at,
            user_id,
            name,
            is_admin,
            suspended_at,
            scopes,
            is_governed,
            is_policed,
            has_sso,
        ) = row
        if revoked_at is not None or suspended_at is not None:
            raise InvalidToken
        if _has_ended(expires_at):
            raise InvalidToken
        self._used(token_id)
        barred: tuple[Barred, ...] = ()
        if is_governed:
            rows = await self._database.fetch_all(_GOVERNED, {"user": user_id, "token": token_id})
            barred = tuple(_barred(rows, is_fine_grained=role == FINE_GRAINED))
        unfulfilled, barred_at = await self._unfulfilled(user_id, is_policed=is_policed, has_sso=has_sso)
        barred += unfulfilled
        if role != FINE_GRAINED:
            may_write = role == "write"
            return Caller(
                user_id, name, may_write, bool(is_admin), token_id, expires_at, barred=barred, barred_at=barred_at
            )
        held = load(scopes)
        return Caller(
            user_id,
            name,
            held.may_write,
            is_admin=False,
            token_id=token_id,
            expires_at=expires_at,
            scopes=held,
            barred=barred,
            barred_at=barred_at,
        )

    async def _unfulfilled(
        self, user_id: int, *, is_policed: bool, has_sso: bool, session_id: int = 0
    ) -> tuple[tuple[Barred, ...], int | None]:
        """The organisations that ask for more than the caller has shown, and when there will be another one."""
        barred: tuple[Barred, ...] = ()
        if is_policed:
            barred = barred_by_policy(await self._database.fetch_all(policies.POLICED, {"user": user_id}))
        if not has_sso:
            return barred, None
        rows = await self._database.fetch_all(sso_demand.DEMANDS, {"user": user_id, "session": session_id})
        unmet, until = sso_demand.standing(rows, of_session=session_id != 0)
        return barred + tuple(Barred(org_id, org, Bar.SSO) for org_id, org in unmet), until

    async def _signed_in(self, row: Row | None) -> SignedIn | None:
        if row is None:
            return None
        (
            session_id,
            expires_at,
            user_id,
            name,
            is_admin,
            suspended_at,
            fullname,
            language,
            theme,
            time_zone,
            sensitive,
            is_policed,
            has_sso,
        ) = row
        if suspended_at is not None or _has_ended(expires_at):
            return None
        self._session_used(session_id)
        barred, _ = await self._unfulfilled(user_id, is_policed=is_policed, has_sso=has_sso, session_id=session_id)
        caller = Caller(
            user_id,
            name,
            may_write=True,
            is_admin=bool(is_admin),
            expires_at=expires_at,
            session_id=session_id,
            barred=barred,
        )
        return SignedIn(caller, fullname, language, theme, time_zone, sensitive)


def _has_ended(expires_at: int | None) -> bool:
    return expires_at is not None and expires_at <= time.time() * 1000


def barred_from_afar(database: Database, user_id: int) -> tuple[Barred, ...]:
    """The organisations that show somebody nothing who is told of things without being there: those that ask for a second factor
    that they lack, those with networks of their own, and those that demand a sign-in, but for some hours after one."""
    barred = barred_by_policy(database.fetch_all_sync(policies.POLICED, {"user": user_id}))
    rows = database.fetch_all_sync(sso_demand.DEMANDS, {"user": user_id, "session": 0})
    unmet = sso_demand.standing(rows, of_session=False).unmet
    return barred + tuple(Barred(org_id, org, Bar.SSO) for org_id, org in unmet)


def barred_by_policy(rows: Sequence[Row]) -> tuple[Barred, ...]:
    """From rows of `policies.POLICED`: of somebody of whom it is not known where they are."""
    factors = [Barred(org_id, org, Bar.SECOND_FACTOR) for org_id, org, _, lacks_factor in rows if lacks_factor]
    networks = [Barred(org_id, org, Bar.NETWORKS, ranges) for org_id, org, ranges, _ in rows if ranges]
    return (*factors, *networks)


def _barred(rows: list[Row], *, is_fine_grained: bool) -> Iterator[Barred]:
    """What administrators made for themselves waits for nobody; what was refused or revoked stays so."""
    for org_id, org, approves, role, status in rows:
        if status in (Bar.REVOKED, Bar.DENIED):
            yield Barred(org_id, org, Bar(status))
        elif not is_fine_grained:
            yield Barred(org_id, org, Bar.UNSCOPED)
        elif approves and status != "approved" and role != "admin":
            yield Barred(org_id, org, Bar.PENDING)
