"""What a process does to itself before it becomes, or touches, what strangers made. The standard library alone.

`Orders` come from outside as JSON. Nothing here is undone: each step is for the process and all that it starts.
"""

import ctypes
import os
import resource
import signal
from dataclasses import dataclass, field

from pioche.runner import filters, landlock, system

_CAPABILITIES_MAX = 64


@dataclass(frozen=True, kw_only=True)
class Orders:
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: int | None = None
    """Who to become; only root can."""
    limits: dict[str, int] = field(default_factory=dict)
    """Names of `resource`'s limits, without RLIMIT_."""
    cpus: tuple[int, ...] | None = None
    nice: int = 0
    read: tuple[str, ...] | None = None
    """For Landlock; None: it is not to be used."""
    write: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    filter: str = ""
    """Of system calls: "unix" for Unix sockets alone, "loopback" for internet sockets too, empty for none."""
    is_counted: bool = False
    """Whether a control group counts its memory, of whatever kind."""
    network: bool = False
    door: int | None = None
    """A descriptor, for `doors`: the socket at which the hub asks for connections to `port`, or to another."""
    port: int = 0
    exits: int | None = None
    """A descriptor, for `doors`: the socket by which the hub gets the listeners of the way out."""
    direct: tuple[tuple[str, int], ...] = ()
    """Where to listen for what goes straight to an address of the same name outside."""
    needs: tuple[str, ...] = ()
    """Paths that it will want to read: a user that cannot is told so here, not by a library."""


def lock(orders: Orders) -> None:
    """Carries them out. Raises OSError, whose words tell what did not work."""
    os.umask(0o077)
    if orders.cpus is not None:
        os.sched_setaffinity(0, orders.cpus)
    if orders.nice:
        os.nice(orders.nice)
    if orders.read is not None:
        landlock.restrict(orders.read, orders.write, orders.devices, network=orders.network)
    if not os.geteuid():
        become(orders.user)
    for path in orders.needs:
        if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
            raise OSError(None, f"cannot read {path} as user {os.getuid()}")
    for name, most in orders.limits.items():
        _limit(getattr(resource, f"RLIMIT_{name}"), most)
    system.prctl(system.PR_SET_NO_NEW_PRIVS, 1)
    system.prctl(system.PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of user, which forgets it
    if orders.filter:
        filters.install(with_loopback=orders.filter == "loopback", is_counted=orders.is_counted)


def become(user: int | None) -> None:
    """Gives up every capability, and root where there is a user to become. Raises OSError."""
    for capability in range(_CAPABILITIES_MAX):
        try:
            system.prctl(system.PR_CAPBSET_DROP, capability)
        except OSError:  # EINVAL: the last one was before
            break
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    _clear_capabilities()


def _clear_capabilities() -> None:
    """`setresuid` cleared what counts, unless somebody had the kernel keep them (SECBIT_KEEP_CAPS)."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    system.call("capset", ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()))


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))
