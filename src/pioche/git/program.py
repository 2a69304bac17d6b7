"""The one place that starts the git program: a clean environment, no prompts, no configuration from outside.

Whatever the caller passes after `--end-of-options` is never taken for an option. Configuration comes from `-c` alone,
so that neither the machine's settings nor a file inside a repo can make git run anything.
"""

import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from pioche.errors import Failure, Unavailable

_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.alternateRefsCommand": "true",
    "core.bigFileThreshold": "64m",
    "core.packedGitLimit": "256m",
    "core.fsyncMethod": "fsync",
    "core.fsync": "objects,derived-metadata",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "pack.threads": "1",
    "pack.windowMemory": "64m",
    "protocol.allow": "never",
    "protocol.version": "2",
    "safe.directory": "*",
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
    "uploadpack.advertiseBundleURIs": "false",
    "uploadpack.packObjectsHook": "",
}


class GitFailed(Failure):
    """The git program ended with an error that is not the caller's."""


def command(git_dir: Path, arguments: Sequence[str], **config: str) -> list[str]:
    """The full argument list; `config` keys use `_` for `.` and win over the defaults."""
    settings = _CONFIG | {key.replace("_", ".", 1): value for key, value in config.items()}
    flags = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    return [_executable(), *flags, f"--git-dir={git_dir}", *arguments]


def environment(**more: str) -> dict[str, str]:
    """Everything that git gets to see of the outside. HOME is nowhere: no user's settings are read."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_ALLOW_PROTOCOL": "",
        **more,
    }


def run(
    git_dir: Path, arguments: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60, **config: str
) -> subprocess.CompletedProcess[bytes]:
    """Runs git to its end and returns what it said, whatever its exit status. Raises Unavailable past `timeout_s`."""
    try:
        return subprocess.run(
            command(git_dir, arguments, **config),
            input=stdin,
            capture_output=True,
            env=environment(),
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"git {arguments[0]} did not finish within {timeout_s:g} s") from None


def output(git_dir: Path, arguments: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60) -> bytes:
    """What git wrote on its standard output. Raises GitFailed when it ended with an error."""
    done = run(git_dir, arguments, stdin=stdin, timeout_s=timeout_s)
    if done.returncode:
        raise GitFailed(f"git {arguments[0]} failed: {done.stderr.decode('utf-8', 'replace').strip()[:500]}")
    return done.stdout


def first_bytes(git_dir: Path, arguments: Sequence[str], limit_bytes: int, *, timeout_s: float) -> bytes:
    """At most the first `limit_bytes` of what git writes; it is stopped there. Raises GitFailed, Unavailable."""
    with subprocess.Popen(
        command(git_dir, arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as process:
        timer = threading.Timer(timeout_s, process.kill)
        timer.start()
        try:
            data = process.stdout.read(limit_bytes + 1) if process.stdout else b""
            if len(data) > limit_bytes:
                process.kill()
            process.wait()
        finally:
            timer.cancel()
            process.kill()
    if process.returncode and len(data) <= limit_bytes:
        raise GitFailed(f"git {arguments[0]} ended with status {process.returncode}")
    return data[:limit_bytes]


def _executable() -> str:
    found = shutil.which("git")
    if found is None:
        raise Unavailable("the program git is not installed on this server")
    return found
