"""Apps of Spaces on a real hub, from a push to their end (issue 7; reliability.md E-SPACE, F-ISO, H-RUN-1)."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import LEAST_FOR_CODE
from tests.hub import Account, Hub, free_port

_SECONDS = 60.0
CARD = "---\ntitle: Demo\nsdk: gradio\n{more}---\n"
APP = """
import http.server, json, os

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/crash":
            os._exit(3)
        print("asked", self.path, os.environ.get("KEY", ""), flush=True)
        body = json.dumps({"path": self.path, "headers": list(self.headers.items()), "version": VERSION,
                           "environment": dict(os.environ)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "own=1; Domain=localhost; Path=/")
        self.send_header("Set-Cookie", "pioche_session=stolen")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def app(version: int = 1) -> str:
    return f"VERSION = {version}\n{APP}"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    found = Sandbox(tmp_path_factory.mktemp("probe")).find_out()
    if found.level is None or found.level < LEAST_FOR_CODE:
        pytest.skip("no sandbox here that strangers' code may run in")
    with Hub(tmp_path_factory.mktemp("spaces"), {"SPACES_PORT": str(free_port())}) as running:
        yield running


@pytest.fixture
def ada(hub: Hub) -> Account:
    return hub.user(hub.name("ada"))


class Space:
    """One of ada's, and how it is asked."""

    def __init__(
        self, hub: Hub, ada: Account, files: dict[str, str], *, sdk: str = "gradio", private: bool = False
    ) -> None:
        self.hub, self.api, self.name = hub, HfApi(hub.endpoint, token=ada.token), f"{ada.name}/demo"
        self.api.create_repo(self.name, repo_type="space", space_sdk=sdk, private=private)
        self.push(files)

    def push(self, files: dict[str, str]) -> None:
        operations = [CommitOperationAdd(path, text.encode()) for path, text in files.items()]
        self.api.create_commit(self.name, operations, commit_message="Change", repo_type="space")

    @property
    def host(self) -> str:
        return str(self.api.space_info(self.name).host)

    @property
    def stage(self) -> str:
        return str(self.api.get_space_runtime(self.name).stage)

    def get(self, path: str = "/", **headers: str) -> httpx.Response:
        return httpx.get(
            f"{self.host}{path}", headers={name.replace("_", "-"): text for name, text in headers.items()}, timeout=90
        )

    def becomes(self, *stages: str) -> None:
        _until(lambda: self.stage in stages, lambda: f"{self.stage}, not {stages}:\n{self.hub.output()[-3000:]}")

    def answers(self, **headers: str) -> dict[str, object]:
        """Once it does."""
        found = httpx.Response(500)

        def asked() -> bool:
            nonlocal found
            found = self.get(**headers)
            return found.status_code == 200

        _until(asked, lambda: f"{found.status_code} {found.text[:500]}")
        body: dict[str, object] = found.json()
        return body


def _until(done: Callable[[], bool], told: Callable[[], str]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not done():
        assert time.monotonic() < deadline, told()
        time.sleep(0.2)


def test_an_app_is_built_from_a_push_and_answers_in_its_sandbox(hub: Hub, ada: Account) -> None:
    space = Space(hub, ada, {"README.md": CARD.format(more=""), "app.py": app()})
    answer = space.answers()
    environment = answer["environment"]
    assert isinstance(environment, dict)
    assert environment["SPACE_ID"] == space.name
    assert environment["SYSTEM"] == "spaces"
    assert environment["HF_ENDPOINT"].endswith(f":{hub.port}")
    assert not [name for name in environment if name.startswith("PIOCHE")]
    space.becomes("RUNNING")
    runtime = space.api.get_space_runtime(space.name)
    assert (runtime.stage, runtime.hardware) == ("RUNNING", "cpu-basic")
    assert space.api.space_info(space.name).runtime.stage == "RUNNING"
    by_name = httpx.get(
        f"http://localhost:{space.host.rpartition('/run/')[0].rpartition(':')[2]}/x?y=1",
        headers={
            "host": f"{space.api.space_info(space.name).subdomain}.localhost:{space.host.split(':')[2].split('/')[0]}"
        },
    )
    assert by_name.json()["path"] == "/x?y=1"


def test_p6_a_push_replaces_an_app_that_answers_until_then_and_a_failed_one_does_not(hub: Hub, ada: Account) -> None:
    space = Space(hub, ada, {"README.md": CARD.format(more=""), "app.py": app(1)})
    assert space.answers()["version"] == 1
    space.push({"app.py": "import time\ntime.sleep(2)\n" + app(2)})
    seen = set[object]()
    deadline = time.monotonic() + _SECONDS
    while 2 not in seen and time.monotonic() < deadline:
        answer = space.get()
        assert answer.status_code == 200
        seen.add(answer.json()["version"])
    assert seen == {1, 2}
    space.push({"app.py": "raise SystemExit('it is broken')"})
    space.becomes("RUNTIME_ERROR")
    assert space.get().json()["version"] == 2


@pytest.mark.filterwarnings("ignore:Warnings while validating metadata")
def test_wrong_configuration_gives_the_stages_of_the_hub_with_the_line(hub: Hub, ada: Account) -> None:
    space = Space(hub, ada, {"README.md": CARD.format(more="")})
    space.becomes("NO_APP_FILE")
    space.push({"README.md": CARD.format(more="app_port: many\n"), "app.py": app()})
    space.becomes("CONFIG_ERROR")
    runtime = space.api.get_space_runtime(space.name)
    assert "README.md, line 4" in runtime.raw["errorMessage"]
    answer = space.get()
    assert answer.status_code == 502
    assert answer.json()["stage"] == "CONFIG_ERROR"
    page = space.get(accept="text/html", accept_language="fr")
    assert "La configuration de ce Space est fausse" in page.text


@pytest.mark.filterwarnings("ignore:If your Space runs on the default")
def test_pausing_restarting_sleeping_and_waking(hub: Hub, ada: Account) -> None:
    space = Space(hub, ada, {"README.md": CARD.format(more=""), "app.py": app()})
    space.answers()
    assert space.api.pause_space(space.name).stage
    space.becomes("PAUSED")
    assert space.get().status_code == 502 or space.get().status_code == 503
    space.api.restart_space(space.name)
    assert space.api.wait_for_space(space.name, timeout=60).stage == "RUNNING"
    with pytest.raises(HfHubHTTPError, match="60 to"):
        space.api.set_space_sleep_time(space.name, 5)
    space.api.set_space_sleep_time(space.name, 60)
    assert space.api.get_space_runtime(space.name).sleep_time == 60
    hub_process = next(number for number, name in hub.children().items() if name == "spaces")
    os.kill(hub_process, signal.SIGKILL)  # after its start, what answered before sleeps until it is asked
    space.becomes("SLEEPING")
    assert space.answers()["version"] == 1
    space.becomes("RUNNING")


def test_e_space_secrets_are_the_apps_alone(hub: Hub, ada: Account) -> None:
    secret, eve = "sesame-open-3141", hub.user(hub.name("eve"))
    space = Space(hub, ada, {"README.md": CARD.format(more=""), "app.py": app()})
    space.api.add_space_variable(space.name, "COLOUR", "blue", description="of the page")
    space.api.add_space_secret(space.name, "KEY", secret)
    with pytest.raises(HfHubHTTPError, match="KEY is a secret already"):
        space.api.add_space_variable(space.name, "KEY", "plain")
    with pytest.raises(HfHubHTTPError, match="given by the hub"):
        space.api.add_space_variable(space.name, "HF_ENDPOINT", "http://elsewhere")
    assert space.api.get_space_variables(space.name)["COLOUR"].value == "blue"
    assert set(space.api.get_space_secrets(space.name)) == {"KEY"}
    _until(lambda: bool(space.get().status_code == 200 and secret in space.get().text), lambda: space.get().text[:500])
    base = f"{hub.endpoint}/api/spaces/{space.name}"
    for path in ("", "/runtime", "/secrets", "/variables"):
        assert secret not in httpx.get(base + path, headers=ada.bearer).text
    lines = "".join(space.api.fetch_space_logs(space.name))
    assert "asked /" in lines
    assert secret not in lines
    assert "***" in lines
    for path in ("/logs/run", "/logs/build", "/secrets", "/variables"):
        assert httpx.get(base + path, headers=eve.bearer).status_code == 403
        assert httpx.get(base + path).status_code == 401
    copy = HfApi(hub.endpoint, token=eve.token)
    copy.duplicate_repo(space.name, f"{eve.name}/copy", repo_type="space")
    assert set(copy.get_space_variables(f"{eve.name}/copy")) == {"COLOUR"}
    assert copy.get_space_secrets(f"{eve.name}/copy") == {}
    assert secret not in (Path(hub.data_dir) / "pioche.db").read_bytes().decode("latin-1")


def test_f_iso_what_is_the_hubs_never_reaches_an_app_and_its_cookies_stay_its_own(hub: Hub, ada: Account) -> None:
    space = Space(hub, ada, {"README.md": CARD.format(more=""), "app.py": app()})
    space.answers()
    answer = space.get(cookie=f"pioche_session_{hub.port}=secret; theirs=1", authorization=f"Bearer {ada.token}")
    assert "secret" not in json.dumps(answer.json()["headers"])
    assert ada.token not in answer.text
    assert ["Cookie", "theirs=1"] in answer.json()["headers"]
    prefix = f"/run/{space.name}"
    assert [value for name, value in answer.headers.multi_items() if name == "set-cookie"] == [f"own=1; Path={prefix}/"]
    assert "allow-same-origin" not in answer.headers["content-security-policy"]
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_private_app_is_for_who_may_read_its_repo(hub: Hub, ada: Account) -> None:
    eve = hub.user(hub.name("eve"))
    space = Space(hub, ada, {"README.md": CARD.format(more=""), "app.py": app()}, private=True)
    found = space.answers(x_hf_authorization=f"Bearer {ada.token}")
    assert ada.token not in json.dumps(found)
    assert space.get().status_code == 404
    assert space.get(authorization=f"Bearer {eve.token}").status_code == 404
    absent = httpx.get(f"{space.host}-absent/")
    assert absent.text == space.get().text


def test_a_static_space_is_its_files(hub: Hub, ada: Account) -> None:
    files = {
        "README.md": "---\nsdk: static\n---\n",
        "index.html": "<!doctype html><html><head><title>x</title></head>hello</html>",
        "a/b.js": "export const one = 1;",
        "404.html": "nothing",
    }
    space = Space(hub, ada, files, sdk="static")
    space.api.add_space_variable(space.name, "COLOUR", "</script>blue")
    _until(lambda: "COLOUR" in space.get("/").text, lambda: space.get("/").text)
    page = space.get("/")
    assert '<head><script>window.huggingface={"variables":' in page.text
    assert "<\\/script>blue" in page.text
    assert f'"HF_ENDPOINT":"http://localhost:{hub.port}"' in page.text
    assert space.get("/a/b.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert space.get("/absent").status_code == 404
    assert space.get("/absent").text.endswith("nothing")
    for path in ("/..%2f..%2fpioche.db", "/%2e%2e/x", "/a/../../x"):
        assert space.get(path).status_code == 404
    assert space.get("").status_code == 307


def test_a_static_space_may_be_built(hub: Hub, ada: Account) -> None:
    command = "mkdir dist && sed s/NAME/world/ page.in > dist/index.html"
    card = f"---\nsdk: static\napp_build_command: {command}\napp_file: dist/index.html\n---\n"
    space = Space(hub, ada, {"README.md": card, "page.in": "hello NAME"}, sdk="static")
    _until(lambda: "hello world" in space.get("/").text, lambda: space.get("/").text)
    assert space.get("/page.in").status_code == 404


def test_a_dockerfile_of_a_plain_app_is_followed(hub: Hub, ada: Account) -> None:
    dockerfile = """FROM python:3.11
WORKDIR /srv/site
COPY web /srv/site
COPY words.txt data/words.txt
ENV GREETING=hello
CMD ["python", "serve.py"]
"""
    serve = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{os.environ['GREETING']} {open('data/words.txt').read()} in {os.getcwd()}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", 7860), Handler).serve_forever()
"""
    files = {
        "README.md": "---\nsdk: docker\n---\n",
        "Dockerfile": dockerfile,
        "web/serve.py": serve,
        "words.txt": "world",
    }
    space = Space(hub, ada, files, sdk="docker")
    _until(
        lambda: "hello world in /srv/site" in space.get("/").text, lambda: f"{space.stage} {space.get('/').text[:500]}"
    )
