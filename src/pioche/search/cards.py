"""The words of cards, in an index on disk (tantivy) that can be thrown away at any time.

A card answers when each word occurs in its name, tags or text: as written, or with the same stem in English or French, with or
without accents. Misspelt words are looked for by edit distance. How often a word occurs anywhere does not matter: such
figures would tell about cards that the caller may not read (E-LEAK); the order of answers is the index's.
"""

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import tantivy
from pyroaring import BitMap

from pioche.search.plain import Scope
from pioche.search.query import fold
from pioche.search.spelling import tolerance

_HITS_MAX = 10_000
"""Of more, those that were downloaded most are taken."""
_WORDS_MAX = 16
_LONG = 64
_HEAP_BYTES = 30_000_000
_DOWNLOADS_MAX = 2**31 - 1

_FIELDS = ("about", "text", "en", "fr")
_STEMMED = ("en", "fr")
_TOKEN = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class CardText:
    """What is indexed of a repo. `about` is its name and tags."""

    id: int
    audience: int
    private: bool
    downloads: int
    about: str
    text: str


Piece = tuple[str, bool]
"""A part of a snippet, and whether it is what was looked for."""


class CardIndex:
    """In `folder`, which is this process's alone. `put`, `remove` and `commit` are for one thread."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        self._schema = _schema()
        self._index = tantivy.Index(self._schema, path=str(folder))
        self._analyzers = {"folded": _analyzer(), "en": _analyzer("english"), "fr": _analyzer("french")}
        for name, analyzer in self._analyzers.items():
            self._index.register_tokenizer(name, analyzer)
        self._writer = self._index.writer(_HEAP_BYTES, 1)
        self._lock = threading.Lock()

    # --- writing ---

    def put(self, card: CardText) -> None:
        """In place of what was there of the repo; found after `commit`."""
        self.remove(card.id)
        document = tantivy.Document()
        document.add_unsigned("id", card.id)
        document.add_unsigned("order", min(card.downloads, _DOWNLOADS_MAX) << 32 | card.id)
        document.add_text("scope", f"audience:{card.audience}" if card.private else "public")
        document.add_text("about", card.about)
        document.add_text("text", card.text)
        for language in _STEMMED:
            document.add_text(language, f"{card.about} {card.text}")
        if not card.text.isascii():
            document.add_text("fr", fold(card.text))
        self._writer.add_document(document)

    def remove(self, repo_id: int) -> None:
        # Not by the term, which tantivy 0.27 takes for a signed number: it removes nothing.
        self._writer.delete_documents_by_query(tantivy.Query.term_query(self._schema, "id", repo_id))

    def clear(self) -> None:
        self._writer.delete_all_documents()
        self.commit()

    def commit(self) -> None:
        """What was put and removed counts from now on, also after a crash."""
        self._writer.commit()
        self._index.reload()

    # --- reading ---

    def matching(self, scope: Scope, text: str, *, near: bool = False) -> BitMap:
        """The repos that have every word; `near`: or one that it may be a misspelling of. No words: none."""
        words = self.words(text)
        if not words:
            return BitMap()
        parts = [(tantivy.Occur.Must, self._word(word, near=near)) for word in words]
        if not scope.everything:
            parts.append((tantivy.Occur.Must, self._visible(scope)))
        found = self._index.searcher().search(
            tantivy.Query.boolean_query(parts), _HITS_MAX, count=False, order_by_field="order"
        )
        return BitMap(key & 0xFFFF_FFFF for key, _ in found.hits)

    def words(self, text: str) -> list[str]:
        """What is looked for: letters and digits, each word once."""
        return list(dict.fromkeys(word.casefold() for word in _TOKEN.findall(text[:1000]) if len(word) < _LONG))[
            :_WORDS_MAX
        ]

    def text(self, repo_id: int) -> str | None:
        """What was indexed of the card; None where there is none."""
        searcher = self._index.searcher()
        hits = searcher.search(tantivy.Query.term_query(self._schema, "id", repo_id), 1, count=False).hits
        return str(searcher.doc(hits[0][1])["text"][0]) if hits else None

    def snippet(self, text: str, words: list[str], *, letters: int = 240) -> list[Piece]:
        """The place in `text` that has most of the words, which are marked."""
        stems = {stem for word in words for stem in self._stems(word)}
        near = {word: tolerance(word) for word in words}
        starts = tuple({fold(word)[:2] for word in words})
        hits = [m.span() for m in _TOKEN.finditer(text) if self._is_hit(m[0], stems, starts, near)]
        if not hits:
            return [(text[:letters], False)] if text else []
        first = max(hits, key=lambda hit: sum(hit[0] <= other[0] < hit[0] + letters - 60 for other in hits))[0]
        begin = text.rfind(" ", 0, max(0, first - 60)) + 1 if first > 60 else 0
        return _pieces(text, begin, min(len(text), begin + letters), hits)

    def _is_hit(self, token: str, stems: set[str], starts: tuple[str, ...], near: dict[str, int]) -> bool:
        if not fold(token[:2]).startswith(starts):
            return False
        return not stems.isdisjoint(self._stems(token))

    def _stems(self, word: str) -> Iterable[str]:
        """As written without accents, and the stems; of the word with and without its accents."""
        for name, analyzer in self._analyzers.items():
            for form in {word, fold(word)}:
                for token in analyzer.analyze(form):
                    yield f"{name}:{token}"

    def _word(self, word: str, *, near: bool) -> tantivy.Query:
        """One word in any field."""
        forms = {(name, stem) for name, _, stem in (stem.partition(":") for stem in self._stems(word))}
        queries = list[tantivy.Query]()
        for name, stem in sorted(forms):
            for field in ("about", "text") if name == "folded" else (name,):
                queries.append(tantivy.Query.term_query(self._schema, field, stem, "basic"))
        errors = tolerance(word)
        if near and errors:
            for field in ("about", "text"):
                queries.append(
                    tantivy.Query.fuzzy_term_query(
                        self._schema, field, fold(word), distance=errors, transposition_cost_one=True
                    )
                )
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])

    def _visible(self, scope: Scope) -> tantivy.Query:
        names = ["public", *(f"audience:{number}" for number in sorted(scope.audiences))]
        shown = tantivy.Query.term_set_query(self._schema, "scope", names)
        if not scope.repos:
            return shown
        named = tantivy.Query.term_set_query(self._schema, "id", sorted(scope.repos))
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, shown), (tantivy.Occur.Should, named)])


class _Deletes(msgspec.Struct):
    opstamp: int


class _Segment(msgspec.Struct):
    segment_id: str
    deletes: _Deletes | None = None


class _Meta(msgspec.Struct):
    """What is read here of tantivy's meta.json, which a commit replaces as its last step."""

    segments: list[_Segment]


def _sweep(folder: Path) -> None:
    """Removes lists of deletions that a killed process wrote and no commit names. tantivy numbers them by its operations,
    counts on from the last commit, and refuses to write over one that is there."""
    try:
        meta = msgspec.json.decode((folder / "meta.json").read_bytes(), type=_Meta)
    except (FileNotFoundError, msgspec.MsgspecError):
        return
    named = {f"{one.segment_id.replace('-', '')}.{one.deletes.opstamp}.del" for one in meta.segments if one.deletes}
    for file in folder.glob("*.del"):
        if file.name not in named:
            file.unlink()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", indexed=True)
    builder.add_unsigned_field("order", fast=True)
    builder.add_text_field("scope", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("about", tokenizer_name="folded", index_option="basic")
    builder.add_text_field("text", stored=True, tokenizer_name="folded", index_option="basic")
    for language in _STEMMED:
        builder.add_text_field(language, tokenizer_name=language, index_option="basic")
    return builder.build()


def _analyzer(language: str | None = None) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    builder = builder.filter(tantivy.Filter.remove_long(_LONG)).filter(tantivy.Filter.lowercase())
    if language is not None:
        builder = builder.filter(tantivy.Filter.stemmer(language))
    return builder.filter(tantivy.Filter.ascii_fold()).build()


def _pieces(text: str, begin: int, end: int, hits: list[tuple[int, int]]) -> list[Piece]:
    found, at = list[Piece](), begin
    if begin:
        found.append(("… ", False))
    for start, stop in hits:
        if start < begin or stop > end:
            continue
        if start > at:
            found.append((text[at:start], False))
        found.append((text[start:stop], True))
        at = stop
    if at < end:
        found.append((text[at:end], False))
    if end < len(text):
        found.append((" …", False))
    return found
