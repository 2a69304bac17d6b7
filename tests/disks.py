"""Small disks of their own for tests: a file system in memory that can be filled, frozen and thawed."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Disk:
    """Mounted at `path`."""

    path: Path

    @property
    def free(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, *, leaving: int = 0) -> None:
        """Another program takes the space, all but `leaving` bytes."""
        with (self.path / "others").open("ab") as file:
            size = file.tell() + max(0, self.free - leaving)
            os.posix_fallocate(file.fileno(), 0, max(1, size))

    def make_room(self) -> None:
        (self.path / "others").unlink(missing_ok=True)

    def remount(self, mode: str) -> None:
        """`ro` or `rw`."""
        subprocess.run(["mount", "-o", f"remount,{mode}", str(self.path)], check=True)


@contextmanager
def mounted(path: Path, size_mib: int) -> Iterator[Disk]:
    """Skips the test where nothing may be mounted."""
    path.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "pioche-test", str(path)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
