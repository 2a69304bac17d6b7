"""Names as small frozen types: parsed at the edge, trusted everywhere else.

`RepoId`, `RepoType` and `EntryPath` refuse what must never be stored; a value of these types is a value that passed.
"""

import re
import unicodedata
from enum import StrEnum
from typing import NewType, Self

import msgspec

from pioche.errors import IllegalPath, InvalidName, InvalidReference

Oid = NewType("Oid", str)
"""A git object id: 40 lower-case hex digits."""

Sha256 = NewType("Sha256", str)
"""The sha256 of a large file: 64 lower-case hex digits; the LFS oid."""

NULL_OID = Oid("0" * 40)

DEFAULT_REF = "refs/heads/main"
"""The default branch, of every repo, as on the public Hub."""

HEX24 = re.compile(r"[0-9a-f]{24}\Z")
HEX40 = re.compile(r"[0-9a-f]{40}\Z")
HEX64 = re.compile(r"[0-9a-f]{64}\Z")
SHORT_REVISION = re.compile(r"[0-9a-f]{7,39}\Z")


def parse_sha256(text: str) -> Sha256:
    """Raises InvalidName unless `text` is 64 lower-case hex digits."""
    if not isinstance(text, str) or not HEX64.match(text):
        raise InvalidName(f"{str(text)[:80]!r} is not a sha256: 64 lower-case hex digits are expected")
    return Sha256(text)


class RepoType(StrEnum):
    """The kinds of repository. `plural` stands in API paths; `prefix` before the id in every other URL.

    A bucket has files and no history: what knows of revisions is about `VERSIONED` alone.
    """

    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"
    KERNEL = "kernel"
    BUCKET = "bucket"

    @property
    def plural(self) -> str:
        return self.value + "s"

    @property
    def prefix(self) -> str:
        return "" if self is RepoType.MODEL else self.plural + "/"

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Of a repo with revisions: `model`, `models`, and None (the clients leave the type out for models).

        Raises InvalidName.
        """
        name = (text or "model").removesuffix("s")
        if name not in VERSIONED:
            raise InvalidName(f"{str(text)[:40]!r} is not a repo type: use model, dataset, space or kernel")
        return cls(name)


VERSIONED = (RepoType.MODEL, RepoType.DATASET, RepoType.SPACE, RepoType.KERNEL)

LISTED = (RepoType.MODEL, RepoType.DATASET, RepoType.SPACE)
"""What people browse: lists, search, facts and counts are of these. Kernels are fetched by name, by libraries."""


# The first path segments that belong to the hub, now or as planned (architecture.md section 7).
RESERVED = frozenset(
    """
    about admin api app apps archive assets auth avatars blob blog buckets cas chat cdn collections community compare contact
    datasets device docs download embed endpoints enterprise error explore favicon.ico features feed files gradio-space
    healthz help hf-inference home hub index inference join jobs kernels learn login logout lfs
    main me metrics models new new-dataset new-model new-space none notifications null oauth organizations papers
    password pricing privacy profile raw readyz register resolve robots.txt root run search security settings
    shop signin signup sitemap.xml spaces static status storage subscribe support system tags tasks team teams
    telemetry terms tfhub tos tree undefined upload uploads user users v1 v2 v3 webhook webhooks .well-known well-known www xet
    """.split()
)

_ACCOUNT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,94}[A-Za-z0-9_])?\Z")
_REPO = re.compile(r"[A-Za-z0-9_.-]{1,96}\Z")


def parse_account_name(text: str) -> str:
    """A user's or organisation's name: letters, digits, `-`, `_`; no dot (as in Ollama); not reserved."""
    if not isinstance(text, str) or not _ACCOUNT.match(text) or "--" in text:
        raise InvalidName(
            f"Invalid name {str(text)[:100]!r}: use 1 to 96 letters, digits, '-' and '_'; no '--', no '-' at either end"
        )
    if text.lower() in RESERVED:
        raise InvalidName(f"The name {text!r} is reserved: choose another one")
    return text


def parse_repo_name(text: str) -> str:
    """The part after the slash; the rules are those of huggingface_hub's `validate_repo_id`."""
    if not isinstance(text, str) or not _REPO.match(text):
        raise InvalidName(f"Invalid repo name {str(text)[:100]!r}: use 1 to 96 letters, digits, '-', '_' and '.'")
    if "--" in text or ".." in text or text[0] in "-." or text[-1] in "-.":
        raise InvalidName(f"Invalid repo name {text!r}: no '--' or '..' in it, no '-' or '.' at either end")
    if text.lower().endswith((".git", ".ipynb")):
        raise InvalidName(f"Invalid repo name {text!r}: it cannot end in .git or .ipynb")
    return text


class RepoId(msgspec.Struct, frozen=True):
    """`type` and full name. `namespace` is empty for a legacy id such as `gpt2`, which only ever names an alias."""

    type: RepoType
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def key(self) -> str:
        """What uniqueness is decided on: names are case-insensitive."""
        return str(self).lower()

    @property
    def web_path(self) -> str:
        """`/ns/name`, `/datasets/ns/name` ..."""
        return f"/{self.type.prefix}{self}"

    @classmethod
    def parse(cls, type: RepoType, text: str) -> Self:
        """From `ns/name` or a legacy `name`. Raises InvalidName."""
        namespace, _, name = text.rpartition("/")
        if namespace:
            parse_account_name(namespace)
        return cls(type, namespace, parse_repo_name(name))


# --- paths inside a repo --------------------------------------------------------------------------------------------

EntryPath = NewType("EntryPath", str)
"""A file's path inside a repo: relative, `/`-separated, fit to be written by every client's git."""

PATH_BYTES_MAX = 4096
_SEGMENT_BYTES_MAX = 255
# Code points that HFS+ ignores when it compares names: `.g<ZWJ>it` is `.git` there (git's `is_hfs_dotgit`).
_HFS_IGNORED = dict.fromkeys([*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF])


def parse_path(text: str, *, backslashes: bool = False) -> EntryPath:
    """Raises IllegalPath, naming the reason, for what could hurt the one who checks it out (reliability.md D-PATH).

    `backslashes` is the setting backslash_names: a name with one is stored, unless it begins by climbing out.
    """
    reason = _path_fault(text, backslashes=backslashes)
    if reason:
        raise IllegalPath(text[:200], reason)
    return EntryPath(text)


def _path_fault(text: str, *, backslashes: bool) -> str | None:
    if not text:
        return "it is empty"
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return "it is not valid UTF-8"
    if len(encoded) > PATH_BYTES_MAX:
        return f"it is longer than {PATH_BYTES_MAX} bytes"
    if text.startswith("/"):
        return "it must be relative"
    if "\\" in text and (not backslashes or text.startswith(("\\", "..\\"))):
        return "it contains a backslash"
    if any(unicodedata.category(c) == "Cc" or c in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068" for c in text):
        return "it contains a control character"
    for segment in text.split("/"):
        if reason := _segment_fault(segment):
            return reason
    return None


def _segment_fault(segment: str) -> str | None:
    if not segment:
        return "it has an empty segment ('//' or a '/' at the end)"
    if segment in (".", ".."):
        return f"it contains a {segment!r} segment"
    if len(segment.encode()) > _SEGMENT_BYTES_MAX:
        return f"a segment is longer than {_SEGMENT_BYTES_MAX} bytes"
    if is_dot_git(segment):
        return "it names git's own directory"
    return None


def is_dot_git(segment: str) -> bool:
    """True for every spelling that some file system takes for `.git` (case, NTFS short name and stream, HFS+)."""
    folded = segment.translate(_HFS_IGNORED).lower()
    stem = folded.split(":", 1)[0].rstrip(". ")
    return stem == ".git" or stem == "git~1"


# --- refs -----------------------------------------------------------------------------------------------------------

_REF_BYTES_MAX = 200  # a client's git keeps it as a file name
_REF_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock(?:/|\Z)|/\.|\.(?:/|\Z)|[\ud800-\udfff]")


def parse_ref_part(text: str, *, what: str) -> str:
    """A branch or tag name by git's rules (`git check-ref-format`), and none that looks like a flag or a full ref."""
    plain = isinstance(text, str) and 0 < len(text.encode(errors="replace")) <= _REF_BYTES_MAX
    if not plain or _REF_FORBIDDEN.search(text) or text[0] in "-./" or text[-1] in "/." or text in ("@", "HEAD"):
        raise InvalidReference(f"Invalid reference for a {what}: {str(text)[:100]!r}")
    if text.startswith("refs/") or HEX40.match(text):
        raise InvalidReference(f"Invalid reference for a {what}: {text[:100]!r}")
    return text


def full_ref(revision: str) -> list[str]:
    """The refs that a revision may mean, in order: as given when it is a full ref, else branch, then tag."""
    if revision == "HEAD":
        return [DEFAULT_REF]
    if revision.startswith("refs/"):
        return [revision]
    return [f"refs/heads/{revision}", f"refs/tags/{revision}"]
