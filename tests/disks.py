"""Small disks of their own for tests: a file system in memory that can be filled, frozen and thawed."""

import errno
import os
import shutil
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
            size = os.fstat(file.fileno()).st_size
            for _ in range(100):
                try:
                    os.posix_fallocate(file.fileno(), 0, max(1, size + max(0, self.free - leaving)))
                except OSError as error:  # a hub took some of it in between
                    if error.errno != errno.ENOSPC:
                        raise
                else:
                    return
        raise AssertionError("there is always less room than there was")

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


@dataclass(frozen=True)
class FailingDisk:
    """An ext4 file system in a file, mounted at `path`."""

    path: Path
    image: Path

    def fail(self) -> None:
        """As after an error of the medium: from here on it can only be read, for those who have files open too."""
        device = subprocess.run(
            ["findmnt", "-no", "SOURCE", str(self.path)], capture_output=True, text=True, check=True
        ).stdout.strip()
        Path(f"/sys/fs/ext4/{Path(device).name}/trigger_fs_error").write_text("1")

    def mend(self) -> None:
        """Checked and mounted again, by an operator. Nobody has files open."""
        subprocess.run(["umount", str(self.path)], check=True)
        done = subprocess.run(["e2fsck", "-fy", str(self.image)], capture_output=True, check=False)
        assert done.returncode < 4, done.stdout
        self.mount()

    def mount(self) -> None:
        options = "loop,errors=remount-ro"
        done = subprocess.run(
            ["mount", "-o", options, str(self.image), str(self.path)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("this user may not mount a file system")


@contextmanager
def failing(folder: Path, size_mib: int) -> Iterator[FailingDisk]:
    """Skips the test where nothing may be mounted, or there is no ext4."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("there is no mkfs.ext4")
    disk = FailingDisk(folder / "failing", folder / "failing.img")
    disk.path.mkdir(parents=True)
    with disk.image.open("wb") as file:
        file.truncate(size_mib * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(disk.image)], capture_output=True, check=True)
    disk.mount()
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk.path)], check=True)
