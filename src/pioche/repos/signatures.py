"""Who signed a commit, as far as this hub can tell: with SSH keys that people have told it (accounts/ssh_keys.py).

A signature proves who had the key, not who the commit says it is by: so the owner of the key is always named. It counts as
the committer's own when the address of the commit is the one that this hub gives to the key's owner, under any name that
was ever theirs; other addresses are what people say of themselves, and nobody has checked them.
"""

from dataclasses import dataclass
from enum import StrEnum

from pioche.accounts import former_names, ssh, ssh_keys
from pioche.accounts.ssh import BadSignature, NotSupported
from pioche.accounts.ssh_keys import Owner
from pioche.db.engine import Database
from pioche.git import signed
from pioche.git.objects import Commit
from pioche.git.signed import Signed
from pioche.repos import genesis
from pioche.repos.access import Repo

_NAMESPACE = b"git"
_SSH = b"-----BEGIN SSH SIGNATURE-----"


class State(StrEnum):
    """What is known of a signature."""

    VERIFIED = "verified"
    """Of the committer, with a key of theirs."""
    OTHER_ADDRESS = "other_address"
    """With a key of somebody here; the commit names an address that is not known to be theirs."""
    UNKNOWN_KEY = "unknown_key"
    """Right, with a key that nobody here has."""
    WRONG = "wrong"
    """The commit is not what was signed."""
    UNCHECKED = "unchecked"
    """Of another kind, which this hub does not read: OpenPGP, X.509, keys on security devices."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`signer` is the name of the key's owner, where there is one."""

    state: State
    signer: str = ""
    fingerprint: str = ""


class Verifier:
    """Of one repo, for one page: a key that many commits share is looked up once. For a worker thread."""

    def __init__(self, repo: Repo) -> None:
        self._objects, self._database = repo.objects, repo.database
        self._owners: dict[str, Owner | None] = {}

    def of(self, commit: Commit) -> Verdict | None:
        """None for a commit that is not signed."""
        if not commit.is_signed:
            return None
        found = signed.parse(self._objects.read(commit.oid)[1])
        if found is None or not found.text.startswith(_SSH):
            return Verdict(State.UNCHECKED)
        return self._judge(found, commit.committer.email)

    def _judge(self, found: Signed, address: str) -> Verdict:
        try:
            signature = ssh.parse_signature(found.text)
            ssh.verify(signature, found.payload, namespace=_NAMESPACE)
        except NotSupported:
            return Verdict(State.UNCHECKED)
        except BadSignature:
            return Verdict(State.WRONG)
        owner = self._owner(signature.fingerprint)
        if owner is None:
            return Verdict(State.UNKNOWN_KEY, fingerprint=signature.fingerprint)
        is_own = _is_address_of(self._database, owner, address)
        return Verdict(State.VERIFIED if is_own else State.OTHER_ADDRESS, owner.name, signature.fingerprint)

    def _owner(self, fingerprint: str) -> Owner | None:
        if fingerprint not in self._owners:
            self._owners[fingerprint] = ssh_keys.owner(self._database, fingerprint)
        return self._owners[fingerprint]


def _is_address_of(database: Database, owner: Owner, address: str) -> bool:
    name = address.partition("@")[0]
    if address != genesis.noreply_address(name):
        return False
    if name.lower() == owner.name.lower():
        return True
    before = former_names.holder(database, name)
    return before is not None and before.id == owner.account_id
