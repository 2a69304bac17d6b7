"""Letters about accounts: proving an address, another password, a changed address, an invitation to an organisation.

`QueueLetters` is a consumer of the outbox: what changed queues its letter. `AccountLetters` writes them when they are sent.
What an event told long ago, when the hub had no mail or did not run, is not written of any more.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import sqlalchemy as sa

from pioche.accounts import (
    identities,
    mail_addresses,
    mail_choices,
    notice_wording,
    notices,
    org_invitations,
    resets,
)
from pioche.accounts.account import Account, find
from pioche.accounts.directory import Directory
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.errors import Forbidden
from pioche.events import Event
from pioche.i18n.texts import gettext as _
from pioche.jobs import queue
from pioche.mail.message import Letter, Letterhead, Part
from pioche.mail.sending import LETTER, SEND, Compose

PROVE, RESET, CHANGED, INVITED = "prove-address", "reset-password", "address-changed", "org-invitation"
NOTICE: Final = "account-notice"
OLD_MS: Final = 6 * 3_600_000
"""What happened longer ago is not written of."""
RESET_HOURS: Final = 2
_DAY_MS: Final = 86_400_000

_accounts = schema.accounts


def is_old(event: Event) -> bool:
    return event.at < now_ms() - OLD_MS


def queue_proof(database: Database, user_id: int) -> None:
    """The link again, to the address that the account has when it is sent."""
    with database.write() as connection:
        _queue(connection, PROVE, str(user_id), user=user_id)


def queue_reset(database: Database, asked: str) -> None:
    """A link by which whoever `asked` names chooses another password. Whether there is anybody is looked at later, so that
    nobody learns it from how this goes."""
    with database.write() as connection:
        _queue(connection, RESET, new_uid(), asked=asked)


def queue_notice(connection: sa.Connection, user_id: int, notice_id: int) -> None:
    """Of what is on the bell (`accounts.notices`), unless they do not want that."""
    if mail_choices.wants_account(connection, user_id):
        _queue(connection, NOTICE, str(notice_id), notice=notice_id)


def _queue(connection: sa.Connection, letter: str, key: str, **about: Any) -> None:
    queue.enqueue(connection, SEND, f"{letter} {key}", {LETTER: letter, **about})


class QueueLetters:
    """Of a hub that sends mail."""

    name = "mail-accounts"

    def __init__(self, database: Database) -> None:
        self._database = database

    def handle(self, event: Event) -> None:
        if is_old(event):
            return
        if event.kind in ("user.create", "user.change_profile"):
            self._address(str(event.payload["name"]))
        elif event.kind in ("org.invite_user", "org.invite_address"):
            with self._database.write() as connection:
                _queue(connection, INVITED, str(event.payload["invitation"]), invitation=event.payload["invitation"])

    def _address(self, name: str) -> None:
        with self._database.write() as connection:
            user = find(connection, name)
            if user is None or user.is_suspended:
                return
            before = mail_addresses.left(connection, user)
            if before is not None:
                _queue(connection, CHANGED, new_uid(), user=user.id, to=before)
            if mail_addresses.is_to_be_asked(connection, user):
                _queue(connection, PROVE, str(user.id), user=user.id)


class AccountLetters:
    """Writes them."""

    def __init__(self, database: Database, head: Letterhead, *, sign_up: str) -> None:
        """`sign_up` is the setting."""
        self._database = database
        self._head = head
        self._sign_up = sign_up
        self._directory = Directory(database)

    @property
    def kinds(self) -> Mapping[str, Compose]:
        return {
            PROVE: self._proof,
            RESET: self._reset,
            CHANGED: self._changed,
            INVITED: self._invited,
            NOTICE: self._notice,
        }

    def _proof(self, about: dict[str, Any]) -> Letter | None:
        found = mail_addresses.link(self._database, about["user"])
        if found is None:
            return None
        user, secret = found
        language = self._head.speak(user.language)
        return Letter(
            to=user.email or "",
            language=language,
            subject=_("Is this your address?"),
            parts=(
                Part(_("This address was given for the account %(name)s of the hub %(hub)s.") % self._named(user)),
                Part(_("It is mine"), url=f"{self._head.base}/login/address?key={secret}"),
                Part(_("The link is good for one day, once. If this is not your account, do nothing.")),
            ),
            footer=_("You get this because somebody gave your address on this hub."),
        )

    def _reset(self, about: dict[str, Any]) -> Letter | None:
        reader = mail_addresses.owner(self._database, about["asked"])
        # Who has no password comes in by a provider, which may have closed the door since: no letter opens another.
        if reader is None or not identities.of(self._database, reader.user_id)[1]:
            return None
        user = self._directory.by_id(reader.user_id)
        ticket = resets.ticket(self._database, user, hours=RESET_HOURS, actor_id=user.id)
        language = self._head.speak(reader.language)
        return Letter(
            to=reader.address,
            language=language,
            subject=_("Another password"),
            parts=(
                Part(
                    _("Somebody asked for another password for the account %(name)s of the hub %(hub)s.")
                    % self._named(user)
                ),
                Part(_("Choose another password"), url=f"{self._head.base}/login/reset?ticket={ticket}"),
                Part(
                    _(
                        "The link is good for two hours, once. If it was not you, do nothing: your password stays as it is."
                    )
                ),
            ),
            footer=_("You get this because somebody typed your name or your address on the page to sign in."),
        )

    def _changed(self, about: dict[str, Any]) -> Letter | None:
        with self._database.read() as connection:
            name = connection.execute(sa.select(_accounts.c.name).where(_accounts.c.id == about["user"])).scalar()
        if name is None:
            return None
        user = self._directory.by_id(about["user"])
        language = self._head.speak(user.language)
        return Letter(
            to=about["to"],
            language=language,
            subject=_("Your address was changed"),
            parts=(
                Part(
                    _("The account %(name)s of the hub %(hub)s has another address now, or none.") % self._named(user)
                ),
                Part(_("If it was not you, choose another password at once and tell an administrator of the hub.")),
                Part(_("Password and sessions"), url=f"{self._head.base}/settings/authentication"),
            ),
            footer=_(
                "You get this because this was the address of the account until now. It is the last letter to it."
            ),
        )

    def _notice(self, about: dict[str, Any]) -> Letter | None:
        with self._database.read() as connection:
            found = notices.get(connection, about["notice"])
        reader = None if found is None else mail_addresses.reader(self._database, found[0])
        if found is None or reader is None:
            return None
        language = self._head.speak(reader.language)
        key = mail_choices.key(self._database, reader.user_id)
        told = {"name": reader.name, "hub": self._head.base}
        return Letter(
            to=reader.address,
            language=language,
            subject=notice_wording.sentence(found[1]),
            parts=(
                Part(_("About the account %(name)s of the hub %(hub)s:") % told),
                Part(notice_wording.sentence(found[1])),
                Part(notice_wording.advice(found[1])),
                Part(_("Your notifications"), url=f"{self._head.base}/notifications"),
            ),
            footer=_("You get this because something about your account changed on this hub."),
            unsubscribe=f"{self._head.base}/notifications/unsubscribe?key={key}",
            unsubscribe_label=_("No such mail any more"),
        )

    def _invited(self, about: dict[str, Any]) -> Letter | None:
        try:
            invitation = org_invitations.by_id(self._database, about["invitation"])
        except Forbidden:  # used, withdrawn or past its time
            return None
        if invitation.email is None:
            return self._invited_user(invitation)
        if not org_invitations.may_be_written(self._database, invitation.email):
            return None
        secret = org_invitations.renew_secret(self._database, invitation.id)
        language = self._head.speak()
        joining = f"/organizations/{invitation.org}/join?invitation={secret}"
        return self._invitation(invitation, invitation.email, language, self._entrance(invitation, joining))

    def _entrance(self, invitation: org_invitations.Invitation, joining: str) -> str:
        """By way of making an account, where the hub lets this person: on a hub that is by invitation, an administrator of the
        hub who invites into an organisation invites to the hub, too."""
        if self._sign_up == "open":
            return f"/join?{urlencode({'next': joining})}"
        if self._sign_up != "invite" or not self._directory.get_user(invitation.creator).is_admin:
            return joining
        days = max(1, (invitation.expires_at - now_ms()) // _DAY_MS)
        secret, _made = self._directory.invitations.create(days=days, email=invitation.email)
        return f"/join?{urlencode({'invitation': secret, 'next': joining})}"

    def _invited_user(self, invitation: org_invitations.Invitation) -> Letter | None:
        user = self._directory.find(invitation.user or "")
        reader = None if user is None else mail_addresses.reader(self._database, user.id)
        if reader is None:
            return None
        language = self._head.speak(reader.language)
        return self._invitation(invitation, reader.address, language, "/settings/organizations")

    def _invitation(self, invitation: org_invitations.Invitation, to: str, language: str, path: str) -> Letter:
        told = {"name": invitation.creator, "org": invitation.org_fullname, "hub": self._head.base}
        return Letter(
            to=to,
            language=language,
            subject=_("%(name)s invites you to %(org)s") % told,
            parts=(
                Part(_("%(name)s invites you to the organisation %(org)s on the hub %(hub)s.") % told),
                Part(_("See the invitation"), url=self._head.base + path),
                Part(_("Whoever has no account there makes one first, where the hub allows it.")),
            ),
            footer=_("You get this because %(name)s gave your name or address. If you do not want it, do nothing.")
            % told,
        )

    def _named(self, user: Account) -> dict[str, str]:
        return {"name": user.name, "hub": self._head.base}
