"""Comments as HTML that may be put into a page: rendered by the bounded worker, kept by what they say."""

from collections.abc import Sequence

from pioche.community.mentions import Known
from pioche.render.jobs import Links
from pioche.render.renderer import Renderer
from pioche.repos.access import Repo


def html(renderer: Renderer, repo: Repo, host: str, texts: Sequence[str], authors: Sequence[str] = ()) -> list[str]:
    """Of each text, and who wrote it where that is known. `host` is the hub's public address: links to it are kept as
    paths. Takes its time for what is new."""
    known, by = Known(repo, texts, authors), authors or ("",) * len(texts)
    links = Links(repo.repo_id.web_path, "main", host=host)
    return [renderer.comment(text, links, known.of(text, author)).html for text, author in zip(texts, by, strict=True)]
