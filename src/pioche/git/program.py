"""The one place that starts the git program: a clean environment, no prompts, no configuration from outside.

Whatever the caller passes after `--end-of-options` is never taken for an option. Configuration comes from `-c` alone,
so that neither the machine's settings nor a file inside a repo can make git run anything.
"""

import contextlib
import resource
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from pioche.errors import Corrupt, Failure, OutOfSpace, Unavailable

_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.alternateRefsCommand": "true",
    "core.bigFileThreshold": "16m",
    "core.packedGitLimit": "256m",
    "core.packedGitWindowSize": "32m",
    "core.fsyncMethod": "fsync",
    "core.fsync": "objects,derived-metadata",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "pack.threads": "1",
    "pack.windowMemory": "64m",
    "protocol.allow": "never",
    "protocol.version": "2",
    "safe.directory": "*",
    "uploadpack.allowFilter": "true",
    "uploadpack.advertiseBundleURIs": "false",
    "uploadpackfilter.sparse:oid.allow": "false",
}


_OUTPUT_BYTES_MAX = 2**29
_LIMITS = {
    "memory_bytes": resource.RLIMIT_DATA,
    "cpu_seconds": resource.RLIMIT_CPU,
    "file_bytes": resource.RLIMIT_FSIZE,
}


# What git says when the machine failed it, and when stored objects did (its strbuf of strerror, and zlib's words).
_FULL = (b"No space left on device", b"Disk quota exceeded")
_FAILING = (b"Read-only file system", b"Input/output error", b"Too many open files")
_DAMAGED = (b"corrupt", b"inflate: data stream error", b"mismatch", b"bad packed object")


class GitFailed(Failure):
    """The git program ended with an error that is not the caller's."""


class GitTooSlow(Unavailable):
    """The git program was stopped at its time limit: what it was asked for is too much for one request."""


def fault(complaint: bytes, *, stored: bool = True) -> Failure | None:
    """What of this server's own made git give up, by what it said; None when it was something else.

    `stored`: what it read was stored and checked before, so that damage is ours.
    """
    if any(words in complaint for words in _FULL):
        return OutOfSpace("The disk of this server is full: nothing was stored")
    if any(words in complaint for words in _FAILING):
        return Unavailable("The disk of this server does not answer: try again")
    if stored and any(words in complaint for words in _DAMAGED):
        return Corrupt("A stored git object is damaged")
    return None


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
        raise fault(done.stderr) or GitFailed(
            f"git {arguments[0]} failed: {done.stderr.decode('utf-8', 'replace').strip()[:500]}"
        )
    return done.stdout


@contextlib.contextmanager
def lines(git_dir: Path, arguments: Sequence[str], *, timeout_s: float) -> Iterator[Iterator[bytes]]:
    """What git writes, line by line; it is stopped when the block ends. Raises GitFailed where git breaks off,
    GitTooSlow past `timeout_s`."""
    with _piped(git_dir, arguments, timeout_s=timeout_s) as process:

        def read() -> Iterator[bytes]:
            yield from process.stdout or ()
            if process.wait():
                raise _ended(process, arguments, timeout_s)

        yield read()


def first_bytes(git_dir: Path, arguments: Sequence[str], limit_bytes: int, *, timeout_s: float) -> bytes:
    """At most the first `limit_bytes` of what git writes; it is stopped there. Raises GitFailed, GitTooSlow."""
    with _piped(git_dir, arguments, timeout_s=timeout_s) as process:
        data = process.stdout.read(limit_bytes + 1) if process.stdout else b""
        if len(data) <= limit_bytes and process.wait():
            raise _ended(process, arguments, timeout_s)
    return data[:limit_bytes]


def to_file(git_dir: Path, arguments: Sequence[str], stdin: Path, stdout: Path, *, timeout_s: float) -> int:
    """Runs git from one file to another and returns its exit status. What it writes is capped: it may be hostile work.

    Raises Unavailable past `timeout_s`, and what `fault` finds.
    """
    with stdin.open("rb") as reading, stdout.open("wb") as writing:
        process = subprocess.Popen(
            command(git_dir, arguments), stdin=reading, stdout=writing, stderr=subprocess.PIPE, env=environment()
        )
        try:
            limit(process.pid, file_bytes=_OUTPUT_BYTES_MAX)
            _, complaint = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"git {arguments[0]} did not finish within {timeout_s:g} s") from None
        finally:
            process.kill()
            process.wait()
            if process.stderr:
                process.stderr.close()
    found = fault(complaint) if process.returncode else None
    if found:
        raise found
    return process.returncode


def limit(pid: int, **limits: int) -> None:
    """Caps a running git: `memory_bytes`, `cpu_seconds`, `file_bytes`. It fails past them, and only it."""
    for name, most in limits.items():
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, _LIMITS[name], (most, most))


def _ended(process: subprocess.Popen[bytes], arguments: Sequence[str], timeout_s: float) -> Failure:
    """Nobody but the timer kills a git that is still being read from."""
    if process.returncode == -signal.SIGKILL:
        return GitTooSlow(f"git {arguments[0]} did not finish within {timeout_s:g} s")
    return GitFailed(f"git {arguments[0]} ended with status {process.returncode}")


@contextlib.contextmanager
def _piped(git_dir: Path, arguments: Sequence[str], *, timeout_s: float) -> Iterator[subprocess.Popen[bytes]]:
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
            yield process
        finally:
            timer.cancel()
            process.kill()


def _executable() -> str:
    found = shutil.which("git")
    if found is None:
        raise Unavailable("the program git is not installed on this server")
    return found
