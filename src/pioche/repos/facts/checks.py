"""What is wrong in a card, in words for those who may mend it: the field, the line, and what was probably meant.

Nothing here refuses anything: a card that can be read is stored as it is written.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pioche.errors import BadCard
from pioche.names import RepoType
from pioche.repos import cards
from pioche.repos.cards import EMPTY_WARNING, texts
from pioche.repos.facts import spaces, vocabulary

Json = dict[str, Any]
Check = Callable[[object], str]
"""Says what is wrong with a value; empty when nothing is."""

_WARNINGS_MAX = 50


def warnings(card: Mapping[str, Any], repo_type: RepoType, lines: Mapping[str, int]) -> list[str]:
    """One sentence for each thing that is wrong, at most fifty."""
    found = list[str]()
    for name, message in _wrong(dict(card), repo_type):
        where = f" (line {lines[name]})" if name in lines else ""
        found.append(f'"{name}"{where}: {message}')
    return found[:_WARNINGS_MAX]


@dataclass(frozen=True, slots=True)
class Review:
    """What is said of a README that is not committed yet. With an `error` clients do not commit: the metadata cannot be read."""

    error: str = ""
    warnings: list[str] = field(default_factory=list)


def review(readme: str, repo_type: RepoType) -> Review:
    """The one check that clients ask for before a commit, and pages while somebody writes."""
    try:
        card = cards.parse(readme)
    except BadCard as error:
        return Review(error.message)
    return Review("", [*card.warnings, *warnings(card.data, repo_type, card.lines)][:_WARNINGS_MAX])


def of_draft(readme: str, repo_type: RepoType) -> Review:
    """The same for who writes in a page, where a card that has no metadata yet is nothing to mend."""
    found = review(readme, repo_type)
    return Review(found.error, [text for text in found.warnings if text != EMPTY_WARNING])


def _wrong(card: Json, repo_type: RepoType) -> Iterator[tuple[str, str]]:
    for name, check in (_COMMON | _BY_TYPE[repo_type]).items():
        if card.get(name) is not None and (message := check(card[name])):
            yield name, message
    if "other" in texts(card, "license") and not (card.get("license_name") or card.get("license_link")):
        yield "license", '"other" needs "license_name", and "license_link" with the address or the file of its text'


# --- kinds of checks ------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    return "" if isinstance(value, str | int | float) and not isinstance(value, bool) else "it must be a text"


def _flag(value: object) -> str:
    return "" if isinstance(value, bool) else "it must be true or false"


def _flag_or_text(value: object) -> str:
    return "" if isinstance(value, bool | str) else "it must be true, false or a text that says why"


def _texts(value: object) -> str:
    items = value if isinstance(value, list) else [value]
    return next(("it must be a text or a list of texts" for item in items if _text(item)), "")


def _mapping(value: object) -> str:
    return "" if isinstance(value, dict) else "it must be a mapping of names to values"


def _mappings(value: object) -> str:
    items = value if isinstance(value, list) else [value]
    return "" if all(isinstance(item, dict) for item in items) else "it must be a list of mappings"


def _emissions(value: object) -> str:
    amount = value.get("emissions") if isinstance(value, dict) else value
    fine = isinstance(amount, int | float) and not isinstance(amount, bool) and amount >= 0
    return "" if fine else 'it must be a number of grams, or a mapping with one as "emissions"'


def _one_of(known: Collection[str], what: str) -> Check:
    def check(value: object) -> str:
        if message := _texts(value):
            return message
        for item in value if isinstance(value, list) else [value]:
            if str(item) not in known:
                return f"{_shown(item)} is no {what} that the hub knows{_hint(vocabulary.nearest(str(item), known))}"
        return ""

    return check


def _languages(value: object) -> str:
    if message := _texts(value):
        return message
    for item in value if isinstance(value, list) else [value]:
        if not vocabulary.is_language(str(item)):
            hint = vocabulary.nearest_language(str(item)) or vocabulary.nearest(str(item), vocabulary.LANGUAGES)
            return f"{_shown(item)} is no code of a language (ISO 639){_hint(hint)}"
    return ""


def _shown(value: object) -> str:
    return repr(str(value)[:60])


def _hint(meant: str | None) -> str:
    return f"; did you mean {meant!r}?" if meant else ""


def _range(low: int, high: int) -> Check:
    def check(value: object) -> str:
        fine = type(value) is int and low <= value <= high
        return "" if fine else f"it must be a whole number from {low} to {high}"

    return check


def _space_headers(value: object) -> str:
    known = [f"cross-origin-{name}-policy" for name in ("embedder", "opener", "resource")]
    if isinstance(value, dict) and all(name in known for name in value):
        return ""
    return f"it may only set {', '.join(known)}"


# --- the fields (ui.md section 2) -----------------------------------------------------------------------------------

_task = _one_of(vocabulary.TASKS, "task")
_COMMON: dict[str, Check] = {
    "license": _one_of(vocabulary.LICENCES, "licence"),
    "license_name": _text,
    "license_link": _text,
    "language": _languages,
    "tags": _texts,
    "deprecated": _flag_or_text,
    "thumbnail": _text,
    "extra_gated_prompt": _text,
    "extra_gated_fields": _mapping,
    "extra_gated_heading": _text,
    "extra_gated_description": _text,
    "extra_gated_button_content": _text,
    "extra_gated_eu_disallowed": _flag,
}
_BY_TYPE: dict[RepoType, dict[str, Check]] = {
    RepoType.MODEL: {
        "library_name": _text,
        "pipeline_tag": _task,
        "datasets": _texts,
        "buckets": _texts,
        "metrics": _texts,
        "base_model": _texts,
        "base_model_relation": _one_of(vocabulary.RELATIONS, "relation"),
        "new_version": _text,
        "model-index": _mappings,
        "co2_eq_emissions": _emissions,
        "widget": _mappings,
        "inference": lambda value: "" if isinstance(value, bool | dict) else "it must be true, false or a mapping",
        "instance_prompt": _text,
        "mask_token": _text,
    },
    RepoType.DATASET: {
        "pretty_name": _text,
        "size_categories": _one_of(vocabulary.SIZE_CATEGORIES, "size category"),
        "task_categories": _task,
        "task_ids": _texts,
        "annotations_creators": _texts,
        "language_creators": _texts,
        "language_details": _texts,
        "multilinguality": _texts,
        "source_datasets": _texts,
        "license_details": _text,
        "paperswithcode_id": _text,
        "configs": _mappings,
        "dataset_info": _mappings,
        "viewer": _flag,
        "train-eval-index": _mappings,
    },
    RepoType.SPACE: {
        "title": _text,
        "emoji": _text,
        "colorFrom": _one_of(spaces.COLOURS, "colour"),
        "colorTo": _one_of(spaces.COLOURS, "colour"),
        "sdk": _one_of(spaces.SDKS, "kind of Space"),
        "sdk_version": _text,
        "python_version": _text,
        "app_file": _text,
        "app_build_command": _text,
        "app_port": _range(1, 65_535),
        "base_path": _text,
        "fullWidth": _flag,
        "header": _one_of(("mini", "default"), "header"),
        "short_description": _text,
        "models": _texts,
        "datasets": _texts,
        "pinned": _flag,
        "suggested_hardware": _text,
        "hf_oauth": _flag,
        "hf_oauth_scopes": _texts,
        "hf_oauth_expiration_minutes": _range(1, 43_200),
        "hf_oauth_authorized_org": _texts,
        "disable_embedding": _flag,
        "startup_duration_timeout": _text,
        "custom_headers": _space_headers,
        "preload_from_hub": _texts,
    },
    RepoType.KERNEL: {},
    RepoType.BUCKET: {},
}
