"""The key by which clients of SSH know this hub: made when first asked for, kept with the instance's other keys, so that
every node of a hub shows the same one and a restored hub is still itself."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from pioche.accounts import ssh
from pioche.accounts.ssh import PublicKey
from pioche.db import instance
from pioche.db.engine import Database


def private(database: Database) -> bytes:
    """As OpenSSH keeps a private key in a file."""
    return instance.host_key(database, _made).encode()


def public(database: Database) -> PublicKey:
    """What clients are shown."""
    key = load_ssh_private_key(private(database), None).public_key()
    return ssh.parse_public(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())


def _made() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
