"""Repos made over the public API, as a client makes them: an ordinary commit call, one line a file."""

import base64
import json
from collections.abc import Mapping

import httpx


def create(client: httpx.Client, name: str, *, kind: str = "model", private: bool = False) -> None:
    """An empty repo `namespace/name`; `client` has the address and the token. A Space is a static one."""
    namespace, _, short = name.partition("/")
    body = {"name": short, "organization": namespace, "type": kind, "private": private}
    if kind == "space":
        body["sdk"] = "static"
    client.post("/api/repos/create", json=body).raise_for_status()


def commit(
    client: httpx.Client,
    name: str,
    files: Mapping[str, str | bytes],
    *,
    kind: str = "model",
    delete: tuple[str, ...] = (),
    summary: str = "Begin",
) -> None:
    """One commit on main: `files` by path, and paths to delete."""
    lines: list[dict[str, object]] = [{"key": "header", "value": {"summary": summary}}]
    for path, given in files.items():
        content = base64.b64encode(given.encode() if isinstance(given, str) else given).decode()
        lines.append({"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}})
    lines += [{"key": "deletedFile", "value": {"path": path}} for path in delete]
    payload = "\n".join(json.dumps(line) for line in lines)
    headers = {"content-type": "application/x-ndjson"}
    client.post(f"/api/{kind}s/{name}/commit/main", content=payload, headers=headers).raise_for_status()
