"""Pictures of items of a collection (ui.md O1), on both databases: who adds them, and who sees them."""

from collections.abc import Iterator

import pytest

from pioche.accounts.callers import Caller
from pioche.community.collections import changing, gallery, items
from pioche.community.collections.changing import Change, NewCollection
from pioche.community.collections.collection import Collection, Kind
from pioche.errors import BadRequest, Forbidden, NotFound, TooLarge, UnsupportedMediaType
from pioche.repos.access import Action
from pioche.repos.catalog import Settings
from pioche.storage import images
from tests.binary_files import png
from tests.core import Core

NOBODY = Caller.nobody()
_PNG = png(20, 10, b"\xff\0\0")


@pytest.fixture
def held(core: Core, ada: Caller) -> Iterator[tuple[Collection, str]]:
    """A collection of one model, and the uid of that item."""
    core.repo(ada, "ada/shown")
    hub = core.hub
    made = changing.create(hub.database, hub.directory, ada, NewCollection(title="Seen"))
    items.add(hub.database, hub.access, ada, made.slug, Kind.MODEL, "ada/shown")
    yield made, items.of(hub.database, ada, [made])[made.id][0].item.uid
    hub.renderer.close()


def add(core: Core, who: Caller, held: tuple[Collection, str], alt: str = "", data: bytes = _PNG) -> None:
    hub = core.hub
    gallery.add(hub.database, hub.contents, hub.renderer, who, held[0].slug, held[1], data, alt)


def seen(core: Core, reader: Caller, where: Collection) -> list[gallery.Picture]:
    found = items.of(core.hub.database, reader, [where])[where.id]
    return [
        one for pictures in gallery.of(core.hub.database, [each.item for each in found]).values() for one in pictures
    ]


def test_o1_pictures_are_added_ordered_and_removed(core: Core, ada: Caller, held: tuple[Collection, str]) -> None:
    database = core.hub.database
    for alt in ("one", "two", "three"):
        add(core, ada, held, alt)
    first, second, third = seen(core, ada, held[0])
    assert (first.alt, first.width, first.height) == ("one", 20, 10)
    gallery.bring_forward(database, ada, held[0].slug, third.uid)
    gallery.bring_forward(database, ada, held[0].slug, first.uid)
    assert [one.alt for one in seen(core, NOBODY, held[0])] == ["one", "three", "two"]
    gallery.remove(database, ada, held[0].slug, second.uid)
    assert [one.alt for one in seen(core, NOBODY, held[0])] == ["one", "three"]
    with pytest.raises(NotFound):
        gallery.get(database, ada, second.uid)
    assert gallery.get(database, NOBODY, first.uid).media_type == "image/png"


def test_o1_what_a_gallery_refuses(core: Core, ada: Caller, held: tuple[Collection, str]) -> None:
    bob = core.user("bob")
    with pytest.raises(Forbidden):
        add(core, bob, held)
    with pytest.raises(UnsupportedMediaType):
        add(core, ada, held, data=b"<svg/>")
    with pytest.raises(BadRequest):
        add(core, ada, held, alt="x" * 201)
    with pytest.raises(NotFound):
        add(core, ada, (held[0], "0" * 24))
    for _ in range(gallery.PICTURES_MAX):
        add(core, ada, held)
    with pytest.raises(TooLarge):
        add(core, ada, held)
    picture = seen(core, ada, held[0])[0]
    with pytest.raises(Forbidden):
        gallery.remove(core.hub.database, bob, held[0].slug, picture.uid)
    other = changing.create(core.hub.database, core.hub.directory, ada, NewCollection(title="Other"))
    with pytest.raises(NotFound):
        gallery.remove(core.hub.database, ada, other.slug, picture.uid)


def test_o1_e_leak_a_picture_is_for_who_sees_its_item(core: Core, ada: Caller, held: tuple[Collection, str]) -> None:
    database = core.hub.database
    add(core, ada, held, "secret")
    uid = seen(core, ada, held[0])[0].uid
    repo = core.open(ada, "ada/shown", Action.MANAGE)
    core.hub.catalog.change(ada, repo, Settings(private=True))
    assert seen(core, NOBODY, held[0]) == []
    with pytest.raises(NotFound):
        gallery.get(database, NOBODY, uid)
    core.hub.catalog.change(ada, core.open(ada, "ada/shown", Action.MANAGE), Settings(private=False))
    assert gallery.get(database, NOBODY, uid).uid == uid
    changing.change(database, ada, held[0].slug, Change(private=True))
    with pytest.raises(NotFound):
        gallery.get(database, NOBODY, uid)
    assert gallery.get(database, ada, uid).uid == uid


def test_o1_pictures_of_items_that_are_gone_are_forgotten(
    core: Core, ada: Caller, held: tuple[Collection, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(core, ada, held)
    assert images.sweep(core.hub.database) == 0
    items.remove(core.hub.database, ada, held[0].slug, held[1])
    monkeypatch.setattr(images, "_UNUSED_MS", -1000)
    assert images.sweep(core.hub.database) == 1
