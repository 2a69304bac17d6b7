"""Administration of a hub whose rows are in PostgreSQL and whose large files are in an S3 store, by its commands."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from pioche.storage.blobs import BlobStore, blob_key
from pioche.storage.blobs.connect import open_store
from tests.behaviour.stores import config_of
from tests.hub import Account, Hub
from tests.objectstore import ObjectStore


def upload(hub: Hub, ada: Account, repo: str, data: bytes) -> str:
    """A large file, committed as weights.bin; its sha256."""
    sha256 = hashlib.sha256(data).hexdigest()
    with httpx.Client(base_url=hub.endpoint, headers=ada.bearer, timeout=60) as client:
        body = {"organization": repo.partition("/")[0], "name": repo.partition("/")[2], "type": "model"}
        client.post("/api/repos/create", json=body).raise_for_status()
        asked = {"operation": "upload", "objects": [{"oid": sha256, "size": len(data)}]}
        batch = client.post(f"/{repo}.git/info/lfs/objects/batch", json=asked).raise_for_status().json()
        client.put(batch["objects"][0]["actions"]["upload"]["href"], content=data).raise_for_status()
        lines = (
            f'{{"key": "header", "value": {{"summary": "x"}}}}\n{{"key": "lfsFile", "value": '
            f'{{"path": "weights.bin", "algo": "sha256", "oid": "{sha256}", "size": {len(data)}}}}}'
        )
        client.post(f"/api/models/{repo}/commit/main", content=lines).raise_for_status()
    return sha256


def keys(blobs: BlobStore, folder: str = "blobs") -> set[str]:
    return {stored.key for stored in blobs.list(folder)}


def opened(store: ObjectStore, prefix: str, folder: Path) -> BlobStore:
    return open_store(config_of(store, folder, **store.settings(prefix)))


def test_what_is_damaged_is_found_what_is_deleted_comes_free_and_all_of_it_is_backed_up(
    cluster: Callable[..., Hub], object_store: ObjectStore, tmp_path: Path
) -> None:
    prefix, elsewhere = object_store.prefix(), object_store.prefix()
    hub = cluster(**object_store.settings(prefix))
    blobs = opened(object_store, prefix, tmp_path)
    ada = hub.user("ada")
    data, other = os.urandom(300_000), os.urandom(200_000)
    kept, gone = upload(hub, ada, "ada/kept", data), upload(hub, ada, "ada/gone", other)
    assert keys(blobs) == {blob_key(kept), blob_key(gone)}
    assert hub.command("fsck").returncode == 0

    httpx.request(
        "DELETE", f"{hub.endpoint}/api/repos/delete", headers=ada.bearer, json={"organization": "ada", "name": "gone"}
    ).raise_for_status()
    hub.cli("gc", "--now")
    assert keys(blobs) == {blob_key(kept)}, "only what somebody holds"
    assert hub.command("fsck").returncode == 0

    made = hub.cli("backup", f"s3://{object_store.bucket}/{elsewhere}")
    assert made["files"] > 0
    assert hub.command("backup", str(tmp_path / "on-disk")).returncode == 0
    url = f"{hub.endpoint}/ada/kept/resolve/main/weights.bin"
    assert httpx.get(url, headers=ada.bearer, follow_redirects=True).content == data

    blobs.delete(blob_key(kept))
    found = hub.command("fsck")
    assert found.returncode != 0
    assert kept in found.stdout + found.stderr


@pytest.mark.long
def test_large_files_move_from_the_disk_to_the_store(
    object_store: ObjectStore, tmp_path: Path, cluster: Callable[..., Hub]
) -> None:
    """J3: the same bytes, the same addresses."""
    prefix = object_store.prefix()
    access = {key: value for key, value in object_store.settings(prefix).items() if key != "storage_url"}
    hub = cluster(storage_url="", **access)
    ada = hub.user("ada")
    data = os.urandom(300_000)
    sha256 = upload(hub, ada, "ada/m", data)
    hub.stop()
    moved = hub.command("migrate-storage", "--to-storage-url", f"s3://{object_store.bucket}/{prefix}")
    assert moved.returncode == 0, moved.stderr
    blobs = opened(object_store, prefix, tmp_path)
    assert b"".join(blobs.read(blob_key(sha256), 0, len(data))) == data
    (hub.data_dir / blob_key(sha256)).unlink()
    hub.settings["STORAGE_URL"] = f"s3://{object_store.bucket}/{prefix}"
    hub.start()
    found = httpx.get(
        f"{hub.endpoint}/ada/m/resolve/main/weights.bin", headers=ada.bearer, follow_redirects=True, timeout=60
    )
    assert found.content == data
