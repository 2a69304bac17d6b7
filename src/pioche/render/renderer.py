"""The way in: what is asked for comes from the cache, from a worker, or plainly when neither will do.

Every function may take a second and belongs in a thread; none of them fails for what the source is.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from pioche.render.cache import Cache
from pioche.render.escaping import decode, escape_code
from pioche.render.highlighting import plain
from pioche.render.jobs import (
    CodeJob,
    CommentJob,
    DiffJob,
    FoldJob,
    Job,
    Links,
    MarkdownJob,
    Mentions,
    NotebookJob,
    TableJob,
)
from pioche.render.pictures import Picture, PictureJob, PosterJob
from pioche.render.pool import PAINTS, Fetch, JobFailed, Pool, PoolBusy
from pioche.render.results import Code, Diff, Folded, Markdown, Notebook, Problem, Table

R = TypeVar("R", bound=msgspec.Struct)

VERSION: Final = 3
"""Goes up with every change of what is rendered: what was kept before is then forgotten."""

MARKDOWN_BYTES_MAX: Final = 2**20
CODE_BYTES_MAX: Final = 512 * 2**10
NOTEBOOK_BYTES_MAX: Final = 16 * 2**20
TABLE_BYTES_MAX: Final = 8 * 2**20
FOLDED_BYTES_MAX: Final = 512 * 2**10
DIFF_BYTES_MAX: Final = 4 * 2**20
_PLAIN_BYTES_MAX = 2 * 2**20
_ROWS_MAX = 200
_PICTURE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to render: `id` names them for good (a blob's oid, a sha256), `load` is called only when they are needed."""

    id: str
    load: Callable[[], bytes]

    @classmethod
    def of(cls, data: bytes) -> "Source":
        return cls(hashlib.sha256(data).hexdigest(), lambda: data)

    @classmethod
    def empty(cls) -> "Source":
        """For the side of a diff where there is no file."""
        return cls("", bytes)


class Renderer:
    """One for a process of the hub. `parser` is the program (a module that calls `bounded.serve`) of the workers that `parse`
    asks; they are others than those that render."""

    def __init__(self, folder: Path, *, cache_bytes_max: int, workers: int, parser: str = "") -> None:
        self._cache = Cache(folder, cache_bytes_max)
        self._pool = Pool(workers)
        self._parsers = Pool(workers, parser)
        self._painters = Pool(1, PAINTS)

    def close(self) -> None:
        """Ends the workers."""
        self._pool.close()
        self._parsers.close()
        self._painters.close()

    def worker_ids(self) -> list[int]:
        """The processes that there are now."""
        return sorted(id_ for pool in (self._pool, self._parsers, self._painters) for id_ in pool.worker_ids())

    def parse(self, source_id: str, job: msgspec.Struct, shape: type[R], fetch: Fetch, seconds: int) -> R | Problem:
        """What a parser makes of the file that `source_id` names for good, reading parts of it through `fetch`. The same job
        over the same file has the same result, which is kept."""
        key = _key(type(job).__name__, source_id, job)
        known = self._cache.find(key)
        if known is not None:
            return _FAILED.get(known) or msgspec.msgpack.decode(known, type=shape)
        return self._work(self._parsers, key, job, shape, seconds, fetch)

    def poster(self, job: PosterJob) -> Picture | Problem:
        """The picture that stands for a repo."""
        key = _key("poster", job)
        known = self._cache.find(key)
        if known is not None:
            return _FAILED.get(known) or msgspec.msgpack.decode(known, type=Picture)
        return self._work(self._painters, key, job, Picture, seconds=4)

    def remade(self, job: PictureJob) -> Picture | Problem:
        """A picture that somebody sent, written anew; it is not kept here."""
        try:
            return msgspec.msgpack.decode(self._painters.run(job, seconds=_PICTURE_SECONDS), type=Picture)
        except JobFailed:
            return Problem.TOO_COSTLY
        except PoolBusy:
            return Problem.BUSY

    def markdown(self, source: Source, links: Links) -> Markdown:
        """A card or any markdown file, without its metadata block; relative addresses lead to where `links` says."""

        def job() -> Job | None:
            data = source.load()
            return MarkdownJob(data, links) if len(data) <= MARKDOWN_BYTES_MAX else None

        def shown(problem: Problem) -> Markdown:
            return Markdown(_preformatted(source.load()), problem=problem)

        return self._render(Markdown, _key("markdown", source.id, links), job, shown, seconds=2)

    def comment(self, text: str, links: Links, mentions: Mentions) -> Markdown:
        """What somebody said in a discussion; no part of it has an id."""

        def shown(problem: Problem) -> Markdown:
            return Markdown(_preformatted(text.encode()), problem=problem)

        # The whole text is in the key: it is short, and hashed once.
        key = _key("comment", text, links, mentions)
        return self._render(Markdown, key, lambda: CommentJob(text, links, mentions), shown, seconds=2)

    def code(self, source: Source, name: str) -> Code:
        """A text file by its name, line by line."""

        def job() -> Job | None:
            data = source.load()
            return CodeJob(data, name) if len(data) <= CODE_BYTES_MAX else None

        def shown(problem: Problem) -> Code:
            return msgspec.structs.replace(plain(decode(source.load())), problem=problem)

        return self._render(Code, _key("code", source.id, name), job, shown, seconds=4)

    def notebook(self, source: Source, links: Links) -> Notebook:
        """A Jupyter notebook with its outputs; nothing of it runs."""

        def job() -> Job | None:
            data = source.load()
            return NotebookJob(data, links) if len(data) <= NOTEBOOK_BYTES_MAX else None

        def shown(problem: Problem) -> Notebook:
            return Notebook("", problem=problem)

        return self._render(Notebook, _key("notebook", source.id, links), job, shown, seconds=6)

    def table(self, source: Source, name: str, *, is_whole: bool = True, rows_max: int = _ROWS_MAX) -> Table:
        """The first rows of a `.csv`, `.tsv`, `.json`, `.jsonl` or `.ndjson`; `source` may be the file's beginning only."""

        def job() -> Job | None:
            data = source.load()
            return TableJob(data, name, is_whole, rows_max) if len(data) <= TABLE_BYTES_MAX else None

        def shown(problem: Problem) -> Table:
            return Table([], [], problem=problem)

        key = _key("table", source.id, name.rpartition(".")[2], is_whole, rows_max)
        return self._render(Table, key, job, shown, seconds=2)

    def folded(self, source: Source) -> Folded:
        """JSON as a tree that folds."""

        def job() -> Job | None:
            data = source.load()
            return FoldJob(data) if len(data) <= FOLDED_BYTES_MAX else None

        def shown(problem: Problem) -> Folded:
            return Folded("", problem=problem)

        return self._render(Folded, _key("fold", source.id), job, shown, seconds=2)

    def diff(self, old: Source, new: Source, *, context: int = 3, ignores_space: bool = False) -> Diff:
        """What changed between two texts, in hunks with `context` lines around each."""

        def job() -> Job | None:
            before, after = old.load(), new.load()
            is_small = len(before) + len(after) <= DIFF_BYTES_MAX
            return DiffJob(before, after, context, ignores_space) if is_small else None

        def shown(problem: Problem) -> Diff:
            return Diff([], problem=problem)

        return self._render(Diff, _key("diff", old.id, new.id, context, ignores_space), job, shown, seconds=4)

    def _render(
        self,
        shape: type[R],
        key: str,
        job: Callable[[], Job | None],
        shown: Callable[[Problem], R],
        *,
        seconds: int,
    ) -> R:
        """`job` is None for what is too large; `shown` gives what is shown when there is a problem."""
        known = self._cache.find(key)
        if known is not None:
            problem = _FAILED.get(known)
            return shown(problem) if problem else msgspec.msgpack.decode(known, type=shape)
        asked = job()
        if asked is None:
            return shown(Problem.TOO_LARGE)
        done = self._work(self._pool, key, asked, shape, seconds)
        return shown(done) if isinstance(done, Problem) else done

    def _work(
        self, pool: Pool, key: str, job: msgspec.Struct, shape: type[R], seconds: int, fetch: Fetch | None = None
    ) -> R | Problem:
        try:
            data = pool.run(job, seconds=seconds, fetch=fetch)
        except JobFailed:
            # Kept like a result: a bomb is tried once.
            self._cache.keep(key, b"too_costly")
            return Problem.TOO_COSTLY
        except PoolBusy:
            return Problem.BUSY
        self._cache.keep(key, data)
        return msgspec.msgpack.decode(data, type=shape)


_FAILED = {b"too_costly": Problem.TOO_COSTLY}


def _key(*parts: object) -> str:
    return hashlib.sha256(msgspec.msgpack.encode((VERSION, parts))).hexdigest()


def _preformatted(data: bytes) -> str:
    return f'<pre class="md-plain">{escape_code(decode(data[:_PLAIN_BYTES_MAX]))}</pre>'
