"""Who goes when too many have come."""

from pioche.protocols.ssh.doorman import Doorman, Guest, Limits


class House:
    """Guests by name, and who was asked to leave."""

    def __init__(self, **limits: int) -> None:
        self.doorman = Doorman(Limits(**limits))
        self.gone = list[str]()

    def come(self, name: str, address: str = "192.0.2.1") -> Guest:
        return self.doorman.enter(address, lambda: self.gone.append(name))


def test_of_those_that_wait_the_first_of_an_address_goes() -> None:
    house = House(waiting_of_address=2)
    for name in "abc":
        house.come(name)
    house.come("x", "192.0.2.9")
    assert house.gone == ["a"]


def test_many_addresses_of_one_customer_are_one() -> None:
    house = House(waiting_of_address=1)
    house.come("a", "2001:db8::1")
    house.come("b", "2001:db8::2")
    assert house.gone == ["a"]


def test_who_is_known_stays() -> None:
    house = House(connections=2, waiting=2, waiting_of_address=2)
    known = [house.come(name) for name in "ab"]
    assert all(house.doorman.know(guest) for guest in known)
    house.come("c")
    assert house.gone == ["c"]
    house.doorman.left(known[0])
    house.come("d", "192.0.2.9")
    house.come("e", "192.0.2.8")
    assert house.gone == ["c", "d"]


def test_an_address_has_so_many() -> None:
    house = House(of_address=1)
    assert house.doorman.know(house.come("a"))
    assert not house.doorman.know(house.come("b"))
    assert house.doorman.know(house.come("c", "192.0.2.9"))


def test_an_account_runs_so_many_commands() -> None:
    doorman = Doorman(Limits(sessions_of_account=2))
    assert [doorman.begin(7) for _ in range(3)] == [True, True, False]
    assert doorman.begin(8)
    doorman.end(7)
    assert doorman.begin(7)


def test_all_leave_at_the_end() -> None:
    house = House()
    house.doorman.know(house.come("a"))
    house.come("b")
    house.doorman.dismiss_all()
    assert house.gone == ["a", "b"]
