"""The operations that are killed at each of their steps (test_steps.py): how to get ready, what to do, what to look for.

A story is done through the hub's HTTP interface in one process. `state` says "old" or "new", and fails for anything
between; `act` may be repeated by the client, whatever happened before.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pioche.accounts.members import Role
from pioche.config import Config
from pioche.storage.blobs import blob_key
from pioche.storage.xet.hashing import to_text
from pioche.upkeep.collection.options import Options
from pioche.upkeep.collection.run import Collector
from tests import lfs_client
from tests.asgi import HOST, Answer
from tests.local import LocalHub, User
from tests.protocols.git import commands, commit, must, pack
from tests.xet_client import file_of, make, shard_of

REPO = "ada/model"
DATA = make("a large file", 1_200_000)
PART_BYTES = 131072
"""Of that size, parts are a mebibyte each."""


@contextmanager
def opened(config: Config) -> Iterator[LocalHub]:
    hub = LocalHub(config)
    try:
        yield hub
    finally:
        hub.close()


@dataclass
class Story:
    """One operation. `prepare` runs once, before the data is copied for each step."""

    ada: User | None = None
    written: bool = True
    """Whether the repo has a commit beside its first one: its folder is there then."""
    stride: int = 1
    """So much rarer are the steps that the short form tries."""

    def prepare(self, config: Config, scratch: Path) -> None:
        with opened(config) as hub:
            self.ada = hub.user("ada")
            hub.create_repo(self.ada, REPO)
            if self.written:
                hub.commit(self.ada, REPO, {"first.txt": b"1"})
            self.arrange(hub, scratch)

    def arrange(self, hub: LocalHub, scratch: Path) -> None:
        """More to have before."""

    def act(self, config: Config) -> None:
        with opened(config) as hub:
            self.do(hub)

    def do(self, hub: LocalHub) -> None:
        raise NotImplementedError

    def state(self, hub: LocalHub) -> str:
        raise NotImplementedError

    # --- short ways ---

    @property
    def token(self) -> str:
        assert self.ada is not None
        return self.ada.token

    def get(self, hub: LocalHub, path: str) -> Answer:
        return hub.client.get(path, token=self.token)

    def refs(self, hub: LocalHub) -> dict[str, str]:
        found = self.get(hub, f"/api/models/{REPO}/refs?include_prs=1").json()
        kinds = ("branches", "tags", "pullRequests")
        return {ref["ref"]: ref["targetCommit"] for kind in kinds for ref in found[kind]}


def _one_of(found: object, old: object, new: object) -> str:
    assert found in (old, new), f"neither old nor new: {found}"
    return "new" if found == new else "old"


# --- A1, A4: large files ----------------------------------------------------------------------------------------------


@dataclass
class UploadLfs(Story):
    """A1."""

    def do(self, hub: LocalHub) -> None:
        assert self.ada is not None
        assert lfs_client.upload(hub, self.ada, DATA) == _SHA256

    def state(self, hub: LocalHub) -> str:
        """Whole or absent, for whoever asks by LFS."""
        assert self.ada is not None
        found = lfs_client.one(lfs_client.batch(hub, self.ada, "download", (_SHA256, len(DATA))))
        if "actions" not in found:
            assert found["error"]["code"] == 404
            return "old"
        assert lfs_client.follow(hub, found["actions"]["download"], "GET").body == DATA
        return "new"


@dataclass
class UploadLfsInParts(UploadLfs):
    """A1, in parts: what was sent of an upload may be sent again."""

    def do(self, hub: LocalHub) -> None:
        assert self.ada is not None
        asked = lfs_client.batch(hub, self.ada, "upload", (_SHA256, len(DATA)), transfers=["basic", "multipart"])
        found = lfs_client.one(asked)
        if "actions" not in found:
            return
        send = found["actions"]["upload"]
        size, parts = int(send["header"]["chunk_size"]), []
        for number, start in enumerate(range(0, len(DATA), size), 1):
            path = lfs_client.path_of(send["header"][str(number)])
            answer = hub.client.put(path, body=DATA[start : start + size])
            assert answer.status == 200, answer.text
            parts.append({"partNumber": number, "etag": answer.headers["etag"]})
        done = lfs_client.follow(hub, send, "POST", json={"oid": _SHA256, "parts": parts})
        assert done.status == 200, done.text


@dataclass
class UploadXet(Story):
    """A4: the shard is registered with all its xorbs, or not at all."""

    xorb: bytes = b""
    name: str = ""
    shard: bytes = b""

    def arrange(self, hub: LocalHub, scratch: Path) -> None:
        file, xorb = file_of(_XET)
        self.xorb, self.name, self.shard = xorb.body, to_text(xorb.name), shard_of([file], [xorb])

    def do(self, hub: LocalHub) -> None:
        grant = self.get(hub, f"/api/models/{REPO}/xet-write-token/main").json()
        cas, token = grant["casUrl"].removeprefix(f"http://{HOST}"), grant["accessToken"]
        for path, body in ((f"/v1/xorbs/default/{self.name}", self.xorb), ("/v1/shards", self.shard)):
            answer = hub.client.post(cas + path, token=token, body=body)
            assert answer.status == 200, answer.text

    def state(self, hub: LocalHub) -> str:
        assert self.ada is not None
        sha256 = hashlib.sha256(_XET).hexdigest()
        found = lfs_client.one(lfs_client.batch(hub, self.ada, "download", (sha256, len(_XET))))
        if "actions" not in found:
            return "old"
        assert lfs_client.follow(hub, found["actions"]["download"], "GET").body == _XET
        return "new"


_SHA256 = hashlib.sha256(DATA).hexdigest()
_XET = make("torture", 200_000)


# --- A2: commits ------------------------------------------------------------------------------------------------------


@dataclass
class Commit(Story):
    """A2: `count` files at once."""

    count: int = 1

    def do(self, hub: LocalHub) -> None:
        assert self.ada is not None
        if self.state(hub) == "old":  # a client that got no answer looks first
            hub.commit(self.ada, REPO, self._files)

    @property
    def _files(self) -> dict[str, bytes]:
        return {f"new/{number}.txt": b"%d" % number for number in range(self.count)}

    def state(self, hub: LocalHub) -> str:
        titles = [commit["title"] for commit in self.get(hub, f"/api/models/{REPO}/commits/main").json()]
        names = [entry["rfilename"] for entry in self.get(hub, f"/api/models/{REPO}").json()["siblings"]]
        there = [name for name in names if name.startswith("new/")]
        for path in there[:: max(1, self.count // 50)]:
            assert self.get(hub, f"/{REPO}/resolve/main/{path}").body == self._files[path]
        return _one_of((titles.count("test") - self.written, len(there)), (0, 0), (1, self.count))


# --- A3: pushes -------------------------------------------------------------------------------------------------------


@dataclass
class Push(Story):
    """A3: several refs, all or none."""

    tags: int = 1
    body: bytes = b""
    wanted: dict[str, str] = field(default_factory=dict)

    def arrange(self, hub: LocalHub, scratch: Path) -> None:
        folder = scratch / "push"
        folder.mkdir(parents=True)
        must(folder, "init", "-q")
        one, two = commit(folder, {"a.txt": b"1"}), commit(folder, {"b.txt": b"2"})
        tags = {f"refs/tags/t{number}": one for number in range(self.tags)}
        self.wanted = {"refs/heads/one": one, "refs/heads/two": two, **tags}
        moves = [(ref, "0" * 40, oid) for ref, oid in self.wanted.items()]
        self.body = commands(*moves, capabilities="atomic") + pack(folder, one, two)

    def do(self, hub: LocalHub) -> None:
        headers = {"content-type": "application/x-git-receive-pack-request"}
        answer = hub.client.post(f"/{REPO}/git-receive-pack", token=self.token, body=self.body, headers=headers)
        assert answer.status == 200, answer.text
        assert {answer.body.count(f"ok {ref}\n".encode()) for ref in self.wanted} == {1}, answer.body

    def state(self, hub: LocalHub) -> str:
        refs = self.refs(hub)
        del refs["refs/heads/main"]
        return _one_of(refs, {}, self.wanted)


# --- A6: repos --------------------------------------------------------------------------------------------------------


@dataclass
class Create(Story):
    """A6."""

    def do(self, hub: LocalHub) -> None:
        body = {"name": "second", "type": "model"}
        assert hub.client.post("/api/repos/create", token=self.token, json=body).status in (200, 409)

    def state(self, hub: LocalHub) -> str:
        return _one_of(self.get(hub, "/api/models/ada/second").status, 404, 200)


@dataclass
class Delete(Story):
    """A6."""

    def do(self, hub: LocalHub) -> None:
        body = {"name": "model", "type": "model"}
        answer = hub.client.request("DELETE", "/api/repos/delete", token=self.token, json=body)
        assert answer.status in (200, 404)

    def state(self, hub: LocalHub) -> str:
        return _one_of(self.get(hub, f"/api/models/{REPO}").status, 200, 404)


@dataclass
class Move(Story):
    """A6, as rename or transfer: one owner and address, the old one leads there."""

    target: str = "ada/renamed"

    def arrange(self, hub: LocalHub, scratch: Path) -> None:
        assert self.ada is not None
        org = hub.hub.directory.create_org("lab")
        hub.hub.directory.members.add(org, hub.hub.directory.get_user("ada"), Role.ADMIN)

    def do(self, hub: LocalHub) -> None:
        body = {"fromRepo": REPO, "toRepo": self.target, "type": "model"}
        answer = hub.client.post("/api/repos/move", token=self.token, json=body)
        assert answer.status in (200, 404), answer.text

    def state(self, hub: LocalHub) -> str:
        found = self.get(hub, f"/api/models/{REPO}").status, self.get(hub, f"/api/models/{self.target}").status
        return _one_of(found, (200, 404), (307, 200))


@dataclass
class Flip(Story):
    """A6: visibility."""

    def do(self, hub: LocalHub) -> None:
        url = f"/api/models/{REPO}/settings"
        assert hub.client.put(url, token=self.token, json={"private": True}).status == 200

    def state(self, hub: LocalHub) -> str:
        seen = self.get(hub, f"/api/models/{REPO}").json()["private"], hub.client.get(f"/api/models/{REPO}").status
        return _one_of(seen, (False, 200), (True, 401))


# --- A7: refs ---------------------------------------------------------------------------------------------------------


@dataclass
class Tag(Story):
    """A7: an annotated tag, which is an object and a ref."""

    def do(self, hub: LocalHub) -> None:
        body = {"tag": "v1", "message": "words"}
        assert hub.client.post(f"/api/models/{REPO}/tag/main", token=self.token, json=body).status in (200, 409)

    def state(self, hub: LocalHub) -> str:
        refs = self.refs(hub)
        return _one_of(refs.get("refs/tags/v1"), None, refs["refs/heads/main"])


@dataclass
class DeleteBranch(Story):
    """A7."""

    def arrange(self, hub: LocalHub, scratch: Path) -> None:
        assert hub.client.post(f"/api/models/{REPO}/branch/doomed", token=self.token).status == 200

    def do(self, hub: LocalHub) -> None:
        assert hub.client.delete(f"/api/models/{REPO}/branch/doomed", token=self.token).status in (200, 404)

    def state(self, hub: LocalHub) -> str:
        return _one_of("refs/heads/doomed" in self.refs(hub), True, False)


@dataclass
class Squash(Story):
    """A7: one commit takes the place of all."""

    def do(self, hub: LocalHub) -> None:
        body = {"message": "squashed"}
        assert hub.client.post(f"/api/models/{REPO}/super-squash/main", token=self.token, json=body).status == 200

    def state(self, hub: LocalHub) -> str:
        titles = [commit["title"] for commit in self.get(hub, f"/api/models/{REPO}/commits/main").json()]
        assert self.get(hub, f"/{REPO}/resolve/main/first.txt").body == b"1"
        return _one_of(titles, ["test", "initial commit"], ["squashed"])


@dataclass
class Propose(Story):
    """A7: a pull request is a row, a commit and a ref."""

    def do(self, hub: LocalHub) -> None:
        if self.state(hub) == "old":
            lines = b'{"key":"header","value":{"summary":"p"}}\n{"key":"file","value":{"path":"p","content":"1"}}'
            headers = {"content-type": "application/x-ndjson"}
            url = f"/api/models/{REPO}/commit/main?create_pr=1"
            answer = hub.client.post(url, token=self.token, body=lines, headers=headers)
            assert answer.status == 200, answer.text

    def state(self, hub: LocalHub) -> str:
        rows = self.get(hub, f"/api/models/{REPO}/discussions").json()["discussions"]
        refs = [ref for ref in self.refs(hub) if ref.startswith("refs/pr/")]
        return _one_of(([row["num"] for row in rows], refs), ([], []), ([1], ["refs/pr/1"]))


# --- A5: collection ---------------------------------------------------------------------------------------------------


@dataclass
class Collect(Story):
    """A5: what nobody reaches goes, in any number of attempts; what somebody reaches stays, whatever is interrupted."""

    def arrange(self, hub: LocalHub, scratch: Path) -> None:
        """Files of a branch, of a deleted branch, of a deleted repo, of a squashed history, of no commit; one by Xet."""
        assert self.ada is not None
        url = f"/api/models/{REPO}"
        hub.commit(self.ada, REPO, {}, large={"kept.bin": _KEPT})
        assert hub.client.post(f"{url}/branch/gone", token=self.token).status == 200
        hub.commit(self.ada, REPO, {"gone.txt": b"1"}, large={"gone.bin": b"branch" * 100}, revision="gone")
        assert hub.client.delete(f"{url}/branch/gone", token=self.token).status == 200
        hub.create_repo(self.ada, "ada/gone")
        hub.commit(self.ada, "ada/gone", {"a.txt": b"1"}, large={"gone.bin": b"repo" * 100, "shared.bin": _KEPT})
        body = {"name": "gone", "type": "model"}
        assert hub.client.request("DELETE", "/api/repos/delete", token=self.token, json=body).status == 200
        hub.store(self.ada, REPO, b"never committed" * 100)
        xet = UploadXet(self.ada)
        xet.arrange(hub, scratch)
        xet.do(hub)
        assert hub.client.post(f"{url}/super-squash/main", token=self.token, json={"message": "s"}).status == 200

    def do(self, hub: LocalHub) -> None:
        inner = hub.hub
        collector = Collector(inner.config, inner.database, inner.blobs, inner.access.stores.git)
        collector.run(Options(now=True))

    def state(self, hub: LocalHub) -> str:
        """Old until all of it is gone."""
        assert self.get(hub, f"/{REPO}/resolve/main/kept.bin").body == _KEPT
        assert self.get(hub, f"/{REPO}/resolve/main/first.txt").body == b"1"
        left = [stored.key for stored in hub.hub.blobs.list("blobs")]
        return "new" if left == [blob_key(hashlib.sha256(_KEPT).hexdigest())] else "old"


_KEPT = b"kept" * 1000

STORIES: dict[str, Callable[[], Story]] = {
    "a1_lfs": UploadLfs,
    "a1_lfs_in_parts": UploadLfsInParts,
    "a2_commit": Commit,
    "a2_first_commit": lambda: Commit(written=False),
    "a2_commit_of_50": lambda: Commit(count=50),
    "a2_commit_of_2000": lambda: Commit(count=2000),
    "a3_push": Push,
    "a3_first_push": lambda: Push(written=False),
    "a3_push_of_500_refs": lambda: Push(tags=498),
    "a4_xet": UploadXet,
    "a5_collection": lambda: Collect(stride=3),
    "a6_create": Create,
    "a6_delete": Delete,
    "a6_rename": Move,
    "a6_transfer": lambda: Move(target="lab/model"),
    "a6_visibility": Flip,
    "a7_tag": Tag,
    "a7_branch": DeleteBranch,
    "a7_squash": Squash,
    "a7_pull_request": Propose,
}

NAMES: Sequence[str] = tuple(STORIES)
