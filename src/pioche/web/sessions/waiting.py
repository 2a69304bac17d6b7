"""What people are told who tried too often."""

from pioche.errors import TooManyRequests
from pioche.i18n.texts import gettext as _
from pioche.i18n.texts import ngettext


def words(error: TooManyRequests) -> str:
    """How long to wait, in words."""
    minutes = -(-(error.seconds or 60) // 60)
    if (error.seconds or 60) <= 60:
        return _("Too many attempts. Wait a minute, then try again.")
    return ngettext(
        "Too many attempts. Wait %(num)s minute, then try again.",
        "Too many attempts. Wait %(num)s minutes, then try again.",
        minutes,
    ) % {"num": minutes}
