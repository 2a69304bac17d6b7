"""Stock git as a client of the load: a clone of its own, a commit, a push; what came of it in the words of the history."""

import os
from pathlib import Path
from typing import Any

from tests.hub import Account
from tests.protocols.git import Result, git
from tests.torture.history import ACKNOWLEDGED, REFUSED, UNKNOWN
from tests.torture.victim import Victim

# Said before anything was sent. What the hub refuses may be a push that libcurl sent again by itself.
_REFUSED_HERE = ("[rejected]", "fetch first", "non-fast-forward")
_UP_S = 120


class Clone:
    """One client's clone of one repo."""

    def __init__(self, victim: Victim, account: Account, repo: str, folder: Path) -> None:
        self._victim = victim
        scheme, host = victim.endpoint.split("://")
        self._url = f"{scheme}://user:{account.token}@{host}/{repo}"
        self._folder = folder / f"{repo.replace('/', '-')}-{os.urandom(4).hex()}"

    def push(self, branch: str, title: str, files: dict[str, bytes]) -> tuple[str, dict[str, Any]]:
        """Commits on top of what the hub has and pushes. Answers (result, facts: oid and parent of the commit)."""
        self._victim.up.wait(_UP_S)
        if not self._prepare() or not self._begin(branch):
            return REFUSED, {"lost": False}  # nothing was sent
        parent = self._git("rev-parse", "HEAD").text.strip()
        for path, data in files.items():
            target = self._folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        if not (self._git("add", "-A").ok and self._git("commit", "-qm", title).ok):
            return REFUSED, {"lost": False}
        facts = {"oid": self._git("rev-parse", "HEAD").text.strip(), "parent": parent}
        done = self._git("push", "origin", f"HEAD:refs/heads/{branch}")
        if done.ok:
            return ACKNOWLEDGED, facts
        refused = any(words in done.text for words in _REFUSED_HERE) and "[remote rejected]" not in done.text
        return (REFUSED if refused else UNKNOWN), {**facts, "said": done.text[-300:]}

    def _prepare(self) -> bool:
        if (self._folder / ".git").exists():
            return True
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._git("init", "-q").ok and self._git("remote", "add", "origin", self._url).ok

    def _begin(self, branch: str) -> bool:
        """Stands on the branch as the hub has it; on main for one that it has not."""
        fetched = self._git("fetch", "-q", "--prune", "origin")
        if not fetched.ok:
            return False
        there = self._git("rev-parse", "-q", "--verify", f"origin/{branch}").ok
        start = f"origin/{branch}" if there else "origin/main"
        return self._git("checkout", "-q", "-f", "--detach", start).ok

    def _git(self, *arguments: str) -> Result:
        quiet = ("-c", "gc.auto=0", "-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60")
        return git(self._folder, *quiet, *arguments)
