"""`pioche org security`: what an organisation asks of its members; also the way in for administrators who locked themselves out."""

from typing import Annotated

from cyclopts import Parameter

from pioche.accounts import org_security, policies
from pioche.accounts.directory import Directory
from pioche.accounts.org_security import Security
from pioche.cli import output
from pioche.cli.accounts import org
from pioche.cli.options import DEFAULT, Options

__all__ = ["org"]


@org.command(name="security")
def security(
    name: str,
    /,
    *,
    second_factor: Annotated[bool | None, Parameter(negative="--no-second-factor")] = None,
    networks: str | None = None,
    options: Options = DEFAULT,
) -> None:
    """Show or change what members of an organisation need before they are shown anything private.

    Parameters
    ----------
    name
        The organisation.
    second_factor
        Whether members need a second factor.
    networks
        The only networks that requests may come from, as "192.0.2.0/24 2001:db8::/32"; "" for anywhere.
    """
    with options.database() as database:
        found = Directory(database).get_org(name)
        now = org_security.security(database, found.id)
        needed = now.needs_second_factor if second_factor is None else second_factor
        wanted = Security(needed, now.ranges if networks is None else policies.parse_ranges(networks))
        if wanted != now:
            org_security.set_security(database, found, wanted, None)
        done = {"name": found.name, "second_factor": needed, "networks": (wanted.ranges or "").split()}
        said = f"{found.name}: {'a' if needed else 'no'} second factor is needed, from {wanted.ranges or 'anywhere'}."
        output.show(done, said, json=options.json)
