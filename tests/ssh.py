"""A hub with git over SSH, and OpenSSH's client for it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pioche.accounts import host_key, ssh, ssh_keys
from pioche.accounts.ssh import PublicKey
from pioche.accounts.ssh_keys import Purpose, SshKey
from pioche.config import CONFIG_FILE, load
from pioche.db.engine import Database
from tests.hub import Account, Hub, free_port

TIMEOUT_S = 120


def made_key() -> PublicKey:
    """A public key whose other half nobody has."""
    public = Ed25519PrivateKey.generate().public_key()
    return ssh.parse_public(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())


class SshHub(Hub):
    """A hub of its own whose port for SSH is `ssh_port`; keys lie beside its data."""

    def __init__(self, directory: Path, settings: Mapping[str, str] | None = None) -> None:
        self.ssh_port = free_port()
        self.folder = directory
        super().__init__(directory, {"SSH_PORT": str(self.ssh_port), **(settings or {})})

    def key(self, name: str) -> Path:
        """A private key; its public half lies beside it."""
        path = self.folder / f"key-{name}"
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
        return path

    def give(self, account: Account, key: Path, purpose: Purpose = Purpose.ACCESS) -> SshKey:
        """Tells the hub that the key is theirs."""
        public = ssh.parse_public(key.with_suffix(".pub").read_text())
        with self.directory() as directory, self._database() as database:
            return ssh_keys.add(database, directory.get_user(account.name), "", public, purpose)

    def take(self, account: Account, key: SshKey) -> None:
        with self.directory() as directory, self._database() as database:
            ssh_keys.remove(database, directory.get_user(account.name), key.id)

    def keys(self, account: Account) -> list[SshKey]:
        with self.directory() as directory, self._database() as database:
            return ssh_keys.of(database, directory.get_user(account.name).id)

    def known_hosts(self) -> Path:
        """What makes a client sure that it is this hub, and no other."""
        path = self.folder / "known_hosts"
        with self._database() as database:
            path.write_text(f"[127.0.0.1]:{self.ssh_port} {host_key.public(database).text}\n")
        return path

    def options(self, key: Path) -> list[str]:
        """Of OpenSSH: this key alone, and the hub's own key or nothing."""
        own = {
            "IdentitiesOnly": "yes", "IdentityAgent": "none", "BatchMode": "yes", "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.known_hosts()), "ConnectTimeout": "30",
        }  # fmt: skip
        flags = [word for name, value in own.items() for word in ("-o", f"{name}={value}")]
        return ["-F", "none", "-i", str(key), *flags]

    def environ(self, key: Path) -> dict[str, str]:
        """For git."""
        return {"GIT_SSH_COMMAND": " ".join(["ssh", *self.options(key)]), "GIT_SSH_VARIANT": "ssh"}

    def url(self, repo_id: str) -> str:
        return f"ssh://git@127.0.0.1:{self.ssh_port}/{repo_id}"

    def ssh(
        self, key: Path, *words: str, flags: tuple[str, ...] = (), user: str = "git", stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs `ssh`; `words` are the command."""
        place = ["-p", str(self.ssh_port), f"{user}@127.0.0.1"]
        return subprocess.run(
            ["ssh", *self.options(key), "-T", *flags, *place, *words],
            input=stdin,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def _database(self) -> "_Opened":
        return _Opened(self.environment())


class _Opened:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._database = Database(load(environ={**environ, CONFIG_FILE: os.devnull}))

    def __enter__(self) -> Database:
        return self._database

    def __exit__(self, *_error: object) -> None:
        self._database.close()
