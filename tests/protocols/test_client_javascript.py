"""The JavaScript client, on a machine that has Node.js."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import clients
from tests.hub import Account, Hub

SCRIPT = Path(__file__).with_name("client.mjs")
PACKAGE = "@huggingface/hub@2.17.5"

pytestmark = pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="Node.js is not installed")


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_javascript_publishes_and_reads(hub: Hub, ada: Account, repo: str, tmp_path: Path, xet: bool) -> None:
    folder = clients.javascript(PACKAGE)
    shutil.copy(SCRIPT, folder / SCRIPT.name)
    ours = {"HUB": hub.endpoint, "TOKEN": ada.token, "REPO": repo, "XET": "1" if xet else "0"}
    done = subprocess.run(
        ["node", SCRIPT.name],
        cwd=folder,
        env=os.environ | ours,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "url": f"{hub.endpoint}/{repo}",
        "files": [
            "directory sub folder",
            "file .gitattributes",
            "file notes.txt",
            "file sub folder/weights.bin",
        ],
        "byXet": xet,
        "commits": ["From JavaScript", "initial commit"],
        "plain": True,
        "byDefault": True,
        "part": True,
        "exists": [True, False, False],
        "info": [repo, True, 40, ada.name],
        "listed": True,
        "me": ada.name,
        "afterDeletion": False,
        "stranger": 401,
    }
