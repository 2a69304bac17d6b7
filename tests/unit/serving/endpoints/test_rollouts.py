"""Whether a rollout goes on, ends, or is taken back (issue 6 item 5)."""

from pioche.serving.endpoints.endpoint import Guards, Rollout
from pioche.serving.endpoints.rollouts import Judged, Verdict, judge
from pioche.serving.endpoints.tallies import Tally

OLD, NEW = 1, 2
GUARDS = Guards(min_requests=20, hold_seconds=60, max_error_rate=0.05, max_slowdown=2)


def going(step: int = 0, **more: object) -> Rollout:
    given = {"deployment": NEW, "steps": (1.0, 10.0, 100.0), "guards": GUARDS, "before": {OLD: 100.0, NEW: 0.0}}
    return Rollout(**{**given, "step": step, **more})  # type: ignore[arg-type]


def tally(answers: int, failures: int = 0, seconds: float = 0.1) -> Tally:
    found = Tally()
    for number in range(answers + failures):
        found.add(seconds, has_failed=number >= answers)
    return found


def judged(rollout: Rollout, new: Tally, old: Tally, after: float = 61, **more: object) -> Judged:
    given = {"is_ready": True, "failed": "", **more}
    return judge(rollout, {OLD: old, NEW: new}, int(after * 1000), **given)  # type: ignore[arg-type]


def test_no_traffic_moves_before_the_new_deployment_is_ready() -> None:
    assert judged(going(-1), Tally(), Tally(), is_ready=False).verdict is Verdict.WAIT
    assert judged(going(-1), Tally(), Tally()).verdict is Verdict.NEXT


def test_one_that_cannot_be_started_is_taken_back_with_its_reason() -> None:
    found = judged(going(-1), Tally(), Tally(), is_ready=False, failed="no room")
    assert found == Judged(Verdict.BACK, "no room")


def test_a_step_is_passed_by_enough_requests_and_enough_time() -> None:
    assert judged(going(), tally(19), tally(1000)).verdict is Verdict.WAIT
    assert judged(going(), tally(20), tally(1000), after=59).verdict is Verdict.WAIT
    assert judged(going(), tally(20), tally(1000)).verdict is Verdict.NEXT
    assert judged(going(2), tally(20), Tally()).verdict is Verdict.DONE


def test_errors_take_it_back_as_soon_as_they_are_certain_to_be_too_many() -> None:
    assert judged(going(), tally(0, 1), tally(100), after=1).verdict is Verdict.WAIT
    found = judged(going(), tally(0, 2), tally(100), after=1)
    assert (found.verdict, found.reason) == (Verdict.BACK, "2 of 2 requests failed, and 5.0% may")
    assert judged(going(), tally(95, 5), tally(100)).verdict is Verdict.NEXT
    assert judged(going(), tally(94, 6), tally(100)).verdict is Verdict.BACK


def test_errors_that_the_others_have_as_well_are_not_its_own() -> None:
    assert judged(going(), tally(50, 50), tally(50, 50)).verdict is Verdict.NEXT


def test_one_that_is_much_slower_than_the_others_is_taken_back() -> None:
    assert judged(going(), tally(100, seconds=0.15), tally(1000)).verdict is Verdict.NEXT
    found = judged(going(), tally(100, seconds=0.5), tally(1000))
    assert found.verdict is Verdict.BACK
    assert "95 % of its answers took up to" in found.reason
    assert (
        judged(going(), tally(100, seconds=0.012), tally(1000, seconds=0.002)).verdict is Verdict.NEXT
    )  # of no matter


def test_what_was_counted_before_the_step_does_not_count() -> None:
    before = {NEW: tally(0, 10), OLD: tally(10)}
    both = tally(30, 10)
    assert judged(going(1, baseline=before), both, tally(100)).verdict is Verdict.NEXT


def test_the_others_keep_their_proportions_while_the_new_one_grows() -> None:
    three = going(before={OLD: 60.0, 3: 40.0, NEW: 0.0})
    assert three.weights(10) == {OLD: 54.0, 3: 36.0, NEW: 10}
    assert three.weights(100) == {OLD: 0, 3: 0, NEW: 100}
