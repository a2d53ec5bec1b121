"""Which pictures count as one photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from datazoo.photos.groups import joined, photo_groups
from datazoo.photos.look import look_at, looks_of
from datazoo.photos.near_copies import near_copies
from datazoo.pictures import PictureSet


def photo(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """A made picture with large shapes, as photos have, that no other seed gives."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def save(folder: Path, **pictures: Image.Image) -> tuple[Path, ...]:
    paths = []
    for name, picture in pictures.items():
        paths.append(folder / f"{name}.jpg")
        picture.save(paths[-1], quality=90)
    return tuple(paths)


def groups(paths: tuple[Path, ...]) -> list[int]:
    labels = np.zeros(len(paths), np.int32)
    return photo_groups(PictureSet("train", ("a",), labels, paths=paths)).tolist()


@pytest.mark.parametrize(
    "change",
    [
        ImageOps.mirror,
        ImageOps.flip,
        lambda picture: picture.rotate(90, expand=True),
        lambda picture: picture.rotate(270, expand=True),
        lambda picture: ImageOps.mirror(picture.rotate(90, expand=True)),
        lambda picture: ImageEnhance.Brightness(picture).enhance(0.7),
        lambda picture: picture.resize((320, 240)),
        lambda picture: picture.crop((2, 2, 158, 118)),
    ],
)
def test_a_changed_copy_is_of_the_same_photo(tmp_path: Path, change: object) -> None:
    original = photo(1)
    paths = save(tmp_path, a=original, b=change(original), c=photo(2))  # type: ignore[operator]

    assert groups(paths) == [0, 0, 1]


def test_pictures_of_different_things_are_different_photos(tmp_path: Path) -> None:
    paths = save(tmp_path, **{f"p{seed}": photo(seed) for seed in range(60)})

    assert groups(paths) == list(range(60))


def test_a_pair_says_whether_it_is_mirrored_or_turned(tmp_path: Path) -> None:
    original = photo(3)
    paths = save(tmp_path, a=original, b=ImageOps.mirror(original), c=original.resize((200, 150)))

    pairs = {(pair.first, pair.second): pair.changed for pair in near_copies(looks_of(paths))}

    assert pairs == {(0, 1): True, (0, 2): False, (1, 2): True}


def test_small_pictures_are_only_compared_byte_by_byte(tmp_path: Path) -> None:
    small = photo(4, (32, 32))
    paths = save(tmp_path, a=small, b=ImageOps.mirror(small), c=small)

    assert groups(paths) == [0, 1, 0]


def test_flat_pictures_are_not_alike(tmp_path: Path) -> None:
    paths = save(tmp_path, a=Image.new("RGB", (80, 80), "white"), b=Image.new("RGB", (80, 80), "black"))

    assert groups(paths) == [0, 1]


def test_a_broken_file_is_a_photo_of_its_own(tmp_path: Path) -> None:
    paths = save(tmp_path, a=photo(5), b=photo(5).resize((200, 150)))
    broken = tmp_path / "c.jpg"
    broken.write_bytes(b"no picture")

    assert groups((*paths, broken)) == [0, 0, 1]


def test_a_stored_and_a_big_copy_of_it_are_alike_though_the_big_one_is_decoded_small(tmp_path: Path) -> None:
    original = photo(6, (1600, 1200))
    paths = save(tmp_path, a=original, b=original.resize((200, 150)))

    assert groups(paths) == [0, 0]
    assert [look.size for look in looks_of(paths) if look] == [(1600, 1200), (200, 150)]


def test_frames_of_a_film_are_one_photo_by_a_few_links_each(tmp_path: Path) -> None:
    scene = np.asarray(photo(8), np.int16)
    noise = np.random.default_rng(0)
    frames = (np.clip(scene + noise.integers(-9, 10, scene.shape), 0, 255).astype(np.uint8) for _ in range(120))
    looks = [look_at(Image.fromarray(frame)) for frame in frames]

    pairs = near_copies(looks)

    assert len(pairs) < 120 * 119 / 2
    assert set(joined(120, [(pair.first, pair.second) for pair in pairs]).tolist()) == {0}


def test_joining_goes_over_others_in_between() -> None:
    assert joined(5, [(3, 4), (1, 3)]).tolist() == [0, 1, 2, 1, 1]


def test_the_official_garbage_pictures_are_grouped_within_their_classes(shared: Path) -> None:
    paths = sorted((shared / "data/garbage26_official").rglob("*.jpg"))

    pairs = near_copies(looks_of(paths))

    assert len(pairs) > 800
    assert [pair for pair in pairs if paths[pair.first].parent.name != paths[pair.second].parent.name] == []
