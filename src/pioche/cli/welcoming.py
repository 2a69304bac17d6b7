"""`pioche welcome`."""

from typing import Annotated

from cyclopts import Parameter

from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.errors import BadRequest
from pioche.upkeep import welcoming
from pioche.upkeep.welcoming import Welcome

Flag = Annotated[bool, Parameter(negative=())]


def welcome(
    title: str = "",
    text: str = "",
    *,
    french_title: str = "",
    french: str = "",
    clear: Flag = False,
    options: Options = DEFAULT,
) -> None:
    """Say on the front page what this hub is, in your own words; without words, tell what it says.

    Parameters
    ----------
    title
        The heading, in English: "The models of the city archives".
    text
        What the hub is and for whom, in English, in a few sentences.
    french_title
        The heading for those who read the pages in French.
    french
        The text for them.
    clear
        Say what Pioche says by itself.
    """
    with options.database() as database:
        if clear:
            welcoming.welcome(database, None)
        elif title or text:
            if not (title and text):
                raise BadRequest("Give a title and a text")
            titles = {"en": title, **({"fr": french_title} if french_title else {})}
            texts = {"en": text, **({"fr": french} if french else {})}
            welcoming.welcome(database, Welcome(titles, texts))
        found = welcoming.words(database)
        told = {"titles": found.titles, "texts": found.texts} if found else {}
        output.show(
            told, f"{found.title('en')}\n{found.text('en')}" if found else "Nothing of your own.", json=options.json
        )
