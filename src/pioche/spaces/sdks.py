"""How the app of each kind of Space is run: command, environment, port."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pioche.names import RepoId
from pioche.spaces.builds.plan import Plan
from pioche.spaces.flavours import Flavour
from pioche.spaces.hosts import PREFIX

CODE = Path("/app")
"""Where the files of the repo are."""
_MODULES = (
    "import runpy, sys; sys.path.insert(0, '.'); del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an app is told of itself. `hub` is where it reaches the hub, `host` where others reach it."""

    repo: RepoId
    title: str
    hub: str
    host: str
    creator: str
    flavour: Flavour


@dataclass(frozen=True, slots=True)
class Command:
    words: tuple[str, ...]
    environment: dict[str, str]
    port: int


def command(plan: Plan, python: str, about: About, values: Mapping[str, str]) -> Command:
    """Of a plan that has a Python. `values` are the Space's own variables and secrets, which do not count where the hub says
    something itself."""
    environment = {**values, **plan.environment, **_environment(plan, about)}
    return Command(_words(plan, python), environment, plan.port)


def _words(plan: Plan, python: str) -> tuple[str, ...]:
    if plan.command:
        return plan.command
    if plan.sdk == "streamlit":
        return (
            python, "-m", "streamlit", "run", plan.app_file, f"--server.port={plan.port}", "--server.address=127.0.0.1",
            "--server.headless=true", "--browser.gatherUsageStats=false",
            # The proxy looks at where a page comes from; Streamlit does not know its own address.
            "--server.enableCORS=false", "--server.enableXsrfProtection=false", "--server.fileWatcherType=none",
        )  # fmt: skip
    return (python, "-u", "-c", _MODULES, plan.app_file)


def _environment(plan: Plan, about: About) -> dict[str, str]:
    """As ui.md 2.3 and the Hub have it. What Gradio and WSGI servers have to know of their place is said once and for all."""
    prefix = f"{PREFIX}{about.repo.namespace}/{about.repo.name}"
    found = {
        "SYSTEM": "spaces",
        "SPACE_ID": str(about.repo),
        "SPACE_HOST": about.host.partition("://")[2],
        "SPACE_TITLE": about.title,
        "SPACE_AUTHOR_NAME": about.repo.namespace,
        "SPACE_REPO_NAME": about.repo.name,
        "SPACE_CREATOR_USER_ID": about.creator,
        "CPU_CORES": str(max(1, math.ceil(about.flavour.cores))),
        "MEMORY": f"{about.flavour.memory_bytes // 2**30 or 1}Gi",
        "ACCELERATOR": "none",
        "HF_ENDPOINT": about.hub,
        "HF_HOME": "/scratch/.cache/huggingface",
        "PORT": str(plan.port),
        "PYTHONUNBUFFERED": "1",
    }
    if plan.sdk in ("gradio", "docker"):
        found |= {
            "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(plan.port), "GRADIO_ROOT_PATH": prefix,
            "GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_ALLOW_FLAGGING": "never",
        }  # fmt: skip
    if plan.sdk == "streamlit":
        found["STREAMLIT_BROWSER_GATHER_USAGE_STATS"] = "false"
    return found
