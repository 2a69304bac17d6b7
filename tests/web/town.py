"""The hub that pages are tested on: three people, an organisation, and repos with cards of every kind."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx

from tests import publishing
from tests.hub import Account, Hub

_MODEL = """---
license: mit
language: [fr, en]
pipeline_tag: text-classification
library_name: transformers
tags: [legal]
datasets: [ada/avis]
---
# Émotions

Un modèle qui reconnaît les émotions, *a model that tells feelings apart*.
"""
_DATASET = """---
license: cc-by-4.0
language: fr
task_categories: [text-classification]
size_categories: [n<1K]
pretty_name: Avis
---
# Avis

Reviews of restaurants, written by hand.
"""


@dataclass
class Town:
    """Who is there, and what. `ada` owns most, `bob` may read what `lab` has, `eve` is a stranger."""

    hub: Hub
    ada: Account
    bob: Account
    eve: Account
    repos: list[str] = field(default_factory=list)
    _sessions: dict[str, str] = field(default_factory=dict)

    @classmethod
    def found(cls, hub: Hub) -> Self:
        town = cls(hub, hub.user("ada"), hub.user("bob"), hub.user("eve"))
        hub.org("lab", {"ada": "admin", "bob": "read"})
        town.repo("ada/emotions", {"README.md": _MODEL, "config.json": '{"model_type": "bert"}'})
        town.repo("ada/avis", {"README.md": _DATASET, "data.csv": "text,label\nbon,1\n"}, kind="dataset")
        town.repo("ada/demo", {"README.md": "---\ntitle: Démo\nsdk: static\n---\n", "index.html": "<p>"}, kind="space")
        town.repo("lab/secret", {"README.md": _MODEL}, private=True)
        town.repo("ada/empty", {})
        for number in range(35):
            town.repo(
                f"lab/series-{number:02}", {"README.md": f"---\nlicense: apache-2.0\ntags: [s{number % 5}]\n---\n"}
            )
        return town

    def tell(self, file: Path) -> None:
        """Writes down who is there and what, for `told` about a copy of its hub."""
        accounts = {who.name: who.token for who in (self.ada, self.bob, self.eve)}
        file.write_text(json.dumps({"accounts": accounts, "repos": self.repos}))

    @classmethod
    def told(cls, hub: Hub, file: Path) -> Self:
        """The town of a copy of the hub that `tell` was about."""
        known = json.loads(file.read_text())
        return cls(hub, *(Account(*account) for account in known["accounts"].items()), repos=known["repos"])

    def repo(self, name: str, files: Mapping[str, str | bytes], *, kind: str = "model", private: bool = False) -> None:
        """Creates a repo of ada's and commits `files` to it."""
        with self.client(self.ada) as client:
            publishing.create(client, name, kind=kind, private=private)
            if files:
                publishing.commit(client, name, files, kind=kind)
        self.repos.append(name)

    def commit(
        self,
        repo: str,
        files: Mapping[str, str | bytes],
        summary: str = "Change",
        *,
        kind: str = "model",
        delete: str = "",
    ) -> str:
        """A commit of ada's by the client, large files included, with another path deleted where one is given; gives its id."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

        api = HfApi(self.hub.endpoint, token=self.ada.token)
        given = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
        operations = [
            *(CommitOperationAdd(path, data) for path, data in given.items()),
            *([CommitOperationDelete(delete)] if delete else []),
        ]
        return str(api.create_commit(repo, operations, commit_message=summary, repo_type=kind).oid)

    def session(self, who: Account) -> str:
        """The cookie of a browser in which they are signed in."""
        if who.name not in self._sessions:
            self._sessions[who.name] = self.hub.session(who.name)
        return self._sessions[who.name]

    def client(self, who: Account) -> httpx.Client:
        """The hub as this account asks it."""
        return httpx.Client(base_url=self.hub.endpoint, headers=who.bearer, timeout=30)
