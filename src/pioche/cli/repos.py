"""`pioche repo ...`."""

from cyclopts import App

from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.errors import InvalidName
from pioche.names import RepoId, RepoType

repo = App(name="repo", help="Repos.")


@repo.command(name="alias")
def repo_alias(name: str, target: str, /, *, options: Options = DEFAULT) -> None:
    """Answer an old name without an owner as another repo: bert-base-uncased as google-bert/bert-base-uncased.

    Parameters
    ----------
    name
        The old name.
    target
        A repo of this hub: NAMESPACE/NAME, with datasets/ or spaces/ in front for those.
    """
    found = _parse(target)
    with options.hub() as hub:
        hub.catalog.alias(name, found)
        done = {"name": name, "type": found.type, "target": str(found)}
        output.show(done, f"{name} answers as {found}.", json=options.json)


def _parse(text: str) -> RepoId:
    """From the way a repo is written in addresses. Raises InvalidName."""
    for repo_type in (RepoType.DATASET, RepoType.SPACE):
        if text.startswith(repo_type.prefix):
            return _named(repo_type, text.removeprefix(repo_type.prefix))
    return _named(RepoType.MODEL, text.removeprefix("models/"))


def _named(repo_type: RepoType, text: str) -> RepoId:
    found = RepoId.parse(repo_type, text)
    if not found.namespace:
        raise InvalidName(f"{text!r} has no owner: the target is written NAMESPACE/NAME")
    return found
