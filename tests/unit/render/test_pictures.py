"""Pictures written anew, by a worker: what is kept of them, what is refused, what a bomb costs."""

import os
from collections.abc import Iterator

import pytest
from PIL import Image

from pioche.render import pictures
from pioche.render.pictures import AttachmentJob, AvatarJob, Crop, Picture, PictureJob, PosterJob, Refusal, SocialJob
from pioche.render.renderer import Renderer
from tests.pictures import HALVES, animated, announced, bomb, encoded, is_near, opened, picture, telling

RED, BLUE = HALVES


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Renderer]:
    made = Renderer(tmp_path_factory.mktemp("render"), cache_bytes_max=2**24, workers=1)
    yield made
    made.close()


def made(renderer: Renderer, job: PictureJob) -> Picture:
    found = renderer.remade(job)
    assert isinstance(found, Picture), found
    return found


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_an_avatar_is_the_middle_of_any_picture(renderer: Renderer, form: str) -> None:
    found = made(renderer, AvatarJob(picture(80, 40, form)))
    assert (found.media_type, found.width, found.height) == ("image/webp", pictures.AVATAR_SIDE, pictures.AVATAR_SIDE)
    image = opened(found.data)
    assert image.format == "WEBP"
    assert is_near(image, (100, 256), RED)
    assert is_near(image, (400, 256), BLUE)


def test_an_avatar_is_the_square_that_was_chosen(renderer: Renderer) -> None:
    right = opened(made(renderer, AvatarJob(picture(), Crop(1.0, 0.0, 1.0))).data)
    assert is_near(right, (40, 256), BLUE)
    beyond = made(renderer, AvatarJob(picture(), Crop(99.0, -3.0, 0.0)))
    assert (beyond.width, beyond.height) == (512, 512), "what lies outside is moved in"


def test_nothing_but_the_pixels_goes_out(renderer: Renderer) -> None:
    for job in (AvatarJob(telling(b"at-home")), AttachmentJob(telling(b"at-home")), SocialJob(telling(b"at-home"))):
        found = made(renderer, job)
        image = opened(found.data)
        assert b"at-home" not in found.data
        assert not dict(image.getexif())
        assert not {"exif", "icc_profile", "comment", "xmp"} & image.info.keys()


def test_a_photograph_is_turned_as_it_was_taken(renderer: Renderer) -> None:
    found = made(renderer, AttachmentJob(telling(b"x")))
    assert (found.width, found.height) == (30, 60)
    image = opened(found.data)
    assert is_near(image, (15, 10), RED)
    assert is_near(image, (15, 50), BLUE)


def test_an_attachment_keeps_its_shape_and_its_holes(renderer: Renderer) -> None:
    large = made(renderer, AttachmentJob(picture(4000, 1000)))
    assert (large.width, large.height, large.media_type) == (2560, 640, "image/png")
    hole = made(renderer, AttachmentJob(encoded(Image.new("RGBA", (10, 10), (0, 0, 0, 0)), "PNG")))
    assert opened(hole.data).getpixel((5, 5)) == (0, 0, 0, 0)
    deep = made(renderer, AttachmentJob(encoded(Image.new("I;16", (10, 10), 0xFFFF), "PNG")))
    assert is_near(opened(deep.data), (5, 5), (255, 255, 255))


def test_of_an_animation_the_first_frame_is_kept(renderer: Renderer) -> None:
    image = opened(made(renderer, AttachmentJob(animated())).data)
    assert getattr(image, "n_frames", 1) == 1
    assert is_near(image, (12, 12), RED)


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"GIF89a",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html>",
        b"%PDF-1.7",
        b"II*\0 is a TIFF, which nobody shows",
        b"BM" + b"\0" * 60,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    ],
)
def test_what_is_no_picture_is_refused(renderer: Renderer, source: bytes) -> None:
    assert made(renderer, AttachmentJob(source)).refusal is Refusal.NOT_A_PICTURE


@pytest.mark.parametrize("size", [(pictures.SIDE_MAX + 1, 1), (8000, 8000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_by_what_the_head_says(renderer: Renderer, size: tuple[int, int]) -> None:
    assert made(renderer, AvatarJob(announced(*size))).refusal is Refusal.TOO_LARGE


def test_a_picture_that_is_cut_short_is_damaged(renderer: Renderer) -> None:
    assert made(renderer, AvatarJob(picture(400, 400)[:-300])).refusal is Refusal.DAMAGED
    assert made(renderer, AvatarJob(announced(0, 4))).refusal in (Refusal.DAMAGED, Refusal.NOT_A_PICTURE)


def test_a_bomb_below_the_limit_of_pixels_costs_a_bounded_worker(renderer: Renderer) -> None:
    source = bomb(7000)
    assert len(source) < 500_000
    found = made(renderer, AvatarJob(source))
    assert found.width == pictures.AVATAR_SIDE
    assert os.getpid() not in renderer.worker_ids()


def test_a_poster_is_drawn_once_for_the_same_facts(renderer: Renderer) -> None:
    job = PosterJob("dataset", "ada", "a-name-of-" + "many-words-" * 8 + "end", ["Question answering", "mit"])
    found = renderer.poster(job)
    assert isinstance(found, Picture)
    assert opened(found.data).size == pictures.SOCIAL_SIZE
    assert renderer.poster(job) == found
    assert renderer.poster(PosterJob("model", "ada", "x")) != found
