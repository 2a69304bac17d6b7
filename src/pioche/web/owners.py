"""In whose name somebody may make something new: their own, and those of organisations where they may."""

from typing import Final

from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.http.hub import Hub

_CREATORS: Final = (Role.ADMIN, Role.WRITE, Role.CONTRIBUTOR)


def private_by_default(hub: Hub, caller: Caller) -> list[str]:
    """Those of them whose new repos are private unless somebody says otherwise. For a worker thread."""
    found = [member.account for member in hub.directory.members.orgs_of(caller.user_id) if member.role in _CREATORS]
    return [org.name for org in found if org.private_by_default]


def of(hub: Hub, caller: Caller) -> list[str]:
    """The caller's own name first. For a worker thread."""
    orgs = hub.directory.members.orgs_of(caller.user_id)
    return [caller.name, *(member.account.name for member in orgs if member.role in _CREATORS)]
