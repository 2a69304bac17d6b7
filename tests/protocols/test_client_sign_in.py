"""`hf auth login` by way of a browser: the stock client's own device flow, its token, and the next one."""

import re
from typing import Any

from tests.clients import CURRENT, Kind
from tests.clientside import Client
from tests.hub import Account, Hub


def sign_in(client: Client, session: str, org: str) -> Any:
    """The command, as somebody types it; and a browser in which they are signed in."""
    import configparser
    import os
    import re
    import subprocess
    import sys
    import urllib.parse
    import urllib.request

    def browse(path: str, **fields: str) -> str:
        asked = urllib.request.Request(os.environ["HF_ENDPOINT"] + path, headers={"cookie": session})
        if fields:
            asked.data = urllib.parse.urlencode({**fields, "csrf": token}).encode()
        with urllib.request.urlopen(asked) as answer:
            return str(answer.read().decode())

    found = re.search(r'name="csrf-token" content="([^"]+)"', browse("/"))
    assert found
    token = found[1]
    command = [sys.executable, "-c", "from huggingface_hub.cli.hf import main; main()", "auth", "login"]
    login = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert login.stdout
    seen = ""
    while not (shown := re.search(r"\b([B-Z]{4}-[B-Z]{4})\b", seen)):
        line = login.stdout.readline()
        assert line, seen
        seen += line
    browse("/device", user_code=shown[1])
    done = browse("/device/answer", user_code=shown[1], answer="yes", org=org)
    seen += login.communicate(timeout=60)[0]
    stored = configparser.ConfigParser(interpolation=None)
    stored.read(os.path.join(os.environ["HF_HOME"], "stored_tokens"))
    name = stored.sections()[0]
    api = client.api
    who = api.whoami()
    api.create_repo(f"{org}/by-browser", private=True)
    api.upload_file(repo_id=f"{org}/by-browser", path_or_fileobj=b"x", path_in_repo="x")

    from huggingface_hub.errors import DeviceCodeError
    from huggingface_hub.utils._oauth_device import refresh_access_token

    old = stored[name]["refresh_token"]
    fresh = refresh_access_token(old)
    status = client.refusal(api.whoami)["status"]  # with the token of before
    renewed = client.hub.HfApi(token=fresh["access_token"]).whoami()["name"]
    try:
        refresh_access_token(old)
        error = ""
    except DeviceCodeError as refused:
        error = str(refused.error_code)
    return {"code": login.returncode, "stored": name, "who": who["name"], "done": "connected" in done, "seen": seen,
            "expires": "expires_at" in stored[name], "before": status, "renewed": renewed, "error": error}  # fmt: skip


def test_a1_hf_auth_login_by_way_of_a_browser(hub: Hub, ada: Account) -> None:
    org = hub.org(hub.name("lab"), {ada.name: "write"})
    told = Kind(CURRENT).tell(sign_in, hub, None, session=hub.session(ada.name), org=org)
    seen = told.pop("seen")
    assert re.search(r"/device\?user_code=", seen), seen
    assert told == {
        "code": 0,
        "stored": f"oauth-{ada.name}",
        "who": ada.name,
        "done": True,
        "expires": True,
        "before": 401,
        "renewed": ada.name,
        "error": "invalid_grant",
    }, seen
