"""In whose name somebody may make something new: their own, and those of organisations where they may."""

from typing import Final

from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.http.hub import Hub

_CREATORS: Final = (Role.ADMIN, Role.WRITE, Role.CONTRIBUTOR)


def of(hub: Hub, caller: Caller) -> list[str]:
    """The caller's own name first. For a worker thread."""
    orgs = hub.directory.members.orgs_of(caller.user_id)
    return [caller.name, *(member.account.name for member in orgs if member.role in _CREATORS)]
