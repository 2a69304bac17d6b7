"""What the hub stands on: folders, disk, clock, limits, programs."""

import os
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pioche.config import Config
from pioche.errors import HubError
from pioche.git import program
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import LEAST_FOR_CODE, Level
from pioche.serving import needs
from pioche.serving.spec import OF_WORKERS
from pioche.spaces.builds import building
from pioche.storage.disk import Room
from pioche.upkeep.diagnosis import Answer, bad, good, note

_PARTS = ("git", "blobs", "xet/xorbs", "xet/shards", "incoming", "cache")
_GIT_OLDEST = (2, 31)
_FILES_FEW = 1024
_SYNCS = 5
_SLOW_SYNC_MS = 50
_CLOCK_SECONDS = 5
_ON_NETWORK = frozenset(("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"))
_IN_MEMORY = frozenset(("tmpfs", "ramfs"))
_VERSION = re.compile(rb"(\d+)\.(\d+)")
_GIB = 2**30
_SANDBOX_ADVICE = "Install bubblewrap, and see docs/guide/sandboxes.md"


def answers(config: Config) -> Iterator[Answer]:
    """All about the machine."""
    yield _folders(config)
    if config.data_dir.is_dir():
        yield _space(config)
        yield _file_system(config)
        yield from _disk(config)
    yield _open_files(config)
    yield _git()
    yield _git_lfs()
    yield _sandbox(config)
    yield _inference(config)
    yield _builds(config)


def _folders(config: Config) -> Answer:
    root = config.data_dir
    if not root.is_dir():
        return bad("data folder", f"{root} is not there", "Start the hub once, or set data_dir to where its data are")
    parts = [root, *(root / part for part in _PARTS if (root / part).exists())]
    locked = [path for path in parts if not os.access(path, os.R_OK | os.W_OK | os.X_OK)]
    if locked:
        names = ", ".join(str(path) for path in locked)
        return bad("data folder", f"This user cannot write to {names}", "Give them to the user that the hub runs as")
    foreign = sorted({path.stat().st_uid for path in parts} - {os.getuid()})
    if foreign:
        text = f"{root} belongs in part to other users (ids {', '.join(map(str, foreign))})"
        return note("data folder", text, "Run commands as the user that the hub runs as")
    return good("data folder", f"{root.absolute()} can be written")


def _space(config: Config) -> Answer:
    usage = shutil.disk_usage(config.data_dir)
    text = f"{usage.free / _GIB:.1f} GiB of {usage.total / _GIB:.1f} GiB are free"
    try:
        Room(config.data_dir, config.disk_reserve_bytes).check()
    except HubError as error:
        return bad("free space", f"{text}: uploads are refused ({error})", "Free space, or run `pioche gc --now`")
    few = usage.free < usage.total / 20
    return note("free space", text, "Uploads will be refused soon: make room") if few else good("free space", text)


def _file_system(config: Config) -> Answer:
    kind, place = _mounted(config.data_dir)
    text = f"{kind or 'unknown'}, mounted at {place}"
    if kind in _IN_MEMORY:
        return bad("file system", f"{text}: its contents end with the machine", "Put data_dir on a disk")
    if kind in _ON_NETWORK and config.database_is_sqlite:
        advice = "SQLite is not safe on a network's file system: use a local disk, or PostgreSQL"
        return bad("file system", text, advice)
    return good("file system", text)


def _mounted(folder: Path) -> tuple[str, str]:
    """The kind of the file system that holds a folder, and where it is mounted."""
    place = folder.resolve()
    best, kind = "", ""
    try:
        lines = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return "", "?"
    for line in lines:
        _, mounted, found, *_ = line.split(" ")
        mounted = mounted.replace("\\040", " ")
        if place.is_relative_to(mounted) and len(mounted) >= len(best):
            best, kind = mounted, found
    return kind, best


def _disk(config: Config) -> Iterator[Answer]:
    """How long a small durable write takes, and whether the disk's clock and this machine's agree."""
    probe = config.data_dir / "incoming" / f".doctor-{os.getpid()}"
    times = list[float]()
    try:
        with probe.open("wb", buffering=0) as file:
            for _ in range(_SYNCS):
                began = time.monotonic()
                file.write(b"x" * 4096)
                os.fsync(file.fileno())
                times.append((time.monotonic() - began) * 1000)
            written = os.fstat(file.fileno()).st_mtime
        probe.unlink()
    except OSError as error:
        yield bad("disk", f"Nothing can be written: {error.strerror}", "Look at the disk and its mount options")
        return
    middle = statistics.median(times)
    text = f"A durable write takes {middle:.1f} ms"
    slow = middle > _SLOW_SYNC_MS
    yield note("disk", text, "Every commit waits for it: a faster disk helps") if slow else good("disk", text)
    yield _clock(written)


def _clock(written: float) -> Answer:
    off = abs(time.time() - written)
    if off > _CLOCK_SECONDS:
        return bad("clock", f"The disk's clock and this machine's differ by {off:.0f} s", "Set both by NTP")
    return good("clock", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))


def _open_files(config: Config) -> Answer:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = f"Each process may have {soft} files open (at most {hard})"
    if soft < _FILES_FEW:
        return note("open files", text, f"Raise it to {_FILES_FEW} or more (ulimit -n; LimitNOFILE in systemd)")
    return good("open files", f"{text}; {config.worker_count} web processes")


def _git() -> Answer:
    found = _version("git")
    if found is None:
        return bad("git", "git is not on PATH", "Install it: pushes and clones need it")
    text = ".".join(map(str, found))
    if found < _GIT_OLDEST:
        return bad("git", f"git {text} is too old", f"Install {'.'.join(map(str, _GIT_OLDEST))} or newer")
    return good("git", f"git {text}")


def _git_lfs() -> Answer:
    found = _version("git-lfs")
    if found is None:
        return good("git-lfs", "Not installed here; only clients need it")
    return good("git-lfs", f"git-lfs {'.'.join(map(str, found))}")


def _sandbox(config: Config) -> Answer:
    """Tried in a folder of its own, so that the answer is there before the hub ever ran."""
    with tempfile.TemporaryDirectory(prefix="pioche-doctor-") as folder:
        found = Sandbox(Path(folder), hidden=(config.data_dir,)).find_out()
    why = "; ".join(f"not {level.word}: {reason}" for level, reason in found.refusals.items())
    least = Level[config.sandbox.upper()]
    if found.level is None or found.level < least:
        return bad("sandbox", f"Processes cannot be locked in as {least.word} asks ({why})", _SANDBOX_ADVICE)
    text = f"Processes for models and Spaces run at level {found.level.word}" + (f" ({why})" if why else "")
    if found.level < LEAST_FOR_CODE:
        return note("sandbox", f"{text}: code of strangers is refused", _SANDBOX_ADVICE)
    return good("sandbox", text)


def _inference(config: Config) -> Answer:
    if not config.serves_models:
        return good("inference", "Off: models are not asked here")
    there = [engine.value for engine in OF_WORKERS if not needs.missing(engine)]
    if not there:
        return note("inference", "No engine is installed", "Install pioche[inference], or set inference to off")
    size = config.inference_memory // 2**20
    text = f"Models may take {size} MiB together, and {config.inference_cores} cores each, on {', '.join(there)}"
    if not config.grpc_port:
        return good("inference", f"{text}; gRPC is off")
    absent = needs.missing_for_grpc()
    if absent:
        return bad(
            "inference", f"grpc_port is set, and {' and '.join(absent)} is not installed", "Install pioche[grpc]"
        )
    return good("inference", f"{text}; gRPC on port {config.grpc_port}")


def _builds(config: Config) -> Answer:
    """Nobody is called: whether the index answers, a build tells."""
    missing, advice = building.missing(config), "See docs/guide/builds.md"
    if missing:
        return note("builds", f"Apps of Spaces cannot be built: {missing}", advice)
    pythons = ", ".join(python.name for python in building.pythons(config))
    return good("builds", f"Apps of Spaces are built with Python {pythons}")


def _version(name: str) -> tuple[int, int] | None:
    where = shutil.which(name)
    if where is None:
        return None
    try:
        done = subprocess.run(
            [where, "version"], capture_output=True, env=program.environment(), timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(done.stdout)
    return (int(match[1]), int(match[2])) if match else None
