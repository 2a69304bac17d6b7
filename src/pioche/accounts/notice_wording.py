"""What a notice says, in the reader's language: on the bell and in a letter."""

from collections.abc import Callable, Mapping
from typing import Final

from pioche.accounts.notices import Notice
from pioche.i18n.texts import gettext as _

_SENTENCES: Final[Mapping[str, Callable[[], str]]] = {
    "session.start": lambda: _("Somebody signed in from a device that was not here before: %(what)s"),
    "user.change_password": lambda: _("Your password was changed"),
    "user.create_reset_link": lambda: _("A link to choose another password was made for you"),
    "user.change_mail": lambda: _("Your address was changed"),
    "user.2fa.enable": lambda: _("Your second factor was turned on"),
    "user.2fa.disable": lambda: _("Your second factor was turned off"),
    "user.2fa.reset": lambda: _("Your second factor was reset, and your password is enough again. Reason: %(what)s"),
    "user.2fa.renew_recovery_codes": lambda: _("You have new recovery codes"),
    "user.2fa.use_recovery_code": lambda: _("Somebody signed in with one of your recovery codes"),
    "user.link_identity": lambda: _("An identity to sign in with was linked to your account"),
    "token.create": lambda: _("An access token was made: %(what)s"),
    "token.refresh": lambda: _("An access token got another value: %(what)s"),
    "token.found": lambda: _("An access token was found where it should not be, and ended: %(what)s"),
    "token.expiring": lambda: _("An access token ends within a week: %(what)s"),
    "ssh_key.create": lambda: _("An SSH key was added: %(what)s"),
    "user.passkey.create": lambda: _("A passkey was added: %(what)s"),
    "user.passkey.delete": lambda: _("A passkey was removed: %(what)s"),
    "application.allow": lambda: _("An application was let in: %(what)s"),
    "publisher.create": lambda: _("A trusted publisher was added: %(what)s"),
}
_PAGES: Final = (
    ("token.", "/settings/tokens"),
    ("ssh_key.", "/settings/keys"),
    ("publisher.", "/settings/activity-log"),
    ("application.", "/settings/applications"),
    ("user.link_identity", "/settings/identities"),
    ("user.change_mail", "/settings/profile"),
)


def sentence(notice: Notice) -> str:
    """One, without its point."""
    said = _SENTENCES.get(notice.kind)
    told = (said() if said else _("Something about your account changed")) % {"what": notice.detail or _("unknown")}
    return told if not notice.actor else f"{told} ({notice.actor})"


def advice(notice: Notice) -> str:
    """What to do about it."""
    if notice.kind == "token.expiring":
        return _("Programs that use it are refused then: make another one, and give it to them.")
    if notice.kind == "token.found":
        return _("Programs that use it are refused now: make another one, and look where it was written down.")
    return _(
        "If it was not you, change your password at once, end the sessions that are not yours, and tell an administrator."
    )


def page(notice: Notice) -> str:
    """Where one does it."""
    return next((path for begins, path in _PAGES if notice.kind.startswith(begins)), "/settings/authentication")
