"""Where the pages of one repo are. Names are percent-encoded here and nowhere else: they may hold `#`, `?`, `%` and worse."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from pioche.names import RepoId


@dataclass(frozen=True, slots=True)
class Addresses:
    """Made of a repo's id."""

    repo_id: RepoId

    @property
    def base(self) -> str:
        """The repo's own page, `/ns/name`."""
        return self.repo_id.web_path

    def api_tree(self, rev: str, path: str = "") -> str:
        """What a folder holds, as JSON."""
        return f"/api/{self.repo_id.type.plural}/{self.repo_id}" + self.tree(rev, path).removeprefix(self.base)

    def tree(self, rev: str, path: str = "") -> str:
        return self._at("tree", rev, path)

    def blob(self, rev: str, path: str) -> str:
        return self._at("blob", rev, path)

    def raw(self, rev: str, path: str) -> str:
        return self._at("raw", rev, path)

    def resolve(self, rev: str, path: str) -> str:
        return self._at("resolve", rev, path)

    def download(self, rev: str, path: str) -> str:
        return self._at("resolve", rev, path) + "?download=true"

    def blame(self, rev: str, path: str) -> str:
        return self._at("blame", rev, path)

    def commits(self, rev: str, path: str = "") -> str:
        return self._at("commits", rev, path)

    def commit(self, oid: str) -> str:
        return self._at("commit", oid)

    def compare(self, first: str, second: str) -> str:
        return f"{self.base}/compare/{_segment(first)}...{_segment(second)}"

    def find(self, rev: str) -> str:
        return self._at("find", rev)

    def branches(self) -> str:
        return f"{self.base}/branches"

    def new(self, rev: str, path: str = "") -> str:
        return self._at("new", rev, path)

    def edit(self, rev: str, path: str) -> str:
        return self._at("edit", rev, path)

    def upload(self, rev: str, path: str = "") -> str:
        return self._at("upload", rev, path)

    def rename(self, rev: str, path: str) -> str:
        return self._at("rename", rev, path)

    def move(self, rev: str) -> str:
        return self._at("move", rev)

    def delete(self, rev: str, path: str = "") -> str:
        return self._at("delete", rev, path)

    def discussions(self) -> str:
        return f"{self.base}/discussions"

    def discussion(self, number: int, part: str = "") -> str:
        """A thread, or a part of it: `files`, `commits`, what a form of it is sent to (`comment`)."""
        return f"{self.base}/discussions/{number}{part and '/'}{part}"

    def comment(self, number: int, uid: str, part: str = "") -> str:
        return self.discussion(number, f"comment/{uid}{part and '/'}{part}")

    def _at(self, page: str, rev: str, path: str = "") -> str:
        end = f"/{quote(path, safe='/', errors='surrogateescape')}" if path else ""
        return f"{self.base}/{page}/{_segment(rev)}{end}"


def with_query(address: str, **parameters: str | int | None) -> str:
    """`address` with those of `parameters` that are something."""
    query = urlencode([(name, value) for name, value in parameters.items() if value not in (None, "")])
    return f"{address}?{query}" if query else address


def _segment(text: str) -> str:
    return quote(text, safe="")
