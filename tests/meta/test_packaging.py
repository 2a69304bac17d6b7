"""What `packaging/` gives to operators is well formed and fits this version: nginx, systemd, Dockerfile, compose."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pioche import config
from scripts import lock
from tests import nginx

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"


def test_every_file_is_checked_here() -> None:
    names = {path.name for path in PACKAGING.iterdir()}
    assert names == {
        "nginx.conf",
        "pioche.service",
        "Dockerfile",
        "Dockerfile.dockerignore",
        "compose.yaml",
        "lock.txt",
    }


# --- nginx -----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(nginx.PROGRAM is None, reason="nginx is not installed")
def test_nginx_takes_the_sample(tmp_path: Path) -> None:
    main = nginx.write(tmp_path / "nginx", tmp_path, [8000, 8001], https=8443, http=8080)
    done = subprocess.run(
        [str(nginx.PROGRAM), "-t", "-e", str(tmp_path / "log"), "-p", str(tmp_path), "-c", str(main)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_the_sample_of_nginx_is_balanced_and_has_what_the_hub_needs() -> None:
    text = re.sub(r"#.*", "", nginx.SAMPLE.read_text())
    assert text.count("{") == text.count("}")
    assert all(line.strip()[-1] in ";{}" for line in text.splitlines() if line.strip())
    for needed in (
        "client_max_body_size 67174400;",
        "proxy_request_buffering off;",
        "etag off;",
        "internal;",
        "merge_slashes off;",
    ):
        assert needed in text


# --- systemd ---------------------------------------------------------------------------------------------------------


def unit() -> dict[str, list[tuple[str, str]]]:
    """The sections of the service: names and values."""
    found: dict[str, list[tuple[str, str]]] = {}
    section: list[tuple[str, str]] = []
    for line in (PACKAGING / "pioche.service").read_text().splitlines():
        if line.startswith("["):
            assert line.endswith("]"), line
            section = found.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals, line
            assert re.fullmatch(r"[A-Z][A-Za-z0-9]+", name), line
            section.append((name, value))
    return found


def test_the_service_of_systemd_is_well_formed() -> None:
    found = unit()
    assert set(found) == {"Unit", "Service", "Install"}
    service = dict(found["Service"])
    assert service["ExecStart"].endswith("pioche serve")
    assert service["User"] == "pioche"
    assert int(service["TimeoutStopSec"]) > config.Config().drain_seconds
    for name, value in found["Service"]:
        if name == "Environment":
            key = value.partition("=")[0].removeprefix(config.PREFIX)
            assert key in {"CONFIG"} | {setting.name.upper() for setting in config.settings()}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_service(tmp_path: Path) -> None:
    text = (PACKAGING / "pioche.service").read_text()
    copy = tmp_path / "pioche.service"
    copy.write_text(text.replace("/opt/pioche/bin/pioche", "/bin/true"))  # it looks for the program
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# --- containers ------------------------------------------------------------------------------------------------------

_INSTRUCTIONS = frozenset(
    "ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK RUN STOPSIGNAL USER VOLUME WORKDIR".split()
)


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"(?m)^\s*#.*\n", "", (PACKAGING / "Dockerfile").read_text()).replace("\\\n", " ")
    found = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return [(word, " ".join(rest.split())) for word, rest in found]


def test_the_dockerfile_has_two_stages_no_root_and_a_healthcheck() -> None:
    found = instructions()
    assert {word for word, _ in found} <= _INSTRUCTIONS
    stages = [at for at, (word, _) in enumerate(found) if word == "FROM"]
    assert len(stages) == 2
    last = found[stages[-1] :]
    users = [rest for word, rest in last if word == "USER"]
    assert users == ["pioche"]
    assert last.index(("USER", "pioche")) > max(at for at, (word, _) in enumerate(last) if word == "RUN")
    assert json.loads(dict(last)["ENTRYPOINT"]) == ["pioche"]
    assert json.loads(dict(last)["CMD"]) == ["serve"]
    healthcheck = dict(last)["HEALTHCHECK"]
    compile(json.loads(healthcheck[healthcheck.index("[") :])[2], "healthcheck", "exec")


def test_what_the_dockerfile_copies_is_there_and_let_through() -> None:
    let_through = (PACKAGING / "Dockerfile.dockerignore").read_text().splitlines()
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for name in rest.split()[:-1]:
                assert (ROOT / name).exists(), name
                assert f"!{name.removeprefix('./')}" in let_through
    for word, rest in instructions():
        if word == "ENV":
            for name in re.findall(r"PIOCHE_([A-Z_]+)=", rest):
                assert name.lower() in {setting.name for setting in config.settings()}


def locked() -> dict[str, str]:
    lines = [line for line in (PACKAGING / "lock.txt").read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def test_the_lock_names_versions_and_no_place() -> None:
    for name, version in locked().items():
        assert re.fullmatch(r"[a-z0-9-]+", name), name
        assert Version(version).local is None, name


def test_the_lock_has_a_version_for_all_that_the_project_asks_for() -> None:
    """`scripts/lock.py` writes it anew."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked, extras = list(project["dependencies"]), list(lock.EXTRAS.split(","))
    while extras:
        for line in project["optional-dependencies"][extras.pop()]:
            needed = Requirement(line)
            if needed.name == "pioche":
                extras += needed.extras
            else:
                asked.append(line)
    found = locked()
    for needed in map(Requirement, asked):
        assert found.get(canonicalize_name(needed.name), "") in needed.specifier, needed


def test_docker_takes_the_dockerfile() -> None:
    """Where a daemon with BuildKit answers; elsewhere the tests above are all there is."""
    asked = ["docker", "build", "--check", "--file", str(PACKAGING / "Dockerfile"), str(ROOT)]
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if "unknown flag" in done.stderr or "Cannot connect" in done.stderr or "BuildKit" in done.stderr:
        pytest.skip("no docker that can check")
    assert done.returncode == 0, done.stderr


_SERVICE_KEYS = frozenset(
    """
    build cap_drop command depends_on environment healthcheck image init ports read_only restart security_opt
    stop_grace_period tmpfs volumes
    """.split()
)


def compose() -> dict[str, Any]:
    found = yaml.safe_load((PACKAGING / "compose.yaml").read_text())
    assert isinstance(found, dict)
    return found


def test_the_compose_file_hangs_together() -> None:
    found = compose()
    assert set(found) == {"name", "services", "volumes"}
    for name, service in found["services"].items():
        assert set(service) <= _SERVICE_KEYS, name
        assert "image" in service
        assert set(service.get("depends_on", {})) <= set(found["services"])
        for other, needs in service.get("depends_on", {}).items():
            if needs["condition"] == "service_healthy":
                assert "healthcheck" in found["services"][other]
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in found["volumes"]
    build = found["services"]["hub"]["build"]
    assert (PACKAGING / build["context"] / build["dockerfile"]).exists()


def test_the_settings_in_the_compose_file_are_right() -> None:
    environment = {
        key: re.sub(r"\$\{[A-Z_]+:[-?]([^}]*)\}", lambda match: match[1] if ":-" in match[0] else "x", str(value))
        for key, value in compose()["services"]["hub"]["environment"].items()
    }
    loaded = config.load(environ=environment)
    assert loaded.storage_url == "s3://pioche"
    assert loaded.database_url == "postgresql://pioche:x@database:5432/pioche"
    grace = int(compose()["services"]["hub"]["stop_grace_period"].rstrip("s"))
    assert grace > loaded.drain_seconds
