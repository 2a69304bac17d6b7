"""Which cores workers run on."""

from contextlib import ExitStack

from pioche.serving.controller.cores import Cores


def test_workers_get_the_cores_that_the_fewest_others_have() -> None:
    cores = Cores((0, 1, 2, 3))
    with ExitStack() as stack:
        given = [stack.enter_context(cores.taken(2)) for _ in range(3)]
        assert given == [(0, 1), (2, 3), (0, 1)]
    with cores.taken(9) as everything:
        assert everything == (0, 1, 2, 3)
