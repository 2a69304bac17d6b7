"""`git-lfs-authenticate`: where git-lfs finds the large files, and what it shows there (git-lfs `docs/api/server-discovery.md`)."""

import msgspec

from pioche.errors import Unauthenticated
from pioche.http import lfs_passes, threads
from pioche.http.lfs_passes import Pass
from pioche.protocols.ssh.asking import Asking
from pioche.repos import push


async def authenticate(asking: Asking) -> None:
    """The batch asks for the right again, as it is then."""
    caller, repo = asking.caller, asking.repo
    if asking.operation == "upload":
        await push.check_may_begin(asking.hub.access, caller, repo, threads.run)
    if caller.credential is None:
        raise Unauthenticated("Credentials are made for who came with a key")
    made = lfs_passes.issue(asking.hub.keyring, Pass(repo.uid, caller.credential, asking.operation))
    answer = {
        "href": f"{asking.base_url}/lfs/{repo.uid}",
        "header": {"Authorization": made},
        "expires_in": lfs_passes.SECONDS,
    }
    await asking.stream.write(msgspec.json.encode(answer) + b"\n")
