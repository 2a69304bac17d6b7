"""`pioche org ...`: coming into an organisation, and the mark of the hub's administrators. The rest is in `accounts`."""

from typing import Annotated, Any

from cyclopts import Parameter, validators

from pioche.accounts import org_invitations, org_settings
from pioche.accounts.account import Account
from pioche.accounts.directory import Directory
from pioche.accounts.members import Role
from pioche.accounts.org_invitations import Invitation
from pioche.cli import output
from pioche.cli.accounts import RoleName, address
from pioche.cli.options import DEFAULT, Options
from pioche.cli.org_security import org
from pioche.errors import Conflict

__all__ = ["org"]


@org.command(name="verify")
def org_verify(name: str, /, *, options: Options = DEFAULT) -> None:
    """Mark an organisation as verified: you know that it is who it says."""
    _mark(name, options, is_verified=True)


@org.command(name="unverify")
def org_unverify(name: str, /, *, options: Options = DEFAULT) -> None:
    """Take the mark of `verify` back."""
    _mark(name, options, is_verified=False)


def _mark(name: str, options: Options, *, is_verified: bool) -> None:
    with options.database() as database:
        found = Directory(database).get_org(name)
        org_settings.verify(database, found.id, is_verified=is_verified)
        done = {"name": found.name, "verified": is_verified}
        said = f"{found.name} is {'verified' if is_verified else 'not verified any more'}."
        output.show(done, said, json=options.json)


@org.command(name="invite")
def org_invite(
    name: str,
    user_name: str | None = None,
    /,
    *,
    role: RoleName = Role.READ,
    days: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=org_invitations.DAYS_MAX))] = 7,
    uses: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=org_invitations.USES_MAX))] = 1,
    by: str | None = None,
    options: Options = DEFAULT,
) -> None:
    """Invite a user, who finds it in their settings; or print a link for whoever has it, which cannot be shown again.

    Parameters
    ----------
    name
        The organisation.
    user_name
        Who is invited; without it, a link is made.
    role
        What they will be (see: pioche org add).
    days
        How long the invitation is good for.
    uses
        For how many people a link is good.
    by
        In whose name: an administrator of the organisation or of this hub. Without it, the organisation's first one. The
        invitation counts as long as they are.
    """
    settings = options.config()
    with options.database() as database:
        directory = Directory(database)
        found = directory.get_org(name)
        creator = _creator(directory, found, by)
        if user_name is not None:
            invited = directory.get_user(user_name)
            made = org_invitations.invite(database, found, creator.id, invited, role, days=days)
            output.show(_shown(made), f"{invited.name} is invited to {found.name}: {role}.", json=options.json)
            return
        secret, made = org_invitations.create_link(database, found, creator.id, role, days=days, uses=uses)
        link = f"{address(settings)}/organizations/{found.name}/join?invitation={secret}"
        output.show({"link": link, **_shown(made)}, link, json=options.json)


@org.command(name="invitations")
def org_invitations_list(name: str, /, *, options: Options = DEFAULT) -> None:
    """List the invitations into an organisation that wait, without their links: the hub does not have them."""
    with options.database() as database:
        found = org_invitations.waiting_of(database, Directory(database).get_org(name))
        rows = [_shown(one) for one in found]
        output.table(rows, ("id", "user", "role", "by", "uses_left", "expires"), json=options.json)


@org.command(name="withdraw")
def org_withdraw(name: str, invitation: int, /, *, options: Options = DEFAULT) -> None:
    """Refuse an invitation into an organisation from now on.

    Parameters
    ----------
    name
        The organisation.
    invitation
        Its id (see: pioche org invitations).
    """
    with options.database() as database:
        org_invitations.revoke(database, Directory(database).get_org(name), invitation)
        output.show({"id": invitation}, f"Withdrew the invitation {invitation}.", json=options.json)


def _creator(directory: Directory, org_: Account, by: str | None) -> Account:
    """Raises Conflict when there is nobody in whose name to invite."""
    if by is not None:
        found = directory.get_user(by)
        if not found.is_admin and directory.members.role(org_.id, found.id) is not Role.ADMIN:
            raise Conflict(f"{found.name} administers neither {org_.name} nor this hub")
        return found
    for member in directory.members.of(org_):
        if member.role is Role.ADMIN and not member.account.is_suspended:
            return member.account
    raise Conflict(f"{org_.name} has no administrator: say with --by in whose name to invite")


def _shown(found: Invitation) -> dict[str, Any]:
    return {
        "id": found.id,
        "user": found.user,
        "role": found.role.value,
        "by": found.creator,
        "uses_left": found.uses_left,
        "created": output.date(found.created_at),
        "expires": output.date(found.expires_at),
    }
