"""The hub that pages are tested on: three people, an organisation, and repos with cards of every kind."""

import base64
import json
from dataclasses import dataclass, field
from typing import Self

import httpx

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

    def repo(self, name: str, files: dict[str, str], *, kind: str = "model", private: bool = False) -> None:
        """Creates a repo of ada's and commits `files` to it."""
        namespace, _, short = name.partition("/")
        body = {"name": short, "organization": namespace, "type": kind, "private": private}
        if kind == "space":
            body["sdk"] = "static"
        with httpx.Client(base_url=self.hub.endpoint, headers=self.ada.bearer) as client:
            client.post("/api/repos/create", json=body).raise_for_status()
            if files:
                lines: list[dict[str, object]] = [{"key": "header", "value": {"summary": "Begin"}}]
                for path, text in files.items():
                    content = base64.b64encode(text.encode()).decode()
                    lines.append({"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}})
                payload = "\n".join(json.dumps(line) for line in lines)
                headers = {"content-type": "application/x-ndjson"}
                client.post(f"/api/{kind}s/{name}/commit/main", content=payload, headers=headers).raise_for_status()
        self.repos.append(name)

    def commit(self, repo: str, files: dict[str, bytes], summary: str = "Change", *, kind: str = "model") -> str:
        """A commit of ada's by the client, large files included; gives its id."""
        from huggingface_hub import CommitOperationAdd, HfApi

        api = HfApi(self.hub.endpoint, token=self.ada.token)
        operations = [CommitOperationAdd(path, data) for path, data in files.items()]
        return str(api.create_commit(repo, operations, commit_message=summary, repo_type=kind).oid)
