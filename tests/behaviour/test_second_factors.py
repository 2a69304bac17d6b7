"""Second factors over both databases (E-AUTHN): a code counts once, in its time, for whom it is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from pioche.accounts import failures, second_factors
from pioche.accounts.account import Account
from pioche.accounts.directory import Directory
from pioche.config import Config
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import BadRequest, Conflict, Corrupt, TooManyRequests, Unauthenticated
from tests.codes import App, turn_on

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture
def directory(config: Config) -> Iterator[Directory]:
    database = Database(config)
    yield Directory(database)
    database.close()


@pytest.fixture
def ada(directory: Directory) -> Account:
    return directory.create_user("ada", password="correct horse")


def test_a_code_counts_once_and_no_earlier_one_after_it(directory: Directory, ada: Account) -> None:
    factors = directory.second_factors
    app, _codes = turn_on(factors, ada)
    first, second = app.code(), app.code()
    factors.use(ada, f" {second[:3]} {second[3:]} ")
    for code in (second, first, app.wrong(), "", "12345", "٣٣٣٣٣٣", "\ud800"):
        with pytest.raises(Unauthenticated):
            factors.use(ada, code)
    factors.use(ada, app.code())


def test_of_many_at_once_with_one_code_one_is_right(directory: Directory, ada: Account) -> None:
    factors = directory.second_factors
    app, codes = turn_on(factors, ada)

    def try_(code: str) -> bool:
        try:
            factors.use(ada, code)
        except Unauthenticated:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(try_, [app.code()] * 4)) == 1
        assert sum(pool.map(try_, [codes[0]] * 4)) == 1


def test_a_code_is_of_its_time(directory: Directory, ada: Account) -> None:
    factors = directory.second_factors
    app, _codes = turn_on(factors, ada)
    code = app.code()
    now = factors.clock()
    for late in (2 * 30, -2 * 30):
        factors.clock = lambda late=late: now + late  # type: ignore[misc]
        with pytest.raises(Unauthenticated):
            factors.use(ada, code)
    factors.clock = lambda: now + 30
    factors.use(ada, code)


def test_recovery_codes_are_good_once_and_for_their_owner(directory: Directory, ada: Account) -> None:
    factors = directory.second_factors
    _app, codes = turn_on(factors, ada)
    bob = directory.create_user("bob")
    _other, _bobs = turn_on(factors, bob)
    assert len(set(codes)) == 10
    with pytest.raises(Unauthenticated):
        factors.use(bob, codes[0])
    factors.use(ada, codes[0].upper().replace("-", " "))
    with pytest.raises(Unauthenticated):
        factors.use(ada, codes[0])
    state = factors.of(ada.id)
    assert state is not None
    assert state.codes_left == 9
    renewed = factors.renew_codes(ada)
    with pytest.raises(Unauthenticated):
        factors.use(ada, codes[1])
    factors.use(ada, renewed[1])


def test_turning_it_on_needs_a_code_of_it_and_ends_other_sessions(directory: Directory, ada: Account) -> None:
    factors, secret = directory.second_factors, second_factors.new_secret()
    app = App(secret, factors)
    here, there = (directory.sessions.start(ada, hours=1)[1] for _ in range(2))
    with pytest.raises(BadRequest):
        factors.turn_on(ada, secret, app.wrong())
    assert factors.of(ada.id) is None
    factors.turn_on(ada, secret, app.code(), session_id=here.id)
    assert [one.id for one in directory.sessions.of(ada.id)] == [here.id] != [there.id]
    other = second_factors.new_secret()
    with pytest.raises(Conflict):
        factors.turn_on(ada, other, App(other, factors).code())


def test_off_is_off_and_told(directory: Directory, ada: Account) -> None:
    factors = directory.second_factors
    app, codes = turn_on(factors, ada)
    assert factors.turn_off(ada)
    assert not factors.turn_off(ada)
    for code in (app.code(), codes[0]):
        with pytest.raises(Unauthenticated):
            factors.use(ada, code)
    with pytest.raises(Conflict):
        factors.renew_codes(ada)
    turn_on(factors, ada)
    assert factors.turn_off(ada, actor_id=ada.id)
    with directory._database.read() as connection:
        kinds = list(connection.execute(sa.select(schema.events.c.kind).order_by(schema.events.c.id)).scalars())
    assert [kind for kind in kinds if kind.startswith("user.2fa")] == [
        "user.2fa.enable", "user.2fa.reset", "user.2fa.enable", "user.2fa.disable",
    ]  # fmt: skip


def test_the_tables_hold_no_code_and_no_secret(directory: Directory, ada: Account) -> None:
    factors, secret = directory.second_factors, second_factors.new_secret()
    codes = factors.turn_on(ada, secret, App(secret, factors).code())
    bob = directory.create_user("bob")
    turn_on(factors, bob)
    with directory._database.write() as connection:
        kept = [
            str(one)
            for t in (schema.second_factors, schema.recovery_codes)
            for row in connection.execute(sa.select(t))
            for one in row
        ]
        assert not any(secret in one or code in one or code.replace("-", "") in one for one in kept for code in codes)
        # The secret of one is not the secret of another, wherever its row is copied to.
        mine = sa.select(schema.second_factors.c.secret).where(schema.second_factors.c.user_id == ada.id)
        connection.execute(schema.second_factors.update().values(secret=mine.scalar_subquery()))
    with pytest.raises(Corrupt):
        factors.use(bob, "123456")


def test_who_guesses_codes_waits_wherever_they_are(directory: Directory, ada: Account) -> None:
    for at in range(10):
        directory.failures.count(failures.of_code(ada.id, f"192.0.2.{at}"))
    with pytest.raises(TooManyRequests):
        directory.failures.count(failures.of_code(ada.id, "198.51.100.1"))
