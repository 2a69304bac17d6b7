"""How a `Spec` is run at a level: the arguments, and the orders of the first program inside."""

import math
import os
import secrets
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pioche.runner import exits, filters, groups, inside, landlock, trees
from pioche.runner.keeper import Job
from pioche.runner.lockdown import Orders
from pioche.runner.mounts import PACKAGE, Mounts, runtime, system
from pioche.runner.spec import SCRATCH, SOCKETS, Address, Fork, Level, Limits, Spec

PATH = "/usr/local/bin:/usr/bin:/bin"
OWN_CONFIGURATION = ("passwd", "group", "hosts", "nsswitch.conf")
"""Files of a run's folder that it has in its /etc: the last two where the network is its own."""
_MIB = 2**20
_WIRE = "3"
_WRAPPERS = 2  # bwrap outside, and bwrap as the first process of the name space
_OF_PROC = ("self", "cpuinfo", "meminfo", "stat", "version", "filesystems", "loadavg", "uptime")
_OF_DEV = ("null", "zero", "full", "random", "urandom")
_ALWAYS_IN_MEMORY = (Path("/dev/shm"), Path("/tmp"))  # noqa: S108  (they are the sandbox's own)


@dataclass(frozen=True)
class Place:
    """A run's folder, and who it runs as."""

    home: Path
    user: int | None
    hidden: tuple[Path, ...] = ()
    bwrap: str = ""
    door: int | None = None
    """Descriptors of the ways into and out of it (`ways.py`)."""
    exits: int | None = None


def job(spec: Spec, level: Level, place: Place) -> Job:
    """What the keeper is asked. Raises OSError where the machine has not what the level needs."""
    program = inside.program("inside", sys.executable, str(PACKAGE.parent))
    has_root = level >= Level.NAMESPACES
    orders = _orders_inside(spec, level, place) if has_root else _orders_outside(spec, level, place)
    argv = [*_wrapper(spec, place), *program, _WIRE] if has_root else [*program, _WIRE]
    return Job(
        argv=tuple(argv),
        orders=asdict(orders),
        home=str(place.home),
        wrappers=_WRAPPERS if has_root else 0,
        memory_bytes=spec.limits.memory_bytes,
        processes=_processes(spec),
        scratch=None if has_root and _is_in_memory(spec) else str(scratch(spec, place)),
        scratch_bytes=spec.limits.scratch_bytes,
        scratch_files=spec.limits.scratch_files,
        group=groups.name(place.home) if level >= Level.FULL else None,
        user=place.user,
        in_memory=_texts(_in_memory(spec)) if has_root else (),
        cores=spec.limits.cores,
        handed=tuple(number for number in (place.door, place.exits) if number is not None),
    )


def fork(fork: Fork, scratch: Path) -> Job:
    """What a fork of a zygote is asked to do, in a sandbox that it is in already."""
    orders = _orders(
        Spec(command=(fork.function, *fork.arguments), environment=fork.environment, limits=fork.limits), {}
    )
    environment = orders.environment | {
        name: str(scratch) for name in ("HOME", "TMPDIR") if orders.environment[name] == str(SCRATCH)
    }
    orders = replace(
        orders,
        environment=environment,
        folder=str(scratch),
        limits={name: most for name, most in orders.limits.items() if name != "NPROC"},  # all forks are one user
        read=_texts([*runtime(), *system(network=False), fork.snapshot, *_of_proc()]),
        write=(str(scratch),),
        devices=_texts([Path("/dev", name) for name in _OF_DEV]),
        filter="unix",
        needs=(str(fork.snapshot),),
    )
    return Job(
        argv=(),
        orders=asdict(orders),
        home="",
        wrappers=0,
        memory_bytes=fork.limits.memory_bytes,
        processes=fork.limits.processes,
        scratch=str(scratch),
        scratch_bytes=fork.limits.scratch_bytes,
        scratch_files=fork.limits.scratch_files,
        group=None,
        user=None,
    )


def scratch(spec: Spec, place: Place) -> Path:
    """Where its scratch folder is outside, if it is one."""
    return spec.writable or place.home / "scratch"


def _is_in_memory(spec: Spec) -> bool:
    """Its scratch folder, where it has a file system of its own."""
    return spec.writable is None and not spec.is_scratch_on_disk


def _orders_inside(spec: Spec, level: Level, place: Place) -> Orders:
    """For a process that has a file system, and a network or none, of its own."""
    orders = _orders(spec, {})
    orders = replace(orders, folder=str(SCRATCH), user=place.user, filter="loopback", network=True)
    orders = replace(orders, is_counted=level >= Level.FULL)
    direct = tuple((_number(address), address.port) for address in exits.loopback(spec.reaches))
    orders = replace(orders, door=place.door, port=spec.serves_port or 0, exits=place.exits, direct=direct)
    if not landlock.version():
        return orders
    write = _texts([SCRATCH, SOCKETS, *_ALWAYS_IN_MEMORY])
    return replace(orders, read=("/",), write=write, devices=("/dev",))


def _orders_outside(spec: Spec, level: Level, place: Place) -> Orders:
    """For a process among all others."""
    places = {inner: outer for outer, inner in spec.read_only.items()} | {SCRATCH: scratch(spec, place)}
    if spec.socket_dir is not None:
        places[SOCKETS] = spec.socket_dir
    orders = replace(_orders(spec, places), folder=str(scratch(spec, place)), user=place.user, network=spec.network)
    if place.user is None:  # the kernel counts what this user has already
        has = trees.threads_of_user(os.getuid())
        orders = replace(orders, limits=orders.limits | {"NPROC": has + spec.limits.processes})
    if level < Level.FILTERS:
        return replace(orders, filter=_filter(spec) if filters.is_known() else "")
    if place.user is None and not (os.getuid() and landlock.keeps_signals_in()):
        raise OSError(None, "it needs a user of its own, or a Landlock that keeps signals in (Linux 6.12)")
    hidden = [path for path in place.hidden for shown in (*runtime(), Path("/usr")) if path.is_relative_to(shown)]
    if hidden:
        raise OSError(None, f"{hidden[0]} lies among programs that everybody may read")
    read = [*runtime(), *system(network=spec.network), *spec.read_only, *_of_proc()]
    write = [path for path in (scratch(spec, place), spec.socket_dir) if path is not None]
    devices = [*(Path("/dev", name) for name in _OF_DEV), *spec.devices]
    return replace(orders, read=_texts(read), write=_texts(write), devices=_texts(devices), filter=_filter(spec))


def _orders(spec: Spec, places: dict[Path, Path]) -> Orders:
    """`places`: what is elsewhere than it seems, place inside -> place outside."""
    environment = {
        "PATH": PATH, "HOME": str(SCRATCH), "TMPDIR": str(SCRATCH), "LANG": "C.UTF-8", "PYTHONPATH": str(PACKAGE.parent),
        **spec.environment,
    }  # fmt: skip
    return Orders(
        command=tuple(_placed(word, places) for word in spec.command),
        environment={name: _placed(value, places) for name, value in environment.items()},
        limits=_limits(spec),
        cpus=_cpus(spec.limits),
        nice=spec.limits.nice,
        needs=_texts([inner if not places else outer for outer, inner in spec.read_only.items()]),
    )


def _limits(spec: Spec) -> dict[str, int]:
    """DATA is no exact limit of memory, since threads reserve more than they use: it bounds what fits between two looks."""
    limits = spec.limits
    return {
        "NOFILE": limits.open_files,
        "FSIZE": min(limits.file_bytes, limits.scratch_bytes),
        "NPROC": _processes(spec),
        "DATA": 2 * limits.memory_bytes + 512 * _MIB,
        "CORE": 0,
    }


def _cpus(limits: Limits) -> tuple[int, ...] | None:
    """As many as its share needs, so that libraries start as many threads; not the same ones for everybody."""
    if limits.cpus is not None or limits.cores is None:
        return limits.cpus
    found, count = sorted(os.sched_getaffinity(0)), math.ceil(limits.cores)
    return tuple(sorted(secrets.SystemRandom().sample(found, count))) if count < len(found) else None


def _processes(spec: Spec) -> int:
    """With what stands around and beside the command."""
    return spec.limits.processes + 4 + (spec.serves_port is not None)


def _number(address: Address) -> str:
    return "127.0.0.1" if address.host == "localhost" else address.host


def _filter(spec: Spec) -> str:
    return "loopback" if spec.network else "unix"


def _placed(word: str, places: dict[Path, Path]) -> str:
    if not word.startswith("/"):
        return word
    for inner, outer in places.items():
        if Path(word).is_relative_to(inner):
            return str(outer / Path(word).relative_to(inner))
    return word


def _wrapper(spec: Spec, place: Place) -> list[str]:
    arguments = [place.bwrap, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    arguments += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv"]
    if not spec.network:
        arguments.append("--unshare-net")
    if place.user is None:
        arguments += ["--unshare-user", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]
    else:  # what it takes to become another user, and no more
        arguments += ["--cap-drop", "ALL"]
        arguments += [word for name in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{name}")]
    return [*arguments, *_mounts(spec, place).arguments, "--"]


def _mounts(spec: Spec, place: Place) -> Mounts:
    size = spec.limits.scratch_bytes
    mounts = Mounts(["--dev", "/dev", "--proc", "/proc"])
    for folder in _ALWAYS_IN_MEMORY:
        mounts.memory(folder, size)
    for path in (*system(network=spec.network, certificates=bool(spec.reaches)), *runtime()):
        mounts.bind(path, path)
    for name in OWN_CONFIGURATION[:2] if spec.network else OWN_CONFIGURATION:
        mounts.bind(place.home / name, Path("/etc", name))
    for path in place.hidden:
        mounts.hide(path)
    for outside, within in spec.read_only.items():
        mounts.bind(outside, within)
    for device in spec.devices:
        mounts.bind(device, device, option="--dev-bind")
    if _is_in_memory(spec):
        mounts.memory(SCRATCH, size)
    else:
        mounts.bind(scratch(spec, place), SCRATCH, option="--bind")
    if spec.socket_dir is not None:
        mounts.bind(spec.socket_dir, SOCKETS, option="--bind")
    mounts.seal()
    return mounts


def _in_memory(spec: Spec) -> list[Path]:
    return [*_ALWAYS_IN_MEMORY, *([SCRATCH] if _is_in_memory(spec) else [])]


def _of_proc() -> list[Path]:
    """What tells of itself and of the machine, and of no other process."""
    return [Path("/proc", name) for name in _OF_PROC]


def _texts(paths: "list[Path]") -> tuple[str, ...]:
    return tuple(map(str, paths))
