"""Which facet a tag belongs to: the groups of the list pages and of `/api/models-tags-by-type`."""

import functools
from collections.abc import Mapping

from babel import Locale

from pioche.names import RepoType
from pioche.search import tasks

OTHER = "other"

_PREFIXES = {
    RepoType.MODEL: ("license", "dataset", "region"),
    RepoType.DATASET: (
        "task_categories", "task_ids", "size_categories", "language", "license", "modality", "format", "library",
        "multilinguality", "language_creators", "annotations_creators", "source_datasets", "benchmark", "region",
    ),
    RepoType.SPACE: ("license", "region"),
}  # fmt: skip

_SDKS = frozenset(("gradio", "streamlit", "docker", "static"))


def facet_of(repo_type: RepoType, tag: str) -> str:
    """`pipeline_tag`, `library`, `language`, `license`, `dataset`, `sdk`, `task_categories` ... or `other`."""
    prefix, colon, _ = tag.partition(":")
    if colon:
        return prefix if prefix in _PREFIXES[repo_type] else OTHER
    if repo_type is RepoType.SPACE and tag in _SDKS:
        return "sdk"
    if repo_type is not RepoType.DATASET:
        if tasks.is_task(tag):
            return "pipeline_tag"
        if tasks.is_library(tag):
            return "library"
        if tag in languages():
            return "language"
    return OTHER


def all_of(repo_type: RepoType) -> tuple[str, ...]:
    """Every facet that a tag of such a repo may belong to."""
    own = {RepoType.MODEL: ("pipeline_tag", "library", "language"), RepoType.SPACE: ("sdk", "library", "language")}
    return (*own.get(repo_type, ()), *_PREFIXES[repo_type], OTHER)


def grouped(repo_type: RepoType, counts: Mapping[str, int], each: int) -> dict[str, list[tuple[str, int]]]:
    """How many repos have each tag, by facet: of each facet the `each` most frequent, then by name."""
    found: dict[str, list[tuple[str, int]]] = {}
    for tag, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        listed = found.setdefault(facet_of(repo_type, tag), [])
        if len(listed) < each:
            listed.append((tag, count))
    return found


@functools.cache
def languages() -> frozenset[str]:
    """Codes of ISO 639 that Babel has a name for, without regions and scripts."""
    codes = (str(code) for code in Locale("en").languages)
    return frozenset(code for code in codes if len(code) in (2, 3) and code.isalpha())
