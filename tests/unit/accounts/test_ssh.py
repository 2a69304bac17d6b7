"""SSH keys and signatures as `ssh-keygen` makes them, and as those who lie do."""

import base64
import subprocess
from pathlib import Path

import pytest

from pioche.accounts import ssh
from pioche.accounts.ssh import BadKey, BadSignature, NotSupported, Wrong

PAYLOAD = b"tree 1\n\nwhat is signed\n"
KINDS = {
    "Ed25519": ("ed25519", ""), "ECDSA P-256": ("ecdsa", "256"), "ECDSA P-384": ("ecdsa", "384"),
    "ECDSA P-521": ("ecdsa", "521"), "RSA 2048": ("rsa", "2048"),
}  # fmt: skip


def make_key(folder: Path, kind: str, bits: str = "") -> Path:
    command = ["ssh-keygen", "-q", "-t", kind, *(("-b", bits) if bits else ()), "-N", "", "-C", "her desk", "-f", "key"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "key"


def sign(key: Path, payload: bytes = PAYLOAD, namespace: str = "git") -> bytes:
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key)]
    return subprocess.run(command, input=payload, capture_output=True, check=True).stdout


@pytest.mark.parametrize("name", list(KINDS))
def test_t4_keys_of_each_kind_verify_what_they_signed_and_nothing_else(tmp_path: Path, name: str) -> None:
    path = make_key(tmp_path, *KINDS[name])
    key = ssh.parse_public(path.with_suffix(".pub").read_text())
    assert (key.kind, key.comment) == (name, "her desk")
    listed = subprocess.run(["ssh-keygen", "-l", "-f", str(path)], capture_output=True, text=True, check=True).stdout
    assert key.fingerprint in listed
    signature = ssh.parse_signature(sign(path))
    assert signature.fingerprint == key.fingerprint
    ssh.verify(signature, PAYLOAD, namespace=b"git")
    for payload, namespace in ((PAYLOAD + b"more", b"git"), (PAYLOAD, b"file")):
        with pytest.raises(BadSignature):
            ssh.verify(signature, payload, namespace=namespace)


def test_t4_a_signature_that_is_cut_or_changed_is_none(tmp_path: Path) -> None:
    armoured = sign(make_key(tmp_path, "ed25519"))
    begin, *body, end = armoured.strip().split(b"\n")
    data = base64.b64decode(b"".join(body))
    for size in range(0, len(data), 7):
        cut = b"\n".join([begin, base64.b64encode(data[:size]), end])
        with pytest.raises(BadSignature):
            ssh.verify(ssh.parse_signature(cut), PAYLOAD, namespace=b"git")
    for at in range(6, len(data), 5):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(BadSignature):
            ssh.verify(
                ssh.parse_signature(b"\n".join([begin, base64.b64encode(changed), end])), PAYLOAD, namespace=b"git"
            )


def test_t4_a_key_on_a_security_device_is_of_another_kind_not_wrong() -> None:
    blob = ssh_string(b"sk-ssh-ed25519@openssh.com") + ssh_string(b"\1" * 32) + ssh_string(b"ssh:")
    inner = ssh_string(b"sk-ssh-ed25519@openssh.com") + ssh_string(b"\2" * 64)
    fields = [blob, b"git", b"", b"sha256", inner]
    data = b"SSHSIG\0\0\0\1" + b"".join(map(ssh_string, fields))
    text = b"-----BEGIN SSH SIGNATURE-----\n" + base64.b64encode(data) + b"\n-----END SSH SIGNATURE-----"
    with pytest.raises(NotSupported):
        ssh.verify(ssh.parse_signature(text), PAYLOAD, namespace=b"git")


def test_t4_what_is_no_key_says_why(tmp_path: Path) -> None:
    path = make_key(tmp_path, "ed25519")
    line = path.with_suffix(".pub").read_text()
    short = tmp_path / "short"
    short.mkdir()
    texts = {
        path.read_text(): Wrong.PRIVATE,
        "": Wrong.NO_KEY,
        "hello": Wrong.NO_KEY,
        line + line: Wrong.NO_KEY,
        "x" * 20_000: Wrong.NO_KEY,
        line.replace("ssh-ed25519", "ssh-dss", 1): Wrong.TYPE,
        line[:40]: Wrong.DAMAGED,
        line.replace("ssh-ed25519", "ssh-rsa", 1): Wrong.DAMAGED,
        "ssh-ed25519 é": Wrong.DAMAGED,
        make_key(short, "rsa", "1024").with_suffix(".pub").read_text(): Wrong.SHORT,
    }
    for text, wrong in texts.items():
        with pytest.raises(BadKey) as caught:
            ssh.parse_public(text)
        assert caught.value.wrong is wrong, text[:60]


def ssh_string(data: bytes) -> bytes:
    return len(data).to_bytes(4) + data
