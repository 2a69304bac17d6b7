"""What the roles of an organisation's members are called, and what they mean, in the language of the reader."""

from pioche.accounts.members import Role
from pioche.errors import BadRequest
from pioche.i18n.texts import gettext as _


def named() -> list[tuple[str, str]]:
    """(role, label), from least to most, as a list to choose from."""
    labels = {
        Role.NO_ACCESS: _("No access"),
        Role.READ: _("Read"),
        Role.CONTRIBUTOR: _("Contributor"),
        Role.WRITE: _("Write"),
        Role.ADMIN: _("Administrator"),
    }
    return [(role.value, label) for role, label in labels.items()]


def explained() -> list[tuple[str, str]]:
    """(label, what it means)."""
    meanings = {
        Role.NO_ACCESS: _("belongs to the organisation, and sees what strangers see"),
        Role.READ: _("sees private repositories"),
        Role.CONTRIBUTOR: _("also creates repositories, and writes to those"),
        Role.WRITE: _("writes to all repositories, and deletes them"),
        Role.ADMIN: _("also changes these settings and the members"),
    }
    return [(label, meanings[Role(role)]) for role, label in named()]


def parse(text: str) -> Role | None:
    """None for what is no role."""
    try:
        return Role.parse(text)
    except BadRequest:
        return None
