"""All apps of this machine: their rows are looked at once a second, and each is taken a step further."""

import asyncio
from contextlib import suppress

from pioche.accounts.callers import Caller
from pioche.errors import HubError
from pioche.observe import log
from pioche.repos.access import Access, Action, Repo
from pioche.spaces.apps import Due
from pioche.spaces.controller.keeper import Keeper, Ways

_LOOK_SECONDS = 1.0
_BREATH_SECONDS = 0.1
"""Between two looks, however often somebody asks."""


class House:
    """`keep` runs until it is cancelled, and ends all apps then."""

    def __init__(self, ways: Ways, access: Access) -> None:
        self._ways, self._access = ways, access
        self.keepers: dict[int, Keeper] = {}
        self.repos: dict[int, Repo] = {}
        """As they were at the last look: their names, and whether they are private."""
        self._asked = asyncio.Event()
        self._looked = asyncio.Condition()

    async def keep(self) -> None:
        try:
            while True:
                self._asked.clear()
                await self._look()
                async with self._looked:
                    self._looked.notify_all()
                await asyncio.sleep(_BREATH_SECONDS)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._asked.wait(), _LOOK_SECONDS)
        finally:
            await asyncio.gather(*(keeper.close() for keeper in self.keepers.values()), return_exceptions=True)

    def hurry(self) -> None:
        """Somebody changed a row just now."""
        self._asked.set()

    async def looked(self) -> None:
        """Returns after the next look: what was made a moment ago is known then."""
        self._asked.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS), self._looked:
                await self._looked.wait()

    async def _look(self) -> None:
        try:
            found = await asyncio.to_thread(self._ways.tools.apps.due)
            repos = await asyncio.to_thread(self._open, [due.app.repo for due in found])
        except (HubError, OSError) as error:
            log.fault("Spaces not looked at", error)
            return
        self.repos = {repo.id: repo for repo in repos}
        self._note(found)
        await self._leave(set(self.keepers) - {due.app.repo for due in found})

    def _open(self, repos: list[int]) -> list[Repo]:
        return self._access.open_all_sync(Caller.operator(), repos, Action.CONTENT)

    def _note(self, found: list[Due]) -> None:
        for due in found:
            keeper = self.keepers.get(due.app.repo)
            if keeper is None:
                keeper = self.keepers[due.app.repo] = Keeper(self._ways, due.app)
            keeper.look(due)

    async def _leave(self, gone: set[int]) -> None:
        for repo in gone:
            await self.keepers.pop(repo).close()
