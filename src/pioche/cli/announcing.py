"""`pioche announce`."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.upkeep import announcing
from pioche.upkeep.announcing import Announcement

Flag = Annotated[bool, Parameter(negative=())]


def announce(
    text: str = "",
    *,
    french: str = "",
    link: str = "",
    until: datetime | None = None,
    clear: Flag = False,
    options: Options = DEFAULT,
) -> None:
    """Show a text at the top of every page, until somebody dismisses it; without a text, tell what is shown.

    Running hubs show it within ten seconds.

    Parameters
    ----------
    text
        What is to be said, in English.
    french
        The same in French, for those who read the pages in French.
    link
        Where there is more to read: an address, or a path of this hub.
    until
        When it stops being shown, such as 2026-12-24T18:00 (UTC).
    clear
        Show nothing any more.
    """
    with options.database() as database:
        if clear:
            announcing.announce(database, None)
        elif text:
            texts = {"en": text, **({"fr": french} if french else {})}
            ends = int(until.replace(tzinfo=until.tzinfo or UTC).timestamp() * 1000) if until is not None else None
            announcing.announce(database, Announcement(texts, link, ends))
        found = announcing.announced(database)
        told = {"texts": found.texts, "link": found.link, "until": output.date(found.until)} if found else {}
        output.show(told, found.text("en") if found else "Nothing is announced.", json=options.json)
