"""Which workers there are within a budget: started once, the idle ones go first, what fails is left alone for a while."""

import asyncio

import pytest
from msgspec import structs

from pioche.errors import EngineFailed, ModelLoading, NotOffered, Unavailable
from pioche.serving import needs
from pioche.serving.address import Address
from pioche.serving.controller import fleet as fleets
from pioche.serving.controller.fleet import Fleet, Limits
from pioche.serving.messages import State, Wanted
from pioche.serving.spec import EngineName, Spec
from pioche.serving.worker.batcher import Stats

SIZE = 100 * 2**20
EACH = needs.memory(EngineName.ONNX, SIZE)


class FakeWorker:
    def __init__(self, number: int) -> None:
        self.address = Address(folder=f"/worker/{number}")
        self.ended: str | None = None
        self.running = 0
        self.why = ""

    def usage(self) -> tuple[int, float]:
        return EACH // 2, 1.0

    def refused(self) -> str:
        return self.why

    def output(self) -> str:
        return "loaded"

    async def stats(self) -> Stats:
        if self.ended is not None:
            raise ConnectionRefusedError
        return Stats(running=self.running)

    async def end(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.ended = "ended with code 0"


class FakeStarter:
    """Starts at once, unless told otherwise."""

    def __init__(self) -> None:
        self.started: list[FakeWorker] = []
        self.fails: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.attempts = 0

    async def start(self, wanted: Wanted, memory_bytes: int) -> FakeWorker:
        self.attempts += 1
        assert memory_bytes > EACH
        await self.gate.wait()
        if self.fails is not None:
            raise self.fails
        self.started.append(FakeWorker(len(self.started) + 1))
        return self.started[-1]

    def close(self) -> None:
        """It keeps nothing."""


def spec(name: str) -> Spec:
    return Spec(repo=f"ada/{name}", commit="0" * 40, engine=EngineName.ONNX, task="fill-mask", files=("model.onnx",))


def wanted(name: str, *, lost: int = 0, seconds: float = 60, size: int = SIZE) -> Wanted:
    return Wanted(spec(name), 1, size, seconds, lost)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(fleets, "_DRAIN_SECONDS", 0.05)


async def made(room: float = 2.5, idle_seconds: float = 3600) -> tuple[Fleet, FakeStarter]:
    starter = FakeStarter()
    return Fleet(starter, Limits(int(EACH * room), idle_seconds)), starter


def test_many_who_ask_wait_for_one_start() -> None:
    async def story() -> None:
        fleet, starter = await made()
        starter.gate.clear()
        asking = [asyncio.create_task(fleet.worker(wanted("a"))) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert fleet.look(spec("a")).state is State.STARTING
        starter.gate.set()
        assert len({reply.number for reply in await asyncio.gather(*asking)}) == starter.attempts == 1
        assert fleet.look(spec("a")).state is State.READY

    asyncio.run(story())


def test_who_does_not_want_to_wait_is_refused_and_the_start_goes_on() -> None:
    async def story() -> None:
        fleet, starter = await made()
        starter.gate.clear()
        with pytest.raises(ModelLoading):
            await fleet.worker(wanted("a", seconds=0))
        starter.gate.set()
        await fleet.worker(wanted("a"))
        assert starter.attempts == 1

    asyncio.run(story())


def test_the_one_asked_last_longest_ago_goes_first_unless_it_answers() -> None:
    async def story() -> None:
        fleet, starter = await made()
        await fleet.worker(wanted("a"))
        await fleet.worker(wanted("b"))
        first, second = starter.started
        first.running = 1
        await fleet.worker(wanted("c"))
        assert (first.ended, fleet.look(spec("b")).state) == (None, State.ABSENT)
        assert second.ended is not None
        for worker in starter.started:
            worker.running = 1
        with pytest.raises(Unavailable, match="at work"):
            await fleet.worker(wanted("d"))

    asyncio.run(story())


def test_a_hundred_models_share_the_memory_of_two() -> None:
    async def story() -> None:
        fleet, starter = await made()
        await asyncio.gather(*(fleet.worker(wanted(str(number))) for number in range(100)))
        assert len(starter.started) == 100
        assert len([worker for worker in starter.started if worker.ended is None]) == 2

    asyncio.run(story())


def test_what_never_fits_is_refused_at_once() -> None:
    async def story() -> None:
        fleet, starter = await made()
        with pytest.raises(NotOffered, match="inference_memory_bytes"):
            await fleet.worker(wanted("a", size=10 * SIZE))
        assert starter.attempts == 0

    asyncio.run(story())


def test_a_worker_that_broke_down_is_started_again_and_then_left_alone() -> None:
    async def story() -> None:
        fleet, starter = await made()
        number = (await fleet.worker(wanted("a"))).number
        starter.started[0].ended = "killed: used more than 512 MiB of memory"
        again = await fleet.worker(wanted("a", lost=number))
        assert again.number != number
        starter.started[1].ended = "killed: used more than 512 MiB of memory"
        with pytest.raises(EngineFailed, match="more than 512 MiB"):
            await fleet.worker(wanted("a", lost=again.number))
        assert "more than 512 MiB" in fleet.look(spec("a")).reason
        await fleet.close()
        assert [worker.ended for worker in starter.started] == ["ended with code 0"] * 2  # what they held is given back

    asyncio.run(story())


def test_a_connection_that_broke_of_a_worker_that_lives_starts_no_other() -> None:
    async def story() -> None:
        fleet, starter = await made()
        number = (await fleet.worker(wanted("a"))).number
        assert (await fleet.worker(wanted("a", lost=number))).number == number
        assert starter.attempts == 1

    asyncio.run(story())


def test_a_model_that_cannot_be_loaded_is_not_tried_at_every_request() -> None:
    async def story() -> None:
        fleet, starter = await made()
        starter.fails = EngineFailed("The weights cannot be loaded")
        for _ in range(3):
            with pytest.raises(EngineFailed, match="weights"):
                await fleet.worker(wanted("a"))
        assert starter.attempts == 1
        starter.fails = None
        await fleet.worker(wanted("b"))

    asyncio.run(story())


def test_idle_ones_end_and_come_back() -> None:
    async def story() -> None:
        fleet, starter = await made(idle_seconds=0)
        keeping = asyncio.create_task(fleet.keep())
        await fleet.worker(wanted("a"))
        while starter.started[0].ended is None:
            await asyncio.sleep(0.01)
        await fleet.worker(wanted("a"))
        assert len(starter.started) == 2
        keeping.cancel()
        await fleet.close()
        assert starter.started[1].ended is not None

    asyncio.run(story())


def test_workers_of_deployments_end_when_they_are_told_to_and_kept_ones_make_no_room() -> None:
    async def story() -> None:
        fleet, _starter = await made(room=2.5, idle_seconds=0)
        placed = structs.replace(spec("a"), place="7/0")
        asked = Wanted(placed, 1, SIZE, 60)
        await fleet.worker(asked)
        await fleet._round()
        assert fleet.see(placed).state is State.READY
        assert fleet.output(placed) == "loaded"
        fleet.kept = frozenset((placed,))
        await fleet.worker(wanted("b"))
        await fleet.worker(wanted("c"))
        assert fleet.look(placed).state is State.READY
        assert fleet.look(spec("b")).state is State.ABSENT
        await fleet.end(placed)
        assert fleet.see(placed).state is State.ABSENT
        await fleet.close()

    asyncio.run(story())


def test_h_run_3_code_that_does_not_answer_is_ended_and_waits_for_its_next_start() -> None:
    async def story() -> None:
        starter = FakeStarter()
        fleet = Fleet(starter, Limits(EACH * 20, 3600, code_seconds=0.02))
        asked = Wanted(structs.replace(spec("own"), code=True), 1, SIZE, 60)
        await fleet.worker(asked)
        await fleet.worker(wanted("other"))
        for worker in starter.started:
            worker.running = 1
        deadline = asyncio.get_running_loop().time() + 20
        while fleet.look(asked.spec).state is State.READY:
            assert asyncio.get_running_loop().time() < deadline
            await fleet._round()
            await asyncio.sleep(0.005)
        assert fleet.look(asked.spec).reason == "The model's code gave no answer within 0 seconds"
        with pytest.raises(EngineFailed, match="gave no answer"):
            await fleet.worker(asked)
        assert starter.started[0].ended is not None
        assert fleet.look(spec("other")).state is State.READY  # answers may take as long as they take

    asyncio.run(story())


def test_h_run_4_a_process_that_says_nothing_any_more_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(worker: FakeWorker) -> Stats:
        raise TimeoutError

    async def story() -> None:
        fleet, starter = await made()
        await fleet.worker(wanted("silent"))
        monkeypatch.setattr(FakeWorker, "stats", silent)
        await fleet._round()
        assert fleet.look(spec("silent")).state is State.READY
        monkeypatch.setattr(fleets, "_SILENT_SECONDS", -1.0)
        await fleet._round()
        assert "gave no answer" in fleet.look(spec("silent")).reason
        assert starter.started[0].ended is not None

    asyncio.run(story())


def test_memory_is_lent_while_no_model_needs_it() -> None:
    async def story() -> None:
        fleet, _ = await made(room=2.5)
        await fleet.worker(wanted("a"))
        given_back = asyncio.Event()
        with pytest.raises(Unavailable), fleet.lending(EACH * 2, given_back.set):
            raise AssertionError("there is not so much")

        async def borrow() -> None:
            with fleet.lending(EACH, given_back.set):
                await given_back.wait()

        borrowing = asyncio.create_task(borrow())
        await asyncio.sleep(0)
        await fleet.worker(wanted("b"))  # which there is room for once it is given back
        await borrowing
        assert [fleet.look(spec(name)).state for name in "ab"] == [State.READY, State.READY]

    asyncio.run(story())


def test_all_workers_of_a_model_are_made_anew() -> None:
    async def story() -> None:
        fleet, starter = await made(room=5)
        deployed = Wanted(structs.replace(spec("a"), place="1/0"), 1, SIZE, 60)
        for one in (wanted("a"), deployed, wanted("b")):
            await fleet.worker(one)
        await fleet.renew(spec("a"))
        assert [worker.ended is None for worker in starter.started] == [False, False, True]

    asyncio.run(story())


def test_h_run_3_code_that_may_run_no_more_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets, "_ALLOWED_SECONDS", 0.0)

    async def story() -> None:
        fleet, starter = await made(room=20)
        asked = Wanted(structs.replace(spec("own"), code=True), 1, SIZE, 60)
        await fleet.worker(asked)
        await fleet._round()
        assert fleet.look(asked.spec).state is State.READY
        starter.started[0].why = "no owner allows it"
        await fleet._round()
        assert (fleet.look(asked.spec).state, starter.started[0].ended is None) == (State.ABSENT, False)

    asyncio.run(story())
