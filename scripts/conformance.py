"""Runs the client's own test suite against a fresh hub and writes the score to docs/reference/conformance.md.

The suite's runner and a git directory of the `huggingface_hub` repository are brought by hand: they are no part of this
project. Arguments that are not known here go to the runner (names of test files, `-k NAME`, `--production` ...); the
page is written only when all files were run.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from tests import lookalikes
from tests.hub import Account, Hub

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "conformance.md"
USER, OTHER, ENTERPRISE = "__DUMMY_HUB_USER__", "DVUser", "EnterpriseAdmin"

LISTS = "TestHfApiPublicProduction or TestExpandPropertyType"
"""Tests that read public repositories of which there are look-alikes here: lists, search and expand."""


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--suite", type=Path, required=True, help="the suite's run.py")
    options.add_argument("--git", type=Path, required=True, help="a git directory of the huggingface_hub repository")
    options.add_argument("--json", type=Path, help="keep the runner's records here")
    own, rest = options.parse_known_args()
    if not own.suite.is_file() or not own.git.is_dir():
        print(
            f"The conformance suite is not here ({own.suite}), or --git ({own.git}) is no git directory.\n"
            "make conformance CONFORMANCE=path/to/run.py CLIENT_GIT=path/to/huggingface_hub.git",
            file=sys.stderr,
        )
        return 2
    alike = [["test_xet_download"], ["test_kernels"], ["test_hf_api", "-k", LISTS]]
    runs = [rest] if rest else [[], *([*run, "--production"] for run in alike)]
    found = []
    with tempfile.TemporaryDirectory(prefix="pioche-conformance-") as folder:
        records = own.json or Path(folder, "records.json")
        with Hub(Path(folder), {"WORKERS": "2", "BACKSLASH_NAMES": "keep"}) as hub:
            environment = {**os.environ, **seed(hub)}
            for arguments in runs:
                if "--production" in arguments:  # the others expect that these repos are not here
                    environment |= look_alikes(hub)
                run = [sys.executable, str(own.suite), "--git", str(own.git), "--json", str(records), "--show", "20"]
                code = subprocess.run([*run, *arguments], env=environment, check=False).returncode
                found.append(json.loads(records.read_text()))
    if not rest:
        PAGE.write_text(page(found))
        print(f"wrote {PAGE.relative_to(ROOT)}")
    return code


def seed(hub: Hub) -> dict[str, str]:
    """The accounts that the suite expects; returns its environment."""
    user = named(hub, USER, "Dummy User")
    other = named(hub, OTHER, "DVUser")
    enterprise = named(hub, ENTERPRISE, "Enterprise Admin")
    hub.cli("org", "create", "valid_org_hub", "--fullname", "Dummy Hub Org")
    hub.cli("org", "add", "valid_org_hub", USER, "--role", "admin")
    hub.org("EnterpriseOrgPrivate", {ENTERPRISE: "admin"}, private_by_default=True)
    return {
        "HUB_URL": hub.endpoint,
        "HUBSUITE_TOKEN": user.token,
        "HUBSUITE_OTHER_TOKEN": other.token,
        "HUBSUITE_ENTERPRISE_TOKEN": enterprise.token,
    }


@cache
def look_alikes(hub: Hub) -> dict[str, str]:
    """What stands for well-known public repositories; returns what the suite needs to know of them."""
    chunked(hub)
    return {f"HUBSUITE_CONST_{name}": value for name, value in lookalikes.seed(hub).items()}


def chunked(hub: Hub) -> None:
    """The public repository that `test_xet_download` reads: one large file, kept as chunks."""
    owner = named(hub, "celinah", "Look-alike")
    upload = (
        "import os; from huggingface_hub import HfApi; api = HfApi(); "
        "api.create_repo('celinah/dummy-xet-testing', exist_ok=True); open('dummy.safetensors', 'wb').write(os.urandom(2**20)); "
        "api.upload_file(path_or_fileobj='dummy.safetensors', path_in_repo='dummy.safetensors', "
        "repo_id='celinah/dummy-xet-testing')"
    )
    environment = {**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": owner.token}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", upload], env=environment, cwd=folder, check=True)


def named(hub: Hub, name: str, fullname: str) -> Account:
    hub.cli("user", "create", name, "--fullname", fullname, "--email", f"{name.strip('_').lower()}@example.org")
    return Account(name, hub.token(name))


_OTHERS_PROVIDERS = "it expects models that other companies serve: a hub serves its own alone"
_NO_LEADERBOARD = "evaluation results belong to an issue to come"
_THEIR_FILES = (
    "it reads files of tens of gigabytes, or commits by their hashes, of repositories that have no look-alike"
)
_PRODUCTION = "TestHfApiPublicProduction::"
EXCEPTIONS = {
    "test_model_info": "it compares the second at which the public repository was created",
    "test_list_dataset_parquet_files": "the client refuses to ask any hub but the public one",
    "test_inference_provider_mapping_model_info": _OTHERS_PROVIDERS,
    "test_inference_provider_mapping_list_models": _OTHERS_PROVIDERS,
    "test_filter_models_by_inference_provider": _OTHERS_PROVIDERS,
    "test_get_dataset_leaderboard": _NO_LEADERBOARD,
    "test_get_dataset_leaderboard_base_model_filter": _NO_LEADERBOARD,
    "test_get_dataset_leaderboard_not_found": _NO_LEADERBOARD,
    "test_get_paths_info": _THEIR_FILES,
    "test_get_safetensors_metadata_single_file": _THEIR_FILES,
    "test_get_safetensors_metadata_sharded_model": _THEIR_FILES,
    "test_get_safetensors_metadata_from_revision": _THEIR_FILES,
    "test_parse_safetensors_metadata": _THEIR_FILES,
    "test_parse_safetensors_metadata_100kb_header": _THEIR_FILES,
    "test_not_a_safetensors_file": _THEIR_FILES,
}
"""Tests of public repositories that cannot pass over look-alikes, and why."""


def page(found: list[dict[str, Any]]) -> str:
    """The score by file, from the runner's records."""
    tests = [test for records in found for test in records["tests"] if test["class"] != "d"]
    table: dict[str, Counter[str]] = {}
    for test in tests:
        counts = table.setdefault(test["id"].split("::")[0].rsplit("/", 1)[-1], Counter())
        counts[outcome(test)] += 1
    rows = "\n".join(row(f"`{file}`", counts) for file, counts in sorted(table.items()))
    total = sum(table.values(), Counter())
    failed = sorted(_failure(test["id"].partition("/")[2]) for test in tests if outcome(test) == "failed")
    today = datetime.datetime.now(datetime.UTC).date()
    return f"""\
# Conformance

<!-- Made by `make conformance`. -->

The client's own test suite (`huggingface_hub` {found[0]["pip"]}, tests of {found[0]["ref"]}) against a fresh hub, {today}:
**{total["passed"]} passed, {total["not offered"]} met a 501 of what this version does not offer, {total["failed"]} failed.**
Left out are tests that cannot pass on any self-hosted hub (fixed public hosts, client pins). Of those that read well-known
public repositories `test_xet_download`, `test_kernels` and the lists, searches and `expand` of `test_hf_api` were run over
look-alikes.

The hub ran with `backslash_names = keep`: the suite uploads a name that climbs out of its folder on Windows, and tests
that the client refuses to write it. By default such names are refused with 422.

| file | passed | not offered (501) | failed |
| --- | --- | --- | --- |
{rows}
{row("**all**", total)}

{chr(10).join(["Failed:", "", *failed]) if failed else "None failed."}
"""


def _failure(name: str) -> str:
    why = EXCEPTIONS.get(name.partition(_PRODUCTION)[2])
    return f"- `{name}`" + (f": {why}" if why else "")


def outcome(test: dict[str, Any]) -> str:
    """`passed`, `skipped`, `not offered` or `failed`."""
    if test["outcome"] in ("passed", "skipped"):
        return str(test["outcome"])
    if test["outcome"] == "xfailed":
        return "skipped"
    return "not offered" if "501 Not Implemented" in test.get("why", "") else "failed"


def row(name: str, counts: "Counter[str]") -> str:
    return f"| {name} | {counts['passed']} | {counts['not offered'] or ''} | {counts['failed'] or ''} |"


if __name__ == "__main__":
    sys.exit(main())
