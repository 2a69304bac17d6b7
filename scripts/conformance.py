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
from pathlib import Path
from typing import Any

from tests.hub import Account, Hub

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "conformance.md"
USER, OTHER, ENTERPRISE = "__DUMMY_HUB_USER__", "DVUser", "EnterpriseAdmin"


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
    with tempfile.TemporaryDirectory(prefix="pioche-conformance-") as folder:
        records = own.json or Path(folder, "records.json")
        with Hub(Path(folder), {"WORKERS": "2"}) as hub:
            run = [sys.executable, str(own.suite), "--git", str(own.git), "--json", str(records), "--show", "20", *rest]
            code = subprocess.run(run, env={**os.environ, **seed(hub)}, check=False).returncode
        found = json.loads(records.read_text()) if records.exists() else None
    if found is not None and not rest:
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


def named(hub: Hub, name: str, fullname: str) -> Account:
    hub.cli("user", "create", name, "--fullname", fullname, "--email", f"{name.strip('_').lower()}@example.org")
    return Account(name, hub.token(name))


def page(found: dict[str, Any]) -> str:
    """The score by file and class, from the runner's records."""
    table: dict[str, Counter[str]] = {}
    for test in found["tests"]:
        file = test["id"].split("::")[0].rsplit("/", 1)[-1]
        counts = table.setdefault(file, Counter())
        if test["outcome"] not in ("skipped", "xfailed"):
            counts[test["class"] + " run"] += 1
            counts[test["class"] + " passed"] += test["outcome"] == "passed"
    rows = "\n".join(
        f"| `{file}` | {share(counts, 'a')} | {share(counts, 'c')} |" for file, counts in sorted(table.items())
    )
    total = sum(table.values(), Counter())
    today = datetime.datetime.now(datetime.UTC).date()
    return f"""\
# Conformance

<!-- Made by `make conformance`. -->

The client's own test suite (`huggingface_hub` {found["pip"]}, tests of {found["ref"]}) against a fresh hub, {today}.
Class a are the tests that talk to a hub and that a compatible one must pass: **{share(total, "a")}**. Tests that read
well-known public repositories are not counted here; those that need no hub (class c) are shown for completeness.

| file | class a passed | class c passed |
| --- | --- | --- |
{rows}
"""


def share(counts: Counter[str], kind: str) -> str:
    return f"{counts[kind + ' passed']} of {counts[kind + ' run']}" if counts[kind + " run"] else ""


if __name__ == "__main__":
    sys.exit(main())
