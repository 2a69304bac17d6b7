"""Completing a card: the fields of the metadata as a form, what is missing with one button each, a first text where none is.

What is sent becomes a commit, or a pull request of who may not write. The writer (`repos.front_matter`) changes the fields
that were changed and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pioche.errors import BadCard, BadRequest, EntryNotFound, Unprocessable
from pioche.http.messages import Query, Request, Response
from pioche.http.routes import Route
from pioche.i18n.texts import gettext
from pioche.i18n.texts import lazy as _
from pioche.names import EntryPath, RepoType
from pioche.render.renderer import MARKDOWN_BYTES_MAX
from pioche.repos import cards, commits, files, front_matter, overviews
from pioche.repos.access import Action, Repo
from pioche.repos.commits import AddFile, Plan
from pioche.repos.facts.spaces import COLOURS
from pioche.repos.overviews import Overview
from pioche.search import tasks
from pioche.web import layout, vocabulary
from pioche.web.repo import heads, labels

_VALUE_CHARACTERS_MAX = 5_000
_TEXT_CHARACTERS_MAX = 200_000
_README: Final = EntryPath("README.md")


@dataclass(frozen=True, slots=True)
class FieldKind:
    """`is_list`: several values, one a line. `choices`: the values that there are, as (value, label)."""

    name: str
    label: str
    hint: str = ""
    is_list: bool = False
    choices: str = ""


_LICENCE = FieldKind("license", _("Licence"), choices="license")
_LANGUAGE = FieldKind("language", _("Languages"), _("Codes such as fr or en, one a line"), is_list=True)
_TAGS = FieldKind("tags", _("Tags"), _("One a line"), is_list=True)
_IDS = _("Names such as owner/name, one a line")

FIELDS: Final[dict[RepoType, tuple[FieldKind, ...]]] = {
    RepoType.MODEL: (
        _LICENCE,
        FieldKind("pipeline_tag", _("Task"), choices="task"),
        FieldKind("library_name", _("Library"), _("Such as transformers or diffusers")),
        _LANGUAGE,
        FieldKind("base_model", _("Made from"), _IDS, is_list=True),
        FieldKind("datasets", _("Trained on"), _IDS, is_list=True),
        _TAGS,
    ),
    RepoType.DATASET: (
        FieldKind("pretty_name", _("Title")),
        _LICENCE,
        FieldKind("task_categories", _("Tasks"), _("One a line"), is_list=True),
        _LANGUAGE,
        FieldKind("size_categories", _("Size"), choices="size"),
        _TAGS,
    ),
    RepoType.SPACE: (
        FieldKind("title", _("Title")),
        FieldKind("short_description", _("Short description")),
        FieldKind("emoji", _("Emoji")),
        FieldKind("colorFrom", _("First colour"), choices="colour"),
        FieldKind("colorTo", _("Second colour"), choices="colour"),
        _LICENCE,
        FieldKind("models", _("Models it uses"), _IDS, is_list=True),
        FieldKind("datasets", _("Datasets it uses"), _IDS, is_list=True),
        _TAGS,
    ),
    RepoType.KERNEL: (_LICENCE, _TAGS),
}
_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "n>1B")


@dataclass(frozen=True, slots=True)
class Filled:
    """A field as the form shows it. `points`: what filling it would add; `suggested`: the value is not in the card yet."""

    kind: FieldKind
    value: str
    points: int = 0
    suggested: bool = False
    choices: list[tuple[str, str]] = field(default_factory=list)


async def form(request: Request) -> Response:
    """GET /{repo}/card."""
    return await _show(request)


async def save(request: Request) -> Response:
    """POST /{repo}/card: the fields that differ from the card, and the text where there is no card yet."""
    sent = await request.form()
    try:
        return await _save(request, sent)
    except (BadCard, BadRequest, Unprocessable) as error:
        return await _show(request, sent, error.message, status=error.status)


async def _show(request: Request, sent: Query | None = None, error: str = "", *, status: int = 200) -> Response:
    overview = await request.run(overviews.read, request.repo)
    head = await heads.of(request, overview)
    has_readme = await request.run(overviews.readme, request.repo) is not None
    values = {name: found[-1] for name, found in sent.lists.items()} if sent else {}
    return await request.run(
        layout.page,
        request,
        "repo/metadata.html",
        status=status,
        repo_id=overview.repo_id,
        tab="card",
        head=head,
        overview=overview,
        labels=labels,
        fields=[_filled(overview, kind, values) for kind in FIELDS[overview.repo_id.type]],
        quick=_quick(overview) if has_readme else [],
        text=None if has_readme else values.get("text", template(overview)),
        error=error,
    )


def _filled(overview: Overview, kind: FieldKind, sent: Mapping[str, str]) -> Filled:
    missing = next((one for one in overview.missing if one.get("field") == kind.name), {})
    now = overviews.texts(overview.card.get(kind.name))
    suggestion = overviews.texts(missing.get("suggestion")) or _from_files(overview, kind.name)
    shown = now or suggestion
    value = sent.get(kind.name, "\n".join(shown) if kind.is_list else next(iter(shown), ""))
    points = missing.get("points")
    choices = _choices(kind.choices, value)
    return Filled(kind, value, points if isinstance(points, int) else 0, bool(suggestion and not now), choices)


def _from_files(overview: Overview, name: str) -> list[str]:
    """What the files say and the card does not."""
    if name == "pipeline_tag" and overview.pipeline_tag:
        return [overview.pipeline_tag]
    if name == "library_name" and overview.library_name:
        return [overview.library_name]
    return []


def _choices(which: str, value: str) -> list[tuple[str, str]]:
    """The value that there is now is always among them."""
    match which:
        case "license":
            found = [(id_, vocabulary.license_name(id_)) for id_ in vocabulary.LICENSE_IDS]
        case "task":
            found = sorted(((id_, vocabulary.task(id_)) for id_ in tasks.table()["tasks"]), key=lambda item: item[1])
        case "size":
            found = [(id_, id_) for id_ in _SIZES]
        case "colour":
            found = [(id_, id_) for id_ in COLOURS]
        case _:
            return []
    own = [(value, value)] if value and value not in dict(found) else []
    return [("", "–"), *own, *found]


def _quick(overview: Overview) -> list[tuple[str, str, int]]:
    """(field, value, points) of what the files speak for: one click each."""
    found = list[tuple[str, str, int]]()
    for one in overview.missing:
        name, points, values = one.get("field"), one.get("points"), overviews.texts(one.get("suggestion"))
        if isinstance(name, str) and isinstance(points, int) and values:
            found.append((name, "\n".join(values), points))
    return found


# --- saving -----------------------------------------------------------------------------------------------------------


async def _save(request: Request, sent: Query) -> Response:
    as_pull = sent.get("target") == "pull"
    repo = request.repo
    if not as_pull:
        repo = await request.hub.access.open_uid(request.caller, repo.uid, Action.WRITE)
    await request.run(_commit, request, repo, sent, as_pull)
    return Response(303, [("Location", repo.repo_id.web_path), ("Cache-Control", "no-store")])


def _commit(request: Request, repo: Repo, sent: Query, as_pull: bool) -> None:
    before = _readme(repo)
    changes = _changes(repo.repo_id.type, cards.read(before.encode()).data, sent)
    text = before if before else _text(sent)
    after = front_matter.edit(text, changes)
    if after == before:
        raise BadRequest(gettext(_("Nothing was changed")))
    summary = gettext(_("Complete the metadata")) if before else gettext(_("Write the card"))
    plan = Plan(summary, operations=[AddFile(_README, after.encode())])
    commits.check_sizes(plan, file_bytes_max=request.hub.config.regular_file_bytes_max)
    (commits.propose if as_pull else commits.create)(repo, request.caller, "main", plan)


def _readme(repo: Repo) -> str:
    """Empty when there is none. Raises BadRequest for one that is no text to be edited here."""
    try:
        entry = files.locate_sync(repo, "main", _README).entry
    except EntryNotFound:
        return ""
    if not entry.is_file or entry.sha256 or entry.size > MARKDOWN_BYTES_MAX:
        raise BadRequest("README.md is too large to be edited here, or no text file")
    try:
        return files.read_all(repo, entry).decode()
    except UnicodeDecodeError:
        raise BadRequest("README.md is not UTF-8: edit it with git") from None


def _text(sent: Query) -> str:
    text = (sent.get("text") or "").replace("\r\n", "\n")
    if len(text) > _TEXT_CHARACTERS_MAX:
        raise BadRequest(f"The text may have at most {_TEXT_CHARACTERS_MAX} characters")
    return text


def _changes(repo_type: RepoType, card: Mapping[str, Any], sent: Query) -> dict[str, Any]:
    """The fields of the form that say something else than the card; None takes one out. Fields that were not sent stay."""
    found = dict[str, Any]()
    for kind in FIELDS[repo_type]:
        given = sent.get(kind.name)
        if given is None:
            continue
        if len(given) > _VALUE_CHARACTERS_MAX:
            raise BadRequest(f"{kind.name} may have at most {_VALUE_CHARACTERS_MAX} characters")
        values = [line.strip() for line in given.splitlines() if line.strip()]
        if values != overviews.texts(card.get(kind.name)):
            found[kind.name] = _shaped(kind, values, card.get(kind.name))
    return found


def _shaped(kind: FieldKind, values: Sequence[str], now: object) -> str | list[str] | None:
    """One value stays a text where it was one; `tags` and such are always lists."""
    if not values:
        return None
    is_list = isinstance(now, list) or (kind.is_list and (len(values) > 1 or not isinstance(now, str)))
    return list(values) if is_list else " ".join(values)


def template(overview: Overview) -> str:
    """A first text, with headings for what a complete card tells."""
    name, parts = overview.repo_id.name, tuple[str, ...]()
    if overview.repo_id.type is RepoType.MODEL:
        parts = (
            _("What it is for"),
            _("How to use it"),
            _("How it was trained"),
            _("Evaluation"),
            _("Limitations and risks"),
        )
    elif overview.repo_id.type is RepoType.DATASET:
        parts = (_("What it holds"), _("How to use it"), _("Where the data come from"), _("Limitations and risks"))
    else:
        parts = (_("What it does"), _("How to use it"))
    return f"# {name}\n\n" + "\n\n".join(f"## {gettext(part)}\n" for part in parts)


ROUTES = (
    Route("GET", "/{repo:web}/card", Action.PROPOSE, form),
    Route("POST", "/{repo:web}/card", Action.PROPOSE, save),
)
