"""What a worker is asked: one small struct a kind, all of it data."""

import msgspec


class Links(msgspec.Struct, frozen=True):
    """Where the relative addresses in a file lead.

    `repo` is the repo's path on this host (`/ada/model`, `/datasets/ada/set`), `revision` as addresses have it (a slash in a
    branch's name is `%2F`), `path` the file in the repo. `host` is this hub's public address: links to it are kept as paths.
    """

    repo: str
    revision: str
    path: str = "README.md"
    host: str = ""


class Mentions(msgspec.Struct, frozen=True):
    """What a comment speaks of: the `people` (as they are spelled, to the path of their page) and the discussions of its repo
    (`numbers`) that become links. Whatever else looks like one stays text."""

    people: dict[str, str] = {}
    numbers: tuple[int, ...] = ()


class MarkdownJob(msgspec.Struct, frozen=True, tag="markdown"):
    source: bytes
    links: Links


class CommentJob(msgspec.Struct, frozen=True, tag="comment"):
    source: str
    links: Links
    mentions: Mentions


class CodeJob(msgspec.Struct, frozen=True, tag="code"):
    source: bytes
    name: str


class NotebookJob(msgspec.Struct, frozen=True, tag="notebook"):
    source: bytes
    links: Links


class TableJob(msgspec.Struct, frozen=True, tag="table"):
    """`is_whole`: `source` is all of the file, not only its beginning."""

    source: bytes
    name: str
    is_whole: bool
    rows_max: int


class FoldJob(msgspec.Struct, frozen=True, tag="fold"):
    """JSON."""

    source: bytes


class DiffJob(msgspec.Struct, frozen=True, tag="diff"):
    old: bytes
    new: bytes
    context: int
    ignores_space: bool


Job = MarkdownJob | CommentJob | CodeJob | NotebookJob | TableJob | FoldJob | DiffJob
