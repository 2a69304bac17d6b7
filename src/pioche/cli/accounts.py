"""`pioche user ...` and `pioche org ...`."""

import sys
from typing import Annotated, Any

from cyclopts import App, Parameter, validators

from pioche.accounts import passwords
from pioche.accounts.account import Account, Kind
from pioche.accounts.directory import Directory
from pioche.accounts.invitations import Invitation
from pioche.accounts.members import Role
from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.config import Config
from pioche.errors import Conflict

user = App(name="user", help="Users.")
org = App(name="org", help="Organisations and their members.")

Flag = Annotated[bool, Parameter(negative=())]
RoleName = Annotated[Role, Parameter(name_transform=str.lower)]


# --- users ----------------------------------------------------------------------------------------------------------


@user.command(name="create")
def user_create(
    name: str,
    /,
    *,
    fullname: str = "",
    email: str | None = None,
    password: str | None = None,
    password_stdin: Flag = False,
    admin: Flag = False,
    options: Options = DEFAULT,
) -> None:
    """Create a user.

    Parameters
    ----------
    name
        What their repos stand under: NAME/repo.
    fullname
        What people call them.
    email
        Where they can be reached; shown to themselves only.
    password
        For signing in. Without one they have tokens only.
    password_stdin
        Read the password from standard input: on the command line, others on this machine can see it.
    admin
        They administer this hub.
    """
    with options.database() as database:
        created = Directory(database).create_user(
            name, fullname=fullname, email=email, password=_read() if password_stdin else password, is_admin=admin
        )
        output.show(_user(created), f"Created the user {created.name}.", json=options.json)


@user.command(name="list")
def user_list(*, options: Options = DEFAULT) -> None:
    """List the users."""
    with options.database() as database:
        rows = [_user(found) for found in Directory(database).all(Kind.USER)]
        output.table(rows, ("name", "fullname", "email", "admin", "suspended", "created"), json=options.json)


@user.command(name="password")
def user_password(
    name: str, /, *, password: str | None = None, password_stdin: Flag = False, options: Options = DEFAULT
) -> None:
    """Give a user another password.

    Parameters
    ----------
    name
        The user.
    password
        The new one. Without it one is made, which is good for one sign-in.
    password_stdin
        Read the new one from standard input.
    """
    with options.database() as database:
        directory = Directory(database)
        found = directory.get_user(name)
        given = _read() if password_stdin else password
        made = passwords.generated() if given is None else None
        directory.set_password(found, made or given or "", must_change=made is not None)
        done = {"name": found.name, **({"password": made} if made else {})}
        output.show(done, f"{found.name} has a new password{f': {made}' if made else '.'}", json=options.json)


@user.command(name="suspend")
def user_suspend(name: str, /, *, options: Options = DEFAULT) -> None:
    """Refuse a user's tokens and password from now on. Their repos stay."""
    with options.database() as database:
        directory = Directory(database)
        found = directory.get_user(name)
        directory.suspend(found)
        output.show(_user(directory.by_id(found.id)), f"Suspended {found.name}.", json=options.json)


@user.command(name="reinstate")
def user_reinstate(name: str, /, *, options: Options = DEFAULT) -> None:
    """Let a suspended user in again."""
    with options.database() as database:
        directory = Directory(database)
        found = directory.get_user(name)
        directory.reinstate(found)
        output.show(_user(directory.by_id(found.id)), f"Reinstated {found.name}.", json=options.json)


@user.command(name="invite")
def user_invite(
    *,
    email: str | None = None,
    days: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=365))] = 7,
    admin: Flag = False,
    options: Options = DEFAULT,
) -> None:
    """Print a link by which one person may make an account. It cannot be shown again.

    The setting sign_up has to be `invite`.

    Parameters
    ----------
    email
        Whom it is for: filled in for them.
    days
        How long the link is good for.
    admin
        Who uses it administers this hub.
    """
    settings = options.config()
    if settings.sign_up == "closed":
        raise Conflict("Nobody can join while the setting sign_up is closed: set it to invite, and restart the hub")
    with options.database() as database:
        secret, made = Directory(database).invitations.create(days=days, email=email, is_admin=admin)
        link = f"{address(settings)}/join?invitation={secret}"
        output.show({"link": link, **_invitation(made)}, link, json=options.json)


@user.command(name="invitations")
def user_invitations(*, options: Options = DEFAULT) -> None:
    """List the invitations that nobody used yet, without their links: the hub does not have them."""
    with options.database() as database:
        rows = [_invitation(found) for found in Directory(database).invitations.open()]
        output.table(rows, ("id", "email", "admin", "created", "expires"), json=options.json)


@user.command(name="withdraw")
def user_withdraw(invitation: int, /, *, options: Options = DEFAULT) -> None:
    """Refuse an invitation from now on.

    Parameters
    ----------
    invitation
        Its id (see: pioche user invitations).
    """
    with options.database() as database:
        Directory(database).invitations.withdraw(invitation)
        output.show({"id": invitation}, f"Withdrew the invitation {invitation}.", json=options.json)


@user.command(name="sign-out")
def user_sign_out(name: str, /, *, options: Options = DEFAULT) -> None:
    """End a user's sessions in all browsers. Their password and tokens stay."""
    with options.database() as database:
        directory = Directory(database)
        found = directory.get_user(name)
        count = directory.sessions.end_others(found.id, None)
        output.show({"name": found.name, "ended": count}, f"Ended {count} sessions of {found.name}.", json=options.json)


def address(settings: Config) -> str:
    """Where people reach the hub, as far as the settings tell."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    return f"{'https' if settings.tls_cert else 'http'}://localhost:{settings.port}"


def _invitation(found: Invitation) -> dict[str, Any]:
    return {
        "id": found.id,
        "email": found.email,
        "admin": found.is_admin,
        "created": output.date(found.created_at),
        "expires": output.date(found.expires_at),
    }


def _user(found: Account) -> dict[str, Any]:
    return {
        "id": found.uid,
        "name": found.name,
        "fullname": found.fullname,
        "email": found.email,
        "admin": found.is_admin,
        "suspended": output.date(found.suspended_at),
        "created": output.date(found.created_at),
    }


def _read() -> str:
    return sys.stdin.readline().rstrip("\r\n")


# --- organisations --------------------------------------------------------------------------------------------------


@org.command(name="create")
def org_create(
    name: str, /, *, fullname: str = "", private_by_default: Flag = False, options: Options = DEFAULT
) -> None:
    """Create an organisation.

    Parameters
    ----------
    name
        What its repos stand under: NAME/repo.
    fullname
        What people call it.
    private_by_default
        A repo is private unless the one who creates it says otherwise.
    """
    with options.database() as database:
        created = Directory(database).create_org(name, fullname=fullname, private_by_default=private_by_default)
        output.show(_org(created), f"Created the organisation {created.name}.", json=options.json)


@org.command(name="list")
def org_list(*, options: Options = DEFAULT) -> None:
    """List the organisations."""
    with options.database() as database:
        rows = [_org(found) for found in Directory(database).all(Kind.ORG)]
        output.table(rows, ("name", "fullname", "private_by_default", "verified", "created"), json=options.json)


@org.command(name="delete")
def org_delete(name: str, /, *, options: Options = DEFAULT) -> None:
    """Delete an organisation that owns no repos."""
    with options.database() as database:
        directory = Directory(database)
        found = directory.get_org(name)
        directory.remove_org(found)
        output.show({"name": found.name}, f"Deleted the organisation {found.name}.", json=options.json)


@org.command(name="add")
def org_add(name: str, user_name: str, /, *, role: RoleName, options: Options = DEFAULT) -> None:
    """Make a user a member, or give a member another role.

    Parameters
    ----------
    name
        The organisation.
    user_name
        The user.
    role
        read: sees private repos. contributor: also creates repos and writes to those. write: writes to all. admin: also
        manages the members. no_access: may do what a stranger may.
    """
    with options.database() as database:
        directory = Directory(database)
        found, member = directory.get_org(name), directory.get_user(user_name)
        directory.members.add(found, member, role)
        done = {"org": found.name, "user": member.name, "role": role}
        output.show(done, f"{member.name} is a member of {found.name}: {role}.", json=options.json)


@org.command(name="remove")
def org_remove(name: str, user_name: str, /, *, options: Options = DEFAULT) -> None:
    """Take a member out of an organisation."""
    with options.database() as database:
        directory = Directory(database)
        found, member = directory.get_org(name), directory.get_user(user_name)
        directory.members.remove(found, member)
        done = {"org": found.name, "user": member.name}
        output.show(done, f"{member.name} is no longer a member of {found.name}.", json=options.json)


@org.command(name="members")
def org_members(name: str, /, *, options: Options = DEFAULT) -> None:
    """List the members of an organisation."""
    with options.database() as database:
        directory = Directory(database)
        members = directory.members.of(directory.get_org(name))
        rows = [{"name": m.account.name, "fullname": m.account.fullname, "role": m.role} for m in members]
        output.table(rows, ("name", "fullname", "role"), json=options.json)


def _org(found: Account) -> dict[str, Any]:
    return {
        "id": found.uid,
        "name": found.name,
        "fullname": found.fullname,
        "private_by_default": found.private_by_default,
        "verified": found.verified_at is not None,
        "created": output.date(found.created_at),
    }
