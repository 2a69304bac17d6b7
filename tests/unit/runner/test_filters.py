"""The filter of system calls, run by a small machine: what it says of each call."""

import errno
import socket

import pytest

from pioche.runner.filters import Instruction, program

_ALLOWED, _KILLED, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def verdict(code: list[Instruction], arch: int, number: int, *arguments: int) -> int:
    """What the kernel would do: seccomp(2), struct seccomp_data."""
    words = {0: number, 4: arch} | {16 + 8 * place: value for place, value in enumerate(arguments)}
    held, at = 0, 0
    while True:
        kind, if_true, if_false, value = code[at]
        if kind == 0x06:
            return value
        if kind == 0x20:
            held = words.get(value, 0)
        else:
            holds = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[kind]
            at += if_true if holds else if_false
        at += 1


@pytest.mark.parametrize("machine", _MACHINES)
def test_calls_that_reach_past_a_process_are_refused(machine: str) -> None:
    code, arch = program(machine, with_loopback=False), _MACHINES[machine]
    for numbers in (
        (165, 40),
        (101, 117),
        (272, 97),
        (321, 280),
        (310, 270),
    ):  # mount, ptrace, unshare, bpf, process_vm_readv
        assert verdict(code, arch, numbers[machine == "aarch64"]) == _ERRNO | errno.EPERM
    for number in (435, 425):  # clone3, io_uring_setup
        assert verdict(code, arch, number) == _ERRNO | errno.ENOSYS


@pytest.mark.parametrize("machine", _MACHINES)
def test_memory_that_nobody_counts_is_not_there(machine: str) -> None:
    for numbers in ((319, 279), (447, 447), (29, 194)):  # memfd_create, memfd_secret, shmget
        number, arch = numbers[machine == "aarch64"], _MACHINES[machine]
        assert verdict(program(machine, with_loopback=True), arch, number) == _ERRNO | errno.ENOSYS
        assert verdict(program(machine, with_loopback=True, is_counted=True), arch, number) == _ALLOWED


@pytest.mark.parametrize("machine", _MACHINES)
def test_ordinary_calls_pass(machine: str) -> None:
    code, arch = program(machine, with_loopback=False), _MACHINES[machine]
    for numbers in (
        (0, 63),
        (1, 64),
        (9, 222),
        (59, 221),
        (202, 98),
        (57, 220),
    ):  # read, write, mmap, execve, futex, fork
        assert verdict(code, arch, numbers[machine == "aarch64"], 0x11) == _ALLOWED


def test_processes_may_be_made_and_name_spaces_not() -> None:
    code, arch = program("x86_64", with_loopback=False), _MACHINES["x86_64"]
    assert verdict(code, arch, 56, 0x3D0F00) == _ALLOWED  # a thread
    assert verdict(code, arch, 56, 0x10000011) == _ERRNO | errno.EPERM  # CLONE_NEWUSER


def test_nothing_is_typed_into_the_terminal() -> None:
    code, arch = program("x86_64", with_loopback=False), _MACHINES["x86_64"]
    assert verdict(code, arch, 16, 0, 0x5412) == _ERRNO | errno.EPERM
    assert verdict(code, arch, 16, 0, 0x5401) == _ALLOWED


@pytest.mark.parametrize("with_loopback", [True, False])
def test_families_of_sockets(with_loopback: bool) -> None:
    code, arch = program("x86_64", with_loopback=with_loopback), _MACHINES["x86_64"]
    refused = _ERRNO | errno.EAFNOSUPPORT
    assert verdict(code, arch, 41, socket.AF_UNIX, 1, 0) == _ALLOWED
    assert verdict(code, arch, 41, socket.AF_INET, 1, 0) == (_ALLOWED if with_loopback else refused)
    assert verdict(code, arch, 41, socket.AF_NETLINK, 3, 0) == (_ALLOWED if with_loopback else refused)
    assert verdict(code, arch, 41, socket.AF_NETLINK, 3, 9) == refused  # audit
    assert verdict(code, arch, 41, socket.AF_PACKET, 3, 0) == refused
    assert verdict(code, arch, 41, socket.AF_VSOCK, 1, 0) == refused


def test_other_numberings_are_no_way_around() -> None:
    code = program("x86_64", with_loopback=True)
    assert verdict(code, 0x40000003, 20) == _KILLED  # i386
    assert verdict(code, _MACHINES["x86_64"], 0x40000000 + 39) == _ERRNO | errno.ENOSYS  # x32


def test_an_unknown_machine_is_told() -> None:
    with pytest.raises(OSError, match="riscv64"):
        program("riscv64", with_loopback=False)
