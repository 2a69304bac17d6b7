"""`pioche key ...`."""

from cyclopts import App

from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.db import instance

key = App(name="key", help="The instance's signing keys.")


@key.command(name="rotate")
def key_rotate(*, options: Options = DEFAULT) -> None:
    """Sign addresses with a new key from now on. What the old ones signed stays good for two days."""
    with options.database() as database:
        kid = instance.rotate_key(database)
        output.show({"kid": kid}, f"The new signing key is {kid}.", json=options.json)
