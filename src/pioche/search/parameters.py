"""From the parameters of an address to a `Query`: those of the Hub's list API (hub-api.md section 10) and of its pages.

One parser for both, so that a list page and the API give the same answer to the same parameters. What the Hub does not
know is ignored, as it does; a value of a wrong form is refused in its words.

| parameter | of | meaning |
|---|---|---|
| `search`, `q` | all | words of the name, all of them; may be repeated |
| `text` | all | full text |
| `author` | all | the namespace |
| `filter`, `tags`, `other` | all | tags, all of them; repeated, or joined with commas |
| `library` `language` `license` `dataset` `region` `base_model` | models | tags; the prefix may be left out |
| `pipeline_tag` | models | the task |
| `apps` | models | local programs that can run it (`apps.py`), all of them |
| `num_parameters` | models | `min:6B,max:128B`, or one of the two |
| `num_rows` | datasets | `min:1K,max:1M`, or one of the two |
| `inference`, `inference_provider` | models | `warm`; `all` or names, one of which serves it |
| `gated` | models, datasets | true or false |
| `task_categories` `size_categories` `language` `license` `modality` `format` ... | datasets | tags, the prefix may be left out |
| `sdk`, `category` | Spaces | tags |
| `models`, `datasets`, `linked` | Spaces | what the card names |
| `sort`, `direction`, `limit`, `cursor`, `p` | all | order and page (`p` is 0 for the first) |

In the parameters that are tags, `or:(a,b)` is one or the other.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from pioche.errors import BadRequest
from pioche.names import RepoType
from pioche.search import apps
from pioche.search.query import NUMBER_MAX, Query, Range, Sort, fold, fold_tag

Parameters = Mapping[str, Sequence[str]]
"""Values by name; `[]` was cut off the names (`filter[]` is `filter`)."""

LIMIT_MAX = 1000
_ITEMS_MAX = 100
_LENGTH_MAX = 500

_TRUE, _FALSE = ("true", "1"), ("false", "0")

# Parameters whose values are tags, with the prefix that their tags have.
_FREE = {"filter": "", "tags": "", "other": ""}
_TAGS = {
    RepoType.MODEL: {
        "library": "",
        "language": "",
        "license": "license:",
        "dataset": "dataset:",
        "region": "region:",
        "base_model": "base_model:",
    },
    RepoType.DATASET: {
        name: f"{name}:"
        for name in (
            "task_categories", "task_ids", "size_categories", "language", "license", "modality", "format", "library",
            "multilinguality", "language_creators", "annotations_creators", "source_datasets", "benchmark", "region",
        )
    },
    RepoType.SPACE: {"sdk": "", "category": "", "license": "license:", "language": "", "region": "region:"},
}  # fmt: skip

# The spellings of the API (and of its clients in Python, before they translate), then those of the pages.
_SORTS = {
    "trendingScore": (Sort.TRENDING, False),
    "downloads": (Sort.DOWNLOADS, False),
    "likes": (Sort.LIKES, False),
    "createdAt": (Sort.CREATED, False),
    "lastModified": (Sort.MODIFIED, False),
    "trending_score": (Sort.TRENDING, False),
    "created_at": (Sort.CREATED, False),
    "last_modified": (Sort.MODIFIED, False),
    "likes7d": (Sort.TRENDING, False),
    "likes30d": (Sort.TRENDING, False),
    "trending": (Sort.TRENDING, False),
    "created": (Sort.CREATED, False),
    "modified": (Sort.MODIFIED, False),
    "relevance": (Sort.RELEVANCE, False),
    "most_params": (Sort.PARAMETERS, False),
    "least_params": (Sort.PARAMETERS, True),
    "most_rows": (Sort.ROWS, False),
    "least_rows": (Sort.ROWS, True),
}
_SORTS_TOLD = ("trendingScore", "downloads", "likes", "createdAt", "lastModified")
_INFERENCE = ("warm", "cold")

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_BOUND = re.compile(r"(min|max):(\d{1,15})(?:\.(\d{1,9}))?([KMBT]?)\Z", re.IGNORECASE)


def parse(repo_type: RepoType, parameters: Parameters, *, limit: int = LIMIT_MAX) -> Query:
    """The query, of `limit` answers a page unless it says otherwise. Raises BadRequest in the Hub's words."""
    found = _Reader(parameters)
    is_model, is_space = repo_type is RepoType.MODEL, repo_type is RepoType.SPACE
    sort, ascending = _order(found)
    size = min(found.number("limit", limit) or limit, LIMIT_MAX)
    cursor = found.last("cursor")
    return Query(
        type=repo_type,
        words=tuple(fold(word) for name in ("search", "q") for text in found.texts(name) for word in text.split()),
        text=" ".join(found.texts("text")),
        author=_last(fold_tag(text) for text in found.texts("author")),
        tags=tuple(_tag_groups(repo_type, found)),
        pipeline_tag=_last(fold_tag(text) for text in found.texts("pipeline_tag")) if is_model else None,
        parameters=_range(found, "num_parameters") if is_model else None,
        rows=_range(found, "num_rows") if repo_type is RepoType.DATASET else None,
        gated=found.flag("gated"),
        inference=found.choice("inference", _INFERENCE) if is_model else None,
        providers=tuple(found.names("inference_provider")) if is_model else (),
        models=tuple(found.names("models")) if is_space else (),
        datasets=tuple(found.names("datasets")) if is_space else (),
        linked=is_space and bool(found.flag("linked")),
        sort=sort,
        ascending=ascending,
        cursor=cursor,
        offset=0 if cursor else found.number("p", 0) * size,
        limit=size,
    )


class _Reader:
    """Looks values up, and refuses those of a wrong form in the words of the Hub's validator."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters

    def texts(self, name: str) -> list[str]:
        """All values that are not blank."""
        values = self._parameters.get(name, ())
        if len(values) > _ITEMS_MAX:
            raise BadRequest(f'"{name}" must contain less than or equal to {_ITEMS_MAX} items')
        for value in values:
            if len(value) > _LENGTH_MAX:
                raise BadRequest(f'"{name}" length must be less than or equal to {_LENGTH_MAX} characters long')
        return [value.strip() for value in values if value.strip()]

    def names(self, name: str) -> Iterator[str]:
        """Repeated, or joined with commas as the JavaScript client does."""
        for text in self.texts(name):
            yield from (fold_tag(part.strip()) for part in text.split(",") if part.strip())

    def last(self, name: str) -> str | None:
        return _last(iter(self.texts(name)))

    def flag(self, name: str) -> bool | None:
        """None when it is absent; `True` is how requests (0.x of the client) writes it."""
        text = (self.last(name) or "").lower()
        if text in _TRUE:
            return True
        if text and text not in _FALSE:
            raise BadRequest(f'"{name}" must be a boolean')
        return False if text else None

    def number(self, name: str, default: int) -> int:
        text = self.last(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or len(text) > 12:
            raise BadRequest(f'"{name}" must be a number')
        return int(text)

    def choice(self, name: str, known: Sequence[str]) -> str | None:
        text = self.last(name)
        if text is not None and text not in known:
            raise BadRequest(f'"{name}" must be one of [{", ".join(known)}]')
        return text


def _last(texts: Iterator[str]) -> str | None:
    found = list(texts)
    return found[-1] if found else None


def _order(found: _Reader) -> tuple[Sort, bool]:
    name = found.last("sort")
    if name is not None and name not in _SORTS:
        raise BadRequest(f'"sort" must be one of [{", ".join(_SORTS_TOLD)}]')
    sort, ascending = _SORTS[name or "trendingScore"]
    direction = found.choice("direction", ("-1", "1"))
    return sort, ascending if direction is None else direction == "1"


def _tag_groups(repo_type: RepoType, found: _Reader) -> Iterator[tuple[str, ...]]:
    for name, prefix in {**_FREE, **_TAGS[repo_type]}.items():
        for text in found.texts(name):
            yield from _groups(text, prefix)
    if repo_type is RepoType.MODEL:
        for app in found.names("apps"):
            yield from apps.needs(app)


def _groups(text: str, prefix: str) -> Iterator[tuple[str, ...]]:
    """`a,b` is both, `or:(a,b)` is one of them."""
    if text.startswith("or:(") and text.endswith(")"):
        yield tuple(_with_prefix(part, prefix) for part in text[4:-1].split(",") if part.strip())
        return
    yield from ((_with_prefix(part, prefix),) for part in text.split(",") if part.strip())


def _with_prefix(text: str, prefix: str) -> str:
    tag = fold_tag(text.strip())
    return tag if tag.startswith(prefix) else prefix + tag


def _range(found: _Reader, name: str) -> Range | None:
    """`min:6B,max:128B`. Fractions are exact: `0.5B` is 500,000,000."""
    text = found.last(name)
    if text is None:
        return None
    bounds: dict[str, int] = {}
    for part in text.split(","):
        match = _BOUND.match(part.strip())
        if match is None or match[1].lower() in bounds:
            raise BadRequest(f'"{name}" must be of the form min:6B,max:128B')
        whole, fraction = match[2], match[3] or ""
        unit = _UNITS[match[4].upper()]
        bounds[match[1].lower()] = min(int(whole + fraction) * unit // 10 ** len(fraction), NUMBER_MAX)
    return Range(bounds.get("min"), bounds.get("max"))
