"""Which deployment answers a request."""

import hashlib
from collections.abc import Sequence

from pioche.errors import BadRequest, Unavailable
from pioche.serving.endpoints.changing import NoDeployment
from pioche.serving.endpoints.endpoint import Deployment, Endpoint, State, Wanted


class Router:
    """Of one web process. By weight, smoothly: of any few requests each deployment gets its share."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._due: dict[int, float] = {}

    def choose(self, endpoint: Endpoint, *, session: str = "", forced: str = "") -> list[Deployment]:
        """Who answers, and after it who may where it fails: all of them ready, where any is. `session` always leads to the same
        one, as far as the weights allow; `forced` is a deployment's name, which nothing takes the place of.

        Raises NoDeployment, BadRequest for one that is paused, Unavailable for one that cannot be started.
        """
        if endpoint.wanted is Wanted.PAUSED:
            raise BadRequest("This endpoint is paused: ask its owner to resume it")
        if forced:
            chosen = endpoint.by_name(forced)
            if chosen is None:
                raise NoDeployment(forced)
            return [chosen]
        pool = self._pool(endpoint)
        first = _of_session(pool, session) if session else self._next(pool)
        return [first, *sorted((one for one in pool if one is not first), key=lambda one: -one.weight)]

    def replicas(self, deployment: Deployment) -> int:
        """That are ready here."""
        place = deployment.place(self._node)
        return place.replicas if place is not None else 0

    def _pool(self, endpoint: Endpoint) -> list[Deployment]:
        """Of those with traffic, who is ready; where nobody is, who may be started. Traffic that one would have that is not
        there goes to the others."""
        weighted = [one for one in endpoint.deployments if one.weight > 0 and not self._is_closed(one)]
        ready = [one for one in weighted if self.replicas(one)]
        if not (ready or weighted):
            reasons = [place.reason for one in endpoint.deployments for place in one.places if place.reason]
            raise Unavailable(reasons[0] if reasons else "No deployment of this endpoint has traffic")
        return ready or weighted

    def _is_closed(self, deployment: Deployment) -> bool:
        place = deployment.place(self._node)
        return deployment.is_gone or (place is not None and place.state is State.CLOSED)

    def _next(self, pool: Sequence[Deployment]) -> Deployment:
        """Smooth weighted round robin, as nginx has it: everybody is due by their weight, and who is due most is paid."""
        if len(pool) == 1:
            return pool[0]
        for one in pool:
            self._due[one.id] = self._due.get(one.id, 0.0) + one.weight
        first = max(pool, key=lambda one: self._due[one.id])
        self._due[first.id] -= sum(one.weight for one in pool)
        return first


def _of_session(pool: Sequence[Deployment], session: str) -> Deployment:
    """The newest take the low numbers: as one's share grows, sessions move to it and none moves back."""
    digest = hashlib.blake2b(session.encode(), digest_size=8).digest()
    point = int.from_bytes(digest) / 2**64 * sum(one.weight for one in pool)
    for one in sorted(pool, key=lambda one: -one.id):
        if point < one.weight:
            return one
        point -= one.weight
    return pool[0]
