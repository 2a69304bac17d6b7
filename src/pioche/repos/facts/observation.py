"""What is noticed of a repo's files, a commit at a time: kept beside the facts, so that a commit adds only what it changed.

`notice` reads git before the transaction; `Observed.apply` runs in it and reads nothing. A commit that touches nothing of
interest costs a look at the names of its files.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from pioche.git.objects import MODE_GITLINK, TreeEntry
from pioche.git.reading import Change
from pioche.names import Oid, RepoType
from pioche.repos import cards
from pioche.repos.facts import documents, evaluation, kinds, readme

Json = dict[str, Any]
_Value = TypeVar("_Value")

_LARGE = ("safetensors", "gguf")
_RESULTS = "evaluation"
_WEIGHTS_MAX = 1_000
"""With more files of weights no header is read: it is a collection, and its row would be too large for every commit."""
_EVALUATIONS_MAX = 100
_HEADERS_MAX = 500
_PICKLES = "scannable"
_PICKLES_MAX = 1_000
PICKLED = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".bin", ".pt2")
"""Of files that may be pickles; which of them are, their bytes say."""
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf\Z")


class Readme(msgspec.Struct, omit_defaults=True):
    """What the text of the README tells; its metadata are in `Observed.card`."""

    warnings: list[str] = []
    lines: dict[str, int] = {}
    summary: str = ""
    citation: str = ""
    words: int = 0
    has_code: bool = False
    headings: list[str] = []
    arxiv: list[str] = []


class Seen(msgspec.Struct, omit_defaults=True):
    """The header of one file of weights: `oid` is the git blob it was read for, `info` what its format tells beside."""

    oid: str
    parameters: dict[str, int] = {}
    info: Json = {}
    error: str = ""


class Scan(msgspec.Struct, omit_defaults=True):
    """What a file would import when it is loaded, and what of that can run commands: `oid` is the git blob it was read for.

    `imports` is None of what an older version read: it is read again when something else is written.
    """

    oid: str
    dangerous: list[str] = []
    imports: list[str] | None = None


class Observed(msgspec.Struct, omit_defaults=True):
    """All that facts are derived from. `weights` are the files whose headers ought to be known, `pickles` those whose
    imports ought to be, both with their git blobs."""

    card: Json = {}
    readme: Readme | None = None
    files: dict[str, int] = {}
    documents: dict[str, Json] = {}
    evaluations: dict[str, list[Json]] = {}
    weights: dict[str, str] = {}
    headers: dict[str, Seen] = {}
    pickles: dict[str, str] = {}
    scans: dict[str, Scan] = {}

    def apply(self, noticed: "Noticed") -> None:
        """Adds what a commit changed."""
        if noticed.card is not None:
            self.card, self.readme = noticed.card
        files = Counter(self.files)
        files.update(noticed.files)
        self.files = {kind: count for kind, count in sorted(files.items()) if count > 0}
        self.documents = _changed(self.documents, noticed.documents)
        self.evaluations = _changed(self.evaluations, noticed.evaluations) if self._results <= _EVALUATIONS_MAX else {}
        self.weights = _changed(self.weights, noticed.weights) if self._weights <= _WEIGHTS_MAX else {}
        self.headers = {path: seen for path, seen in self.headers.items() if self.weights.get(path) == seen.oid}
        self.pickles = _changed(self.pickles, noticed.pickles) if self._pickles <= _PICKLES_MAX else {}
        self.scans = {path: scan for path, scan in self.scans.items() if self.pickles.get(path) == scan.oid}

    @property
    def _weights(self) -> int:
        return sum(self.files.get(kind, 0) for kind in _LARGE)

    @property
    def _results(self) -> int:
        return self.files.get(_RESULTS, 0)

    @property
    def _pickles(self) -> int:
        return self.files.get(_PICKLES, 0)

    @property
    def is_torn(self) -> bool:
        """There were too many files to keep track of, and now there are not: all have to be looked at again."""
        weights = self._weights <= _WEIGHTS_MAX and self._weights != len(self.weights)
        pickles = self._pickles <= _PICKLES_MAX and self._pickles != len(self.pickles)
        return weights or pickles or (self._results <= _EVALUATIONS_MAX and self._results != len(self.evaluations))

    @property
    def unread(self) -> list[str]:
        """The files of weights whose headers are wanted and were not read yet. Of several GGUF files, which are one model in
        several precisions, one is enough, with all its parts."""
        wanted = [path for path in self.weights if path.lower().endswith(".safetensors")]
        wanted += _one_set(sorted(self.weights.keys() - set(wanted)))
        return sorted(path for path in wanted[:_HEADERS_MAX] if path not in self.headers)

    @property
    def unscanned(self) -> list[str]:
        """The files whose imports are wanted and were not read yet."""
        return [path for path in self.pickles if path not in self.scans or self.scans[path].imports is None]


def _changed(known: dict[str, _Value], changes: Mapping[str, _Value | None]) -> dict[str, _Value]:
    """In the order of the paths, whatever the order of the commits; None is a file that is gone."""
    if not changes:
        return known
    found = {**known, **changes}
    return {path: value for path, value in sorted(found.items()) if value is not None}


def _one_set(paths: list[str]) -> list[str]:
    """The first file and its parts; one that holds the eyes of a model (mmproj) only when there is nothing else."""
    first = min(paths, key=lambda path: ("mmproj" in path.lower(), path), default="")
    return [path for path in paths if _PART.sub("", path) == _PART.sub("", first)]


class Noticed(msgspec.Struct):
    """What one change of the tip means. `is_whole`: it is all of the tip, and what was known before is forgotten.

    None as a value: the file is gone.
    """

    is_whole: bool = False
    card: tuple[Json, Readme | None] | None = None
    files: dict[str, int] = {}
    documents: dict[str, Json | None] = {}
    evaluations: dict[str, list[Json] | None] = {}
    weights: dict[str, str | None] = {}
    pickles: dict[str, str | None] = {}

    @property
    def is_empty(self) -> bool:
        return not (self.is_whole or self.says_something)

    @property
    def says_something(self) -> bool:
        return bool(self.card or self.files or self.documents or self.evaluations or self.weights or self.pickles)


def notice(repo_type: RepoType, changes: Iterable[Change], blob: Callable[[Oid], bytes], *, is_whole: bool) -> Noticed:
    """What the changes mean; `blob` reads the few small files that matter."""
    found, counts, results = Noticed(is_whole), Counter[str](), list[Change]()
    for change in changes:
        path = change.path
        kind = kinds.of(path, repo_type)
        if kind is not None:
            counts[kind] += _difference(change)
            if kind in _LARGE and repo_type is RepoType.MODEL:
                found.weights[path] = change.new.oid if change.new is not None else None
        if path.lower().endswith(PICKLED):
            counts[_PICKLES] += _difference(change)
            found.pickles[path] = change.new.oid if change.new is not None else None
        if path == "README.md":
            found.card = _card(_text(change.new, blob))
        elif path in documents.PATHS:
            text = _text(change.new, blob)
            found.documents[path] = None if text is None else documents.read(path, text)
        elif evaluation.is_result(path):
            results.append(change)
            counts[_RESULTS] += _difference(change)
    if sum(change.new is not None for change in results) <= _EVALUATIONS_MAX:  # else nobody will ask for them
        found.evaluations = {change.path: _results(change, blob) for change in results}
    found.files = {kind: count for kind, count in counts.items() if count}
    return found


def _results(change: Change, blob: Callable[[Oid], bytes]) -> list[Json] | None:
    text = _text(change.new, blob)
    return None if text is None else evaluation.read(change.path, text)


def notice_readme(text: bytes) -> Noticed:
    """Of a new repo that has nothing else of interest."""
    return Noticed(is_whole=True, card=_card(text))


def _difference(change: Change) -> int:
    return (change.new is not None) - (change.old is not None)


def _text(entry: TreeEntry | None, blob: Callable[[Oid], bytes]) -> bytes | None:
    return None if entry is None or entry.mode == MODE_GITLINK else blob(entry.oid)


def _card(text: bytes | None) -> tuple[Json, Readme | None]:
    if text is None:
        return {}, None
    card = cards.read(text)
    body = readme.read(text)
    return card.data, Readme(card.warnings, card.lines, *body)
