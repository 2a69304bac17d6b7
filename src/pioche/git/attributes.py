"""Which files belong to LFS (.gitattributes) and which the uploader wants left out (.gitignore).

Git's rules: `gitattributes(5)`, `gitignore(5)`. Only the file at the root of a repo counts, as on the public Hub.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pioche.git.globs import PathPattern
from pioche.names import RepoType

RULES_MAX = 10_000
"""Rules past this many are not looked at: every path is tried against every rule."""

_LINE_CHARS_MAX = 2048  # git ignores longer lines (attr.h, ATTR_MAX_LINE_LENGTH)
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"')
_ESCAPE = re.compile(rb"\\([0-3][0-7]{2}|.)", re.DOTALL)
_CONTROL = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}

_LFS = " filter=lfs diff=lfs merge=lfs -text\n"
_MODEL_PATTERNS = """
*.7z *.arrow *.bin *.bz2 *.ckpt *.ftz *.gz *.h5 *.joblib *.lfs.* *.mlmodel *.model *.msgpack *.npy *.npz *.onnx *.ot
*.parquet *.pb *.pickle *.pkl *.pt *.pth *.rar *.safetensors saved_model/**/* *.tar.* *.tar *.tflite *.tgz *.wasm *.xz
*.zip *.zst *tfevents*
""".split()
_DATASET_PATTERNS = """
*.7z *.arrow *.avro *.bin *.bz2 *.ckpt *.ftz *.gz *.h5 *.joblib *.lfs.* *.lz4 *.mds *.mlmodel *.model *.msgpack *.npy
*.npz *.onnx *.ot *.parquet *.pb *.pickle *.pkl *.pt *.pth *.rar *.safetensors saved_model/**/* *.tar.* *.tar *.tflite
*.tgz *.wasm *.xz *.zip *.zst *tfevents*
""".split()
_MEDIA = {
    "Audio files - uncompressed": "*.pcm *.sam *.raw",
    "Audio files - compressed": "*.aac *.flac *.mp3 *.ogg *.wav",
    "Image files - uncompressed": "*.bmp *.gif *.png *.tiff",
    "Image files - compressed": "*.jpg *.jpeg *.webp",
    "Video files - compressed": "*.mp4 *.webm",
}

DEFAULT_GITATTRIBUTES = "".join(pattern + _LFS for pattern in _MODEL_PATTERNS)
"""What the public Hub puts into new models and Spaces."""

DATASET_GITATTRIBUTES = "".join(pattern + _LFS for pattern in _DATASET_PATTERNS) + "".join(
    f"# {title}\n" + "".join(pattern + _LFS for pattern in patterns.split()) for title, patterns in _MEDIA.items()
)
"""What the public Hub puts into new datasets: audio, images and video go to LFS too."""


def default_gitattributes(type: RepoType) -> str:
    return DATASET_GITATTRIBUTES if type is RepoType.DATASET else DEFAULT_GITATTRIBUTES


# --- .gitattributes --------------------------------------------------------------------------------------------------


class _Rule(NamedTuple):
    pattern: PathPattern
    lfs: bool


def lfs_matcher(text: str) -> Callable[[str], bool]:
    """A test for paths: does this .gitattributes send the file to LFS? The last line that speaks of `filter` wins."""
    rules = list(_attribute_rules(text))[:RULES_MAX]
    rules.reverse()

    def matches(path: str) -> bool:
        segments = path.split("/")
        return next((rule.lfs for rule in rules if rule.pattern.matches(segments)), False)

    return matches


def _attribute_rules(text: str) -> Iterator[_Rule]:
    macros: dict[str, bool] = {}
    for line in text.removeprefix("\ufeff").splitlines():
        pattern, attributes = _split(line)
        lfs = _filter_of(attributes, macros)
        if lfs is None or not pattern or pattern.startswith("!"):
            continue
        if pattern.startswith("[attr]"):
            macros[pattern.removeprefix("[attr]")] = lfs
        elif not pattern.endswith("/"):  # such a pattern means a folder, and attributes belong to files
            yield _Rule(PathPattern(pattern), lfs)


def _split(line: str) -> tuple[str, list[str]]:
    line = line.strip(" \t\r")
    if not line or line.startswith("#") or len(line) > _LINE_CHARS_MAX:
        return "", []
    quoted = _QUOTED.match(line)
    if quoted:
        return unquote(quoted[1]), line[quoted.end() :].split()
    pattern, *attributes = line.split()
    return pattern, attributes


def unquote(text: str) -> str:
    """What stands inside git's quotes: C-style; octal escapes are bytes, so the result is put together as bytes."""

    def plain(match: re.Match[bytes]) -> bytes:
        return bytes([int(match[1], 8)]) if len(match[1]) == 3 else _CONTROL.get(match[1], match[1])

    return _ESCAPE.sub(plain, text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _filter_of(attributes: list[str], macros: dict[str, bool]) -> bool | None:
    """What a line says of the attribute `filter`: LFS, not LFS, or nothing."""
    says: bool | None = None
    for attribute in attributes:
        if attribute.lstrip("-!").partition("=")[0] == "filter":
            says = attribute == "filter=lfs"
        elif attribute in macros:
            says = macros[attribute]
    return says


# --- .gitignore ------------------------------------------------------------------------------------------------------


class _Ignore(NamedTuple):
    pattern: PathPattern
    ignored: bool


def ignore_matcher(text: str) -> Callable[[str], bool]:
    """A test for file paths: does this .gitignore leave the file out? What lies in an ignored folder stays out."""
    rules = [rule for line in text.removeprefix("\ufeff").splitlines() if (rule := _ignore_rule(line))][:RULES_MAX]
    rules.reverse()

    def matches(path: str) -> bool:
        segments = path.split("/")
        return any(_ignored(rules, segments[:depth], depth < len(segments)) for depth in range(1, len(segments) + 1))

    return matches


def _ignored(rules: list[_Ignore], segments: list[str], is_folder: bool) -> bool:
    for rule in rules:
        if (is_folder or not rule.pattern.folders_only) and rule.pattern.matches(segments):
            return rule.ignored
    return False


def _ignore_rule(line: str) -> _Ignore | None:
    """A blank at the end counts only after a backslash; `\\#` and `\\!` begin a plain name."""
    line = re.sub(r"(?<!\\)[ \t\r]+\Z", "", line)
    if not line or line.startswith("#"):
        return None
    negated = line.startswith("!")
    pattern = line.removeprefix("!") if negated else line
    return _Ignore(PathPattern(pattern), not negated) if pattern.strip("/") else None
