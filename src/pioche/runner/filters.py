"""The filter of system calls that a process puts on itself: seccomp(2), in its own small language. Standard library alone.

It takes away what reaches past a process: other processes' memory, mounts, namespaces, modules, clocks, keys, and the parts of
the kernel where most holes were found (BPF, io_uring, userfaultfd, odd families of sockets). What is left is what a program
of numbers, files and Unix sockets uses: a list of what is allowed would have to follow every new library.
"""

import ctypes
import errno
import platform
import socket
import struct

from pioche.runner import system

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
_X32 = 0x40000000  # the other interface of x86_64, with numbers of its own

# Numbers of the calls: on x86_64, on aarch64 (None where it has none).
_DENIED: dict[str, tuple[int, int | None]] = {
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "unshare": (272, 97),
    "setns": (308, 268), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "swapon": (167, 224),
    "swapoff": (168, 225), "reboot": (169, 142), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "syslog": (103, 116), "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None), "move_mount": (429, 429),
    "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "vhangup": (153, 58), "lookup_dcookie": (212, 18), "nfsservctl": (180, 42),
    "fanotify_init": (300, 262), "sethostname": (170, 161), "setdomainname": (171, 162),
}  # fmt: skip
# Libraries know how to do without these: glibc takes `clone`, whose flags can be seen here.
_ABSENT: dict[str, tuple[int, int]] = {
    "clone3": (435, 435), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
}  # fmt: skip
# Memory that stays without being anybody's: nobody counts it where no control group does.
_UNCOUNTED: dict[str, tuple[int, int]] = {"memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194)}
_CLONE, _IOCTL, _SOCKET = (56, 220), (16, 29), (41, 198)

_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW*: user, pid, net, ipc, uts, cgroup, mount
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # typing into the terminal that one was started from
_NETLINK_ROUTE = 0
_UNIX_ONLY = (socket.AF_UNIX,)
_WITH_LOOPBACK = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)

_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST, _SECOND, _THIRD = 0, 4, 16, 24, 32  # struct seccomp_data, on little-endian machines

Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def is_known() -> bool:
    """Whether this kind of machine is one that the filter is written for."""
    return platform.machine() in _ARCHITECTURES


def install(*, with_loopback: bool, is_counted: bool = False) -> None:
    """Puts it on this process and all that it starts, for good. `with_loopback`: sockets of the internet are allowed, because
    the process has a network of its own or was given one. `is_counted`: a control group counts its memory. Raises OSError."""
    found = program(platform.machine(), with_loopback=with_loopback, is_counted=is_counted)
    code = b"".join(struct.pack("=HBBI", *one) for one in found)
    whole = _Program(len(code) // 8, code)
    system.prctl(system.PR_SET_NO_NEW_PRIVS, 1)
    system.prctl(system.PR_SET_SECCOMP, 2, ctypes.cast(ctypes.byref(whole), ctypes.c_void_p))


def program(machine: str, *, with_loopback: bool, is_counted: bool = False) -> list[Instruction]:
    """The filter's instructions: (code, steps when true, steps when false, value)."""
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"there is no filter of system calls for {machine}")
    column = list(_ARCHITECTURES).index(machine)
    found: list[Instruction] = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, _ARCHITECTURES[machine]), (_RETURN, 0, 0, _KILL)]
    found.append((_LOAD, 0, 0, _NUMBER))
    if machine == "x86_64":
        found += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    absent = _ABSENT if is_counted else _ABSENT | _UNCOUNTED
    for calls, number in ((_DENIED, errno.EPERM), (absent, errno.ENOSYS)):
        for numbers in calls.values():
            if numbers[column] is not None:
                found += _when(numbers[column] or 0, [(_RETURN, 0, 0, _ERRNO | number)])
    found += _when(_CLONE[column], _refused(_FIRST, _ANY_BIT, (_NEW_NAMESPACES,)))
    found += _when(_IOCTL[column], _refused(_SECOND, _EQUAL, (_TIOCSTI, _TIOCLINUX)))
    found += _when(_SOCKET[column], _families(_WITH_LOOPBACK if with_loopback else _UNIX_ONLY))
    return [*found, (_RETURN, 0, 0, _ALLOW)]


def _when(number: int, block: list[Instruction]) -> list[Instruction]:
    return [(_EQUAL, 0, len(block), number), *block]


def _refused(argument: int, test: int, values: tuple[int, ...]) -> list[Instruction]:
    found: list[Instruction] = [(_LOAD, 0, 0, argument)]
    for value in values:
        found += [(test, 0, 1, value), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    return [*found, (_RETURN, 0, 0, _ALLOW)]


def _families(families: tuple[int, ...]) -> list[Instruction]:
    """Those, and what lists network interfaces, which resolvers ask."""
    found: list[Instruction] = [(_LOAD, 0, 0, _FIRST)]
    for family in families:
        found += [(_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW)]
    netlink: list[Instruction] = [(_LOAD, 0, 0, _THIRD), (_EQUAL, 0, 1, _NETLINK_ROUTE), (_RETURN, 0, 0, _ALLOW)]
    found += [(_EQUAL, 0, len(netlink), socket.AF_NETLINK), *netlink] if socket.AF_INET in families else []
    return [*found, (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT)]
