"""A repo's first commit, computed from a few facts in its row until somebody pushes: a new repo has no inode.

The recipe is numbered: whatever later versions write into new repos, an old row always computes to the same commit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import msgspec

from pioche.git import attributes
from pioche.git.genesis import genesis
from pioche.git.objects import NewObject, Signature
from pioche.names import Oid, RepoType

_RECIPE = 1


class Genesis(msgspec.Struct, frozen=True):
    """`at` is Unix seconds. `title` and `sdk` matter for Spaces only."""

    author: str
    at: int
    type: str
    title: str = ""
    sdk: str = ""
    empty: bool = False
    recipe: int = _RECIPE

    @classmethod
    def load(cls, text: str) -> Self:
        return _load(text)  # type: ignore[return-value]  # nobody subclasses it

    def dump(self) -> str:
        return msgspec.json.encode(self).decode()

    @property
    def commit(self) -> Oid:
        return _compute(self).commit

    def objects(self) -> Mapping[Oid, NewObject]:
        return _compute(self).objects

    def files(self) -> dict[str, bytes]:
        """What a new repo holds, as on the public Hub: `.gitattributes`, and for a Space a README with its metadata."""
        repo_type = RepoType(self.type)
        found = {".gitattributes": attributes.default_gitattributes(repo_type).encode()}
        if repo_type is RepoType.SPACE:
            found["README.md"] = _space_card(self.title, self.sdk).encode()
        return found


@dataclass(frozen=True, slots=True)
class _Computed:
    commit: Oid
    objects: dict[Oid, NewObject]


@lru_cache(maxsize=4096)
def _load(text: str) -> Genesis:
    return msgspec.json.decode(text, type=Genesis)


@lru_cache(maxsize=512)
def _compute(recipe: Genesis) -> _Computed:
    author = Signature(recipe.author, noreply_address(recipe.author), recipe.at, 0)
    return _Computed(*genesis(author, "initial commit", recipe.files()))


def noreply_address(name: str) -> str:
    """The mail address that commits made through the API carry: it names the account and reaches nobody."""
    return f"{name}@users.noreply.pioche"


def _space_card(title: str, sdk: str) -> str:
    lines = [f"title: {title}", "emoji: 🚀", "colorFrom: blue", "colorTo: green", f"sdk: {sdk}"]
    if sdk in ("gradio", "streamlit"):
        lines.append("app_file: app.py")
    return "\n".join(["---", *lines, "pinned: false", "---", ""])
