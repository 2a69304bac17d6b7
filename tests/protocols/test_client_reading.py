"""Looking at a repo without downloading it: info, trees, safetensors headers, the file system."""

import json
import struct
from typing import Any

from tests.clients import Kind
from tests.clientside import Client
from tests.hub import Account, Hub


def safetensors(sizes: dict[str, list[int]]) -> bytes:
    """A file of zeros with these tensors of 32-bit floats (format: 8 bytes of length, a JSON header, the data)."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in sizes.items():
        count = 1
        for side in shape:
            count *= side
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + 4 * count]}
        end += 4 * count
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def look(client: Client, repo: str, weights: str) -> Any:
    api = client.api
    card = b"---\nlicense: mit\nlibrary_name: transformers\npipeline_tag: fill-mask\ntags: [tiny]\n---\n# Tiny\n"
    api.create_repo(repo)
    api.create_commit(
        repo,
        [
            client.hub.CommitOperationAdd("README.md", card),
            client.hub.CommitOperationAdd("model.safetensors", bytes.fromhex(weights)),
            client.hub.CommitOperationAdd("deep/er/x.txt", b"x\n"),
        ],
        commit_message="All",
    )
    info = api.model_info(repo, files_metadata=True)
    metadata = api.get_safetensors_metadata(repo)
    tree = list(api.list_repo_tree(repo, recursive=True, expand=True))
    some = api.get_paths_info(repo, ["deep", "deep/er/x.txt", "absent"], expand=True)
    head = client.hub.get_hf_file_metadata(client.hub.hf_hub_url(repo, "model.safetensors"))
    files = {sibling.rfilename: sibling for sibling in info.siblings}
    weights_file = files["model.safetensors"]
    return {
        "info": [info.id, info.author, info.private, info.pipeline_tag, info.library_name, info.downloads, info.likes],
        "tags": sorted(set(info.tags) & {"tiny", "license:mit", "transformers"}),
        "card": info.card_data.license,
        "files": sorted(files),
        "weights": [weights_file.size, weights_file.lfs.sha256 == client.sha256(bytes.fromhex(weights))],
        "parameters": metadata.parameter_count,
        "tensors": metadata.files_metadata["model.safetensors"].tensors["b"].shape,
        "tree": sorted([type(entry).__name__, entry.path, entry.last_commit.title] for entry in tree),
        "some": sorted(entry.path for entry in some),
        "head": [head.size, head.etag == weights_file.lfs.sha256, head.commit_hash == info.sha],
        "listed": repo in [model.id for model in api.list_models(author=info.author, limit=1000)],
    }


def test_a_repo_is_described(kind: Kind, hub: Hub, ada: Account, repo: str) -> None:
    weights = safetensors({"a": [16, 4], "b": [3]})
    assert kind.tell(look, hub, ada.token, repo=repo, weights=weights.hex()) == {
        "info": [repo, ada.name, False, "fill-mask", "transformers", 0, 0],
        "tags": ["license:mit", "tiny", "transformers"],
        "card": "mit",
        "files": [".gitattributes", "README.md", "deep/er/x.txt", "model.safetensors"],
        "weights": [len(weights), True],
        "parameters": {"F32": 67},
        "tensors": [3],
        "tree": [
            ["RepoFile", ".gitattributes", "initial commit"],
            ["RepoFile", "README.md", "All"],
            ["RepoFile", "deep/er/x.txt", "All"],
            ["RepoFile", "model.safetensors", "All"],
            ["RepoFolder", "deep", "All"],
            ["RepoFolder", "deep/er", "All"],
        ],
        "some": ["deep", "deep/er/x.txt"],
        "head": [len(weights), True, True],
        "listed": True,
    }


def walk(client: Client, repo: str) -> Any:
    """HfFileSystem as pandas, pyarrow and datasets use it."""
    fs = client.hub.HfFileSystem()
    root = f"datasets/{repo}"
    client.api.create_repo(repo, repo_type="dataset")
    binary = client.noise(300_000, repo)
    with fs.open(f"{root}/data/rows.csv", "wb") as file:
        file.write(b"a,b\n1,2\n")
    with fs.open(f"{root}/data/blob.bin", "wb") as file:
        file.write(binary)
    fs.cp_file(f"{root}/data/blob.bin", f"{root}/copy.bin")
    with fs.open(f"{root}/data/blob.bin", "rb", block_size=64_000) as file:
        file.seek(123_456)
        middle = file.read(100)
        file.seek(-10, 2)
        end = file.read()
    found = {
        "ls": sorted(name.removeprefix(root + "/") for name in fs.ls(root, detail=False)),
        "glob": [name.removeprefix(root + "/") for name in fs.glob(f"{root}/**/*.csv")],
        "find": len(fs.find(root)),
        "text": fs.read_text(f"{root}/data/rows.csv"),
        "ranges": [middle == binary[123_456:123_556], end == binary[-10:]],
        "whole": client.sha256(fs.read_bytes(f"{root}/copy.bin")) == client.sha256(binary),
        "size": fs.info(f"{root}/data/blob.bin")["size"],
        "exists": [fs.exists(f"{root}/data"), fs.exists(f"{root}/absent")],
        "absent": client.refusal(fs.open, f"{root}/absent.txt", "rb")["classes"][0],
    }
    fs.rm(f"{root}/data", recursive=True)
    found["left"] = sorted(name.removeprefix(root + "/") for name in fs.ls(root, detail=False, refresh=True))
    return found


def test_the_file_system_reads_writes_and_removes(kind: Kind, hub: Hub, ada: Account, repo: str) -> None:
    assert kind.tell(walk, hub, ada.token, repo=repo) == {
        "ls": [".gitattributes", "copy.bin", "data"],
        "glob": ["data/rows.csv"],
        "find": 4,
        "text": "a,b\n1,2\n",
        "ranges": [True, True],
        "whole": True,
        "size": 300_000,
        "exists": [True, False],
        "absent": "FileNotFoundError",
        "left": [".gitattributes", "copy.bin"],
    }
