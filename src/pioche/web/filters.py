"""The filters of a list page, out of its address and back into it.

An address is the whole state of a list: each facet is a link to the address with one value more or less, always from the
first page on. Values carry no prefix (`license=mit`); `search.parameters` puts it in front.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote_plus, urlencode

from pioche.i18n.texts import gettext
from pioche.i18n.texts import lazy as _
from pioche.names import RepoType
from pioche.search.providing import HERE
from pioche.search.query import Facets
from pioche.web import sizes, vocabulary
from pioche.web.sizes import Slider

MORE: Final = "more"
"""The parameter that names the facet whose choices are all shown: a page carries those of no other, for their weight."""
TAB: Final = "facet"
"""The parameter that names the facet that is shown alone; it goes along when conditions change."""
_PAGE_PARAMETERS = ("p", "cursor", "limit", "lang", "theme", "view", MORE, TAB)

# Facets of each list, in the order of the panel: parameter, title.
_PANELS: Final = {
    RepoType.MODEL: (
        ("pipeline_tag", _("Tasks")),
        ("library", _("Libraries")),
        ("language", _("Languages")),
        ("license", _("Licences")),
        ("apps", _("Local programs")),
        ("dataset", _("Trained on")),
        ("other", _("Other tags")),
    ),
    RepoType.DATASET: (
        ("task_categories", _("Tasks")),
        ("modality", _("Modalities")),
        ("size_categories", _("Size")),
        ("format", _("Formats")),
        ("language", _("Languages")),
        ("license", _("Licences")),
        ("library", _("Libraries")),
        ("other", _("Other tags")),
    ),
    RepoType.SPACE: (
        ("sdk", _("SDK")),
        ("pipeline_tag", _("Tasks")),
        ("language", _("Languages")),
        ("license", _("Licences")),
        ("other", _("Other tags")),
    ),
}
_APPS: Final = {
    "llama.cpp": "llama.cpp", "ollama": "Ollama", "lmstudio": "LM Studio", "vllm": "vLLM", "jan": "Jan", "mlx-lm": "MLX LM",
    "sglang": "SGLang", "docker-model-runner": "Docker Model Runner", "unsloth": "Unsloth", "tgi": "Text Generation Inference",
    "drawthings": "Draw Things",
}  # fmt: skip
"""Those of `search.apps` that most people know, by their own names."""
_PARAMETER_OF = {RepoType.SPACE: {"pipeline_tag": "other"}}

_SHOWN_ALWAYS = 6

_SORTS: Final = {
    "trending": _("Trending"),
    "downloads": _("Most downloads"),
    "likes": _("Most likes"),
    "created": _("Recently created"),
    "modified": _("Recently updated"),
    "relevance": _("Best match"),
    "most_params": _("Most parameters"),
    "least_params": _("Fewest parameters"),
    "most_rows": _("Most rows"),
}
_SORTS_OF = {
    RepoType.MODEL: ("trending", "downloads", "likes", "created", "modified", "most_params", "least_params"),
    RepoType.DATASET: ("trending", "downloads", "likes", "created", "modified", "most_rows"),
    RepoType.SPACE: ("trending", "likes", "created", "modified"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One link of the panel."""

    label: str
    href: str
    count: int | None
    is_active: bool


@dataclass(frozen=True, slots=True)
class Group:
    """One facet: `first` are always shown; `rest` are `rest_count` more, which the page at `rest_href` has."""

    name: str
    title: str
    first: list[Choice]
    rest: list[Choice]
    rest_count: int
    rest_href: str


@dataclass(frozen=True, slots=True)
class Chip:
    """A condition that holds now; `href` is the list without it."""

    label: str
    href: str


class Filters:
    """The conditions of one address."""

    def __init__(self, repo_type: RepoType, path: str, parameters: Mapping[str, Sequence[str]]) -> None:
        self.type = repo_type
        self._path = path
        self.words = "text" if "text" in parameters else "search"
        """The parameter of what is typed: words of names, or of cards too."""
        self._pairs = [
            (name, value)
            for name, values in parameters.items()
            if name not in _PAGE_PARAMETERS
            for value in values
            if value.strip()
        ]

        self._opened = next(iter(parameters.get(MORE, ())), "")
        asked = next(iter(parameters.get(TAB, ())), "")
        self.tab = asked if asked in dict(_PANELS[repo_type]) else ""
        self._page = [("p", number) for number in parameters.get("p", ())]
        self._begun: dict[str | None, str] = {}

    def pairs(self, *but: str) -> list[tuple[str, str]]:
        """Without the parameters `but`."""
        return [(name, value) for name, value in self._pairs if name not in but]

    def sent_along(self, *but: str) -> list[tuple[str, str]]:
        """What a form has to send along: these, and which tab is shown."""
        return [*self.pairs(*but), *self._tab_pair]

    @property
    def _tab_pair(self) -> list[tuple[str, str]]:
        return [(TAB, self.tab)] if self.tab else []

    def address(self, pairs: Sequence[tuple[str, str]]) -> str:
        return _written(self._path, [*pairs, *self._tab_pair])

    def toggled(self, name: str, value: str) -> str:
        """With the condition, or without it when it holds."""
        pair = (name, value)
        if pair in self._pairs:
            return self.address([other for other in self._pairs if other != pair])
        single = name in ("pipeline_tag", "num_parameters", "num_rows", "sort", "gated", "inference")
        return f"{self._with_others(name if single else None)}{quote_plus(name)}={quote_plus(value)}"

    def _with_others(self, name: str | None) -> str:
        """The address without the parameter `name`, to be followed by another. A panel has hundreds of links."""
        found = self._begun.get(name)
        if found is None:
            others = self._pairs if name is None else self.pairs(name)
            begun = self.address(others)
            found = self._begun[name] = f"{begun}{'&' if '?' in begun else '?'}"
        return found

    @property
    def with_other_words(self) -> str:
        """The same, typed words included, looked for in the other place."""
        other = "search" if self.words == "text" else "text"
        typed = self.last(self.words) or self.last("q")
        return self.address([*self.pairs("search", "q", "text"), (other, typed)])

    def is_active(self, name: str, value: str) -> bool:
        return (name, value) in self._pairs

    def last(self, name: str) -> str:
        return next((value for other, value in reversed(self._pairs) if other == name), "")

    # --- what the panel shows ---

    def groups(self, facets: Facets) -> list[Group]:
        """Of the tab that is shown."""
        panel = [(facet, title) for facet, title in _PANELS[self.type] if self.tab in ("", facet)]
        return [self._group(facet, title, facets) for facet, title in panel if self._tags(facet, facets)]

    def _group(self, facet: str, title: str, facets: Facets) -> Group:
        """What holds now comes first, so that it is always shown."""
        parameter = _PARAMETER_OF.get(self.type, {}).get(facet, facet)
        tags = self._tags(facet, facets)
        tags.sort(key=lambda found: not self.is_active(parameter, _id(facet, found[0])))
        at_first = len(tags) if facet == self.tab else _SHOWN_ALWAYS
        shown = len(tags) if facet == self._opened else at_first
        choices = [self._choice(facet, parameter, tag, count) for tag, count in tags[:shown]]
        more = self.address([*self._pairs, *self._page, (MORE, facet)])
        return Group(facet, gettext(title), choices[:at_first], choices[at_first:], max(len(tags) - at_first, 0), more)

    @staticmethod
    def _tags(facet: str, facets: Facets) -> list[tuple[str, int | None]]:
        """With how many results each would have. No tag says which programs run a model: nobody counted those."""
        if facet == "apps":
            return [(app, None) for app in _APPS]
        return [*facets.get(facet, [])]

    def _choice(self, facet: str, parameter: str, tag: str, count: int | None) -> Choice:
        id_ = _id(facet, tag)
        label = _APPS[id_] if facet == "apps" else vocabulary.name_of(facet, id_)
        return Choice(label, self.toggled(parameter, id_), count, self.is_active(parameter, id_))

    def availability(self) -> list[Choice]:
        """Whether this hub answers for a model."""
        if self.type is not RepoType.MODEL or self.tab:
            return []
        value = ("inference", "warm")
        return [Choice(gettext(_("Inference available")), self.toggled(*value), None, self.is_active(*value))]

    def sizes(self) -> Slider | None:
        """How many parameters a model has, or rows a dataset."""
        scale = sizes.OF.get(self.type)
        return sizes.slider(scale, self.last(scale.parameter)) if scale is not None else None

    # --- tabs: all groups with their first choices, or one with all of them ---

    def tabs(self, facets: Facets) -> list[Choice]:
        """Links; the first leads to all groups."""
        shown = [(facet, title) for facet, title in _PANELS[self.type] if self._tags(facet, facets)]
        choices = [self._tab_choice("", gettext(_("Main")))]
        return choices + [self._tab_choice(facet, gettext(title)) for facet, title in shown]

    def _tab_choice(self, facet: str, title: str) -> Choice:
        pairs = [*self._pairs, *self._page, *([(TAB, facet)] if facet else [])]
        return Choice(title, _written(self._path, pairs), None, facet == self.tab)

    def sorts(self) -> list[Choice]:
        names = _SORTS_OF[self.type]
        if self.last("search") or self.last("text"):
            names = ("relevance", *names)
        return [
            Choice(
                gettext(_SORTS[name]),
                self.address([*self.pairs("sort", "direction"), ("sort", name)]),
                None,
                name == self.sort,
            )
            for name in names
        ]

    @property
    def sort(self) -> str:
        """The order that holds: the one of the address, in the spelling of the pages."""
        given = self.last("sort") or "trending"
        spelled = {"trendingScore": "trending", "createdAt": "created", "lastModified": "modified"}.get(given, given)
        return spelled if spelled in _SORTS else "trending"

    @property
    def sort_label(self) -> str:
        return gettext(_SORTS[self.sort])

    def chips(self) -> list[Chip]:
        return [
            Chip(self._label(name, value), self.address([pair for pair in self._pairs if pair != (name, value)]))
            for name, value in self._pairs
            if name not in ("sort", "direction", "full", "expand")
        ]

    def _label(self, name: str, value: str) -> str:
        match name:
            case "search" | "q" | "text":
                return gettext(_("“%(words)s”")) % {"words": value}
            case "author":
                return gettext(_("of %(owner)s")) % {"owner": value}
            case "num_parameters":
                return sizes.range_label(value)
            case "num_rows":
                return gettext(_("%(range)s rows")) % {"range": sizes.range_label(value)}
            case "gated":
                return gettext(_("Gated")) if value == "true" else gettext(_("Not gated"))
            case "inference":
                return gettext(_("Inference available")) if value == "warm" else gettext(_("Without inference"))
            case "inference_provider":
                return gettext(_("Inference available")) if value in ("all", HERE) else value
            case "apps":
                return _APPS.get(value, value)
        return vocabulary.name_of(name, value.removeprefix(name + ":"))


def _written(path: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _id(facet: str, tag: str) -> str:
    return tag.removeprefix(facet + ":")
