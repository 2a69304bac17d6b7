"""Names of repos: which of them have a word somewhere (a substring of `namespace/name`), and which one nearly has it.

A name is kept as the pieces between its separators; distinct pieces are few. A word is looked for in those; one that has
separators itself, in the repos whose pieces fit, name by name.
"""

import re
import string
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from pioche.search.postings import Postings, bitmap_of, ids_of
from pioche.search.spelling import Dictionary

_SEPARATORS = re.compile(r"[-_./]")
_BLANKED = str.maketrans("-_./", "    ")
_REMEMBERED = 200
_REMEMBERED_FROM = 64
_APPENDED_MAX = 2000
_JOINED = 20_000
_HITS_MAX = 500
_LETTERS = string.ascii_lowercase + string.digits


def pieces(name: str) -> list[str]:
    """What stands between the separators, in a row."""
    return name.translate(_BLANKED).split()


def _digest(name: str) -> int:
    return zlib.crc32(name.encode())


class Names:
    """Filled by `put` ... and `seal`, then changed by `replace`."""

    def __init__(self) -> None:
        self._pieces = Postings()
        self._put_names: list[str] = []
        self._put_parts: list[str] = []
        self._put_ids = array("I")
        self._put_ends = array("Q")
        self._put_size = 0
        self._put_digests = array("I")
        self._digests: NDArray[np.uint32] = np.zeros(0, dtype=np.uint32)
        self._text = ""
        self._starts: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        self._changed: dict[int, str | None] = {}
        self._vocabulary = b"\n"
        self._places: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._dictionary = Dictionary()
        self._remembered: OrderedDict[str, BitMap] = OrderedDict()
        self._short: dict[str, BitMap] = {}
        self.capacity = 1

    # --- filling ---

    def put(self, repo_id: int, name: str) -> None:
        """Lower-case `namespace/name`; ids ascend."""
        self._put_ids.append(repo_id)
        self._put_ends.append(self._put_size + len(name))
        self._put_digests.append(_digest(name.partition("/")[2]))
        self._put_size += len(name)
        self._put_names.append(name)
        if len(self._put_names) == _JOINED:
            self._join()
        self._pieces.put(repo_id, pieces(name))

    def seal(self) -> None:
        self._join()
        self._pieces.seal()
        self._text = "".join(self._put_parts)
        ids = np.array(self._put_ids, dtype=np.int64)
        self.capacity = int(ids[-1]) + 1 if len(ids) else 1
        ends = np.zeros(self.capacity + 1, dtype=np.int64)
        ends[ids + 1] = np.array(self._put_ends, dtype=np.int64)
        self._starts = np.maximum.accumulate(ends)
        self._digests = np.zeros(self.capacity, dtype=np.uint32)
        self._digests[ids] = np.array(self._put_digests, dtype=np.uint32)
        self._put_digests = array("I")
        self._put_parts, self._put_ids, self._put_ends = [], array("I"), array("Q")
        self._gather()
        self._short |= {separator: self._separated(separator) for separator in "-_."}

    def _separated(self, separator: str) -> BitMap:
        """The repos whose name has the separator: most of them, which name by name would take a second."""
        if not self._text.isascii():
            return self._confirmed(self._all(), separator)
        letters = np.frombuffer(self._text.encode(), dtype=np.uint8)
        numbers = np.searchsorted(self._starts, np.flatnonzero(letters == ord(separator)), side="right") - 1
        return bitmap_of(numbers.astype(np.uint32))

    def _join(self) -> None:
        """Millions of short texts take twice the room of one long one."""
        self._put_parts.append("".join(self._put_names))
        self._put_names.clear()

    def _gather(self) -> None:
        """The vocabulary as one piece of bytes, a line feed at both ends of each term, and the dictionary that misspellings
        are looked up in."""
        terms = [b"\n" + term.encode("utf-8", "replace") for term in self._pieces.terms]
        self._places = np.cumsum(np.array([0, *map(len, terms)], dtype=np.int64))[:-1]
        self._vocabulary = b"".join(terms) + b"\n"
        self._dictionary.extend(self._pieces.terms[len(self._dictionary) :])

    def warm(self) -> Iterator[None]:
        """Step by step, finds what has each word of one and two letters, and keeps it: those are in so many names that it
        takes longest, and everybody who types begins with one."""
        for word in (*_LETTERS, *(first + second for first in _LETTERS for second in _LETTERS)):
            self._short[word] = self._having(word)
            yield
            self._short["^" + word] = self._beginning(word)
            yield

    # --- reading ---

    def name(self, repo_id: int) -> str | None:
        if repo_id in self._changed:
            return self._changed[repo_id]
        if repo_id + 1 >= len(self._starts):
            return None
        return self._text[self._starts[repo_id] : self._starts[repo_id + 1]] or None

    def containing(self, word: str) -> BitMap:
        """The repos whose name has `word` somewhere. Not to be changed."""
        found = self._short.get(word)
        if found is not None:
            return found
        found = self._remembered.get(word)
        if found is None:
            found = self._remember(word, self._look(word))
        else:
            self._remembered.move_to_end(word)
        return found

    def near(self, word: str) -> BitMap:
        """The repos with a piece that `word` may be a misspelling of."""
        self._catch_up()
        return self._pieces.union(self._dictionary.near(word), self.capacity)

    def starting(self, word: str) -> BitMap:
        """The repos with a piece that begins with `word`; all that have it, when it has separators itself."""
        key = "^" + word  # no name has this letter
        found = self._short.get(key) or self._remembered.get(key)
        if found is None:
            if _SEPARATORS.search(word):
                return self.containing(word)
            found = self._remember(key, self._beginning(word))
        return found

    def called(self, words: Sequence[str]) -> list[int]:
        """The repos whose name after the namespace is the words with hyphens between them, or whose whole name is one."""
        joined = "-".join(words)
        found = self._with_name(joined)
        for word in words:
            namespace, slash, name = word.partition("/")
            if namespace and slash:
                found |= {one for one in self._with_name(name) if self.name(one) == word}
        return sorted(found)

    def _with_name(self, name: str) -> set[int]:
        likely = np.flatnonzero(self._digests == _digest(name)).tolist()
        found = {one for one in likely if one not in self._changed}
        found |= {one for one, text in self._changed.items() if text}
        return {one for one in found if (self.name(one) or "").partition("/")[2] == name}

    def _remember(self, key: str, repos: BitMap) -> BitMap:
        """Not what next to no name has: there are endless such words, and they are found at once."""
        if len(repos) < _REMEMBERED_FROM and not _SEPARATORS.search(key):
            return repos
        self._remembered[key] = repos
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return repos

    def _look(self, word: str) -> BitMap:
        parts = _SEPARATORS.split(word)
        if len(parts) == 1:
            return self._having(word)
        first, *middle, last = parts
        likely = [self._pieces.of(part) for part in middle if part]
        if first:
            likely.append(self._ending(first))
        if last:
            likely.append(self._beginning(last))
        among = BitMap.intersection(*likely) if likely else self._all()
        return self._confirmed(among, word)

    def _confirmed(self, among: BitMap, word: str) -> BitMap:
        """Those whose name has the word, name by name."""
        changed = [one for one in self._changed if one in among]
        ids = ids_of(among - BitMap(changed)) if changed else ids_of(among)
        starts, ends = self._starts[ids].tolist(), self._starts[ids.astype(np.int64) + 1].tolist()
        find = self._text.find
        found = [one for one, start, end in zip(ids.tolist(), starts, ends, strict=True) if find(word, start, end) >= 0]
        return BitMap(found) | BitMap(one for one in changed if word in (self._changed[one] or ""))

    def _all(self) -> BitMap:
        every = BitMap(one for one, name in self._changed.items() if name)
        return every | BitMap(np.flatnonzero(np.diff(self._starts)).tolist())

    def _having(self, part: str) -> BitMap:
        """The repos with a piece that has `part` somewhere."""
        return self._with_hits(self._hits(part), lambda term: part in term)

    def _beginning(self, part: str) -> BitMap:
        """The repos with a piece that begins with `part`."""
        return self._with_hits(self._hits("\n" + part), lambda term: term.startswith(part))

    def _ending(self, part: str) -> BitMap:
        """The repos with a piece that ends with `part`."""
        return self._with_hits(self._hits(part + "\n"), lambda term: term.endswith(part))

    def _with_hits(self, hits: NDArray[np.int64], fits: Callable[[str], bool]) -> BitMap:
        """The repos with a piece of the vocabulary where a hit is, or with a later piece that fits."""
        terms, known = self._pieces.terms, len(self._places)
        numbers = np.searchsorted(self._places, hits, side="right") - 1
        later = [number for number in range(known, len(terms)) if fits(terms[number])]
        if len(numbers) <= _HITS_MAX:
            return self._pieces.union([*dict.fromkeys(numbers.tolist()), *later], self.capacity)
        wanted = np.zeros(len(terms), dtype=np.bool_)
        wanted[numbers] = True
        wanted[later] = True
        return self._pieces.union_of(wanted, self.capacity)

    def _hits(self, text: str) -> NDArray[np.int64]:
        """Where in the vocabulary the text is."""
        part = text.encode("utf-8", "replace")
        if len(part) <= 2:
            return _occurrences(self._vocabulary, part)
        hits, at = list[int](), self._vocabulary.find(part)
        while at >= 0:
            hits.append(at)
            if len(hits) > _HITS_MAX:
                return _occurrences(self._vocabulary, part)
            at = self._vocabulary.find(part, at + 1)
        return np.array(hits, dtype=np.int64)

    # --- changing ---

    def replace(self, repo_id: int, name: str | None) -> None:
        """None: the repo is gone."""
        before = self.name(repo_id)
        if before == name:
            return
        if before is not None:
            self._pieces.discard_terms(repo_id, pieces(before))
        if name is not None:
            self._pieces.add(repo_id, pieces(name))
        self._changed[repo_id] = name
        self.capacity = max(self.capacity, repo_id + 1)
        self._correct(repo_id, before or "", name or "")
        if len(self._pieces.terms) - len(self._places) > _APPENDED_MAX:
            self._gather()

    def _correct(self, repo_id: int, before: str, name: str) -> None:
        """What is remembered of words, for a repo whose name was `before`. Neither: it was, or is, not there."""
        parts = pieces(name)
        for key in _short_words(before) & self._short.keys():
            self._short[key].discard(repo_id)
        for key in _short_words(name) & self._short.keys():
            self._short[key].add(repo_id)
        for word, repos in self._remembered.items():
            is_start = word.startswith("^")
            if any(part.startswith(word[1:]) for part in parts) if is_start else word in name:
                repos.add(repo_id)
            else:
                repos.discard(repo_id)

    def _catch_up(self) -> None:
        missing = self._pieces.terms[len(self._dictionary) :]
        if missing:
            self._dictionary.extend(missing)


def _short_words(name: str) -> set[str]:
    """The words of one and two letters that are in the pieces of a name, `^` with those that one of them begins with, and its
    separators."""
    found = set(_SEPARATORS.findall(name))
    for part in pieces(name):
        found.update(part)
        found.update(first + second for first, second in pairwise(part))
        found |= {"^" + part[:1], "^" + part[:2]}
    return found


def _occurrences(text: bytes, part: bytes) -> NDArray[np.int64]:
    letters = np.frombuffer(text, dtype=np.uint8)
    size = len(letters) - len(part) + 1
    if size <= 0:
        return np.zeros(0, dtype=np.int64)
    fits = letters[:size] == part[0]
    for offset, letter in enumerate(part[1:], start=1):
        fits &= letters[offset : offset + size] == letter
    return np.flatnonzero(fits)
