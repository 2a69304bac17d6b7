"""The head that all pages of a repo share (ui.md R): name, marks, tags, tabs, how to clone it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlencode

from pioche.accounts import ssh_keys
from pioche.community import listing as threads_listing
from pioche.errors import HubError
from pioche.http.messages import Request
from pioche.imports.registry import State
from pioche.names import RepoId, RepoType
from pioche.repos import overviews
from pioche.repos.access import Action
from pioche.repos.overviews import Overview
from pioche.web.repo import labels, marks
from pioche.web.repo.marks import Marks

_SHOWN_TAGS = 14
_TASK_CATEGORIES = "task_categories:"
# What these say stands elsewhere on the page, or is for machines.
_UNSHOWN = (
    "base_model:", "dataset:", "license:", "region:", "doi:", "language:", "task_ids:", "library:", "model-index",
    "size_categories:", "modality:", "format:", "endpoints_compatible", "autotrain_compatible",
)  # fmt: skip


class Chip(NamedTuple):
    """A tag as it is shown; it leads to the list of all repos that have it."""

    label: str
    href: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """`chips` are shown, `more_chips` one opens. Rights are what the pages offer; doing it is checked again."""

    repo_id: RepoId
    title: str
    """Of a Space or a dataset; empty where the name is all there is."""
    chips: list[Chip]
    more_chips: list[Chip]
    likes: int
    private: bool
    gated: str
    disabled: bool
    updated_at: int
    discussions: int | None
    """How many are open; None where the owners want none at all."""
    may_write: bool
    may_manage: bool
    may_be_duplicated: bool
    is_closed: bool
    """Its files are given on request, and not to the reader yet."""
    is_importing: bool
    """It comes from elsewhere, and is not whole yet."""
    marks: Marks
    ssh_url: str
    """What git clones it by over SSH; empty where that is not offered."""
    lacks_key: bool
    """Who reads has no key to come with."""
    unsafe: list[tuple[str, list[str]]]
    """Files that would run commands when they are loaded: path, what they import (`repos.scanning`)."""


async def head(request: Request) -> Head:
    """Of the request's repo."""
    overview = await request.run(overviews.read, request.repo)
    return await of(request, overview)


async def of(request: Request, overview: Overview) -> Head:
    """Where the overview is known already."""
    chips = list(_chips(overview))
    may_write = await may(request, Action.WRITE)
    is_importing = overview.private and may_write and await request.run(_is_importing, request)
    ssh_url = request.hub.addresses.clone_by_ssh(request.base_url, overview.repo_id.web_path.removeprefix("/"))
    title = overview.text("title") if overview.repo_id.type is RepoType.SPACE else overview.text("pretty_name")
    return Head(
        repo_id=overview.repo_id,
        title=title[:200],
        chips=chips[:_SHOWN_TAGS],
        more_chips=chips[_SHOWN_TAGS:],
        likes=overview.likes,
        private=overview.private,
        gated=overview.gated,
        disabled=overview.disabled,
        updated_at=overview.updated_at,
        discussions=await threads_listing.open_count(request.repo),
        may_write=may_write,
        may_manage=await may(request, Action.MANAGE),
        may_be_duplicated=not (overview.disabled or overview.duplication_off),
        is_closed=bool(overview.gated) and not await may(request, Action.CONTENT),
        is_importing=is_importing,
        marks=await request.run(marks.of, request.repo, request.caller),
        ssh_url=ssh_url,
        lacks_key=bool(ssh_url) and not await request.run(_has_key, request),
        unsafe=[(one["path"], overviews.texts(one.get("imports"))) for one in overview.unsafe],
    )


def _has_key(request: Request) -> bool:
    return ssh_keys.any_opens(request.hub.database, request.caller.user_id)


def _is_importing(request: Request) -> bool:
    found = request.hub.imports.find(request.repo.id)
    return found is not None and found.state in (State.WAITING, State.RUNNING, State.FAILED)


async def may(request: Request, action: Action) -> bool:
    """Whether the caller could do this."""
    if request.caller.is_anonymous and action is not Action.CONTENT:
        return False
    try:
        await request.hub.access.open_uid(request.caller, request.repo.uid, action)
    except HubError:
        return False
    return True


def listing(repo_type: RepoType, **filters: str) -> str:
    """The list of repos that have a tag, by the parameters of the Hub's own lists."""
    return f"/{repo_type.plural}?{urlencode(filters, quote_via=quote, safe=':/')}"


def _chips(overview: Overview) -> Iterator[Chip]:
    repo_type = overview.repo_id.type
    yield from _of_model(overview) if repo_type is RepoType.MODEL else _of_others(overview)
    known = {overview.pipeline_tag, overview.library_name, overview.sdk, *overview.texts("language")}
    shown = set[str]()
    for tag in overview.tags:
        if (
            tag not in known
            and tag not in shown
            and not tag.startswith(_UNSHOWN)
            and not tag.startswith(_TASK_CATEGORIES)
        ):
            shown.add(tag)
            yield Chip(_paper(tag), listing(repo_type, other=tag), "paper" if tag.startswith("arxiv:") else "")


def _of_model(overview: Overview) -> Iterator[Chip]:
    model = RepoType.MODEL
    if overview.pipeline_tag:
        task = overview.pipeline_tag
        yield Chip(labels.task(task), listing(model, pipeline_tag=task), "task")
    if overview.library_name:
        yield Chip(labels.library(overview.library_name), listing(model, library=overview.library_name), "library")
    yield from _spoken_and_licensed(overview, "")


def _of_others(overview: Overview) -> Iterator[Chip]:
    repo_type = overview.repo_id.type
    if repo_type is RepoType.SPACE and overview.sdk:
        yield Chip(overview.sdk.capitalize(), listing(repo_type, sdk=overview.sdk), "library")
    for tag in overview.tags:
        if tag.startswith(_TASK_CATEGORIES):
            task = tag.removeprefix(_TASK_CATEGORIES)
            yield Chip(labels.task(task), listing(repo_type, task_categories=tag), "task")
    for prefix in ("modality:", "format:", "size_categories:"):
        for tag in overview.tags:
            if tag.startswith(prefix):
                yield Chip(tag.removeprefix(prefix), listing(repo_type, **{prefix[:-1]: tag}), "library")
    yield from _spoken_and_licensed(overview, "language:" if repo_type is RepoType.DATASET else "")


def _spoken_and_licensed(overview: Overview, prefix: str) -> Iterator[Chip]:
    repo_type = overview.repo_id.type
    for code in overview.texts("language")[:50]:
        yield Chip(labels.language(code), listing(repo_type, language=prefix + code), "language")
    for name in overview.texts("license")[:5]:
        own = overview.text("license_name") if name == "other" else ""
        yield Chip(own[:80] or labels.licence(name), listing(repo_type, license=f"license:{name}"), "license")


def _paper(tag: str) -> str:
    return f"arXiv {tag.removeprefix('arxiv:')}" if tag.startswith("arxiv:") else tag
