import numpy as np

from datazoo.features.photos import count_seen, photos_of


def test_near_copies_are_one_photo_also_over_others_in_between() -> None:
    angles = np.deg2rad([0, 20, 40, 180, 200, 270])  # 0 and 40 degrees are too far apart to be alike by themselves
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    photos = photos_of(features, np.zeros(6, int), (0.9,))

    assert [list(np.flatnonzero(photos == photo)) for photo in np.unique(photos)] == [[0, 1, 2], [3, 4], [5]]


def test_pictures_of_two_classes_are_two_photos() -> None:
    features = np.array([[1, 0], [1, 0], [-1, 0]], np.float32)

    photos = photos_of(features, np.array([0, 1, 0]), (0.9,))

    assert len(np.unique(photos)) == 3


def test_a_class_whose_pictures_all_look_alike_is_not_one_photo() -> None:
    rng = np.random.default_rng(0)
    hands = np.array([1.0, 0, 0]) + 0.01 * rng.normal(size=(40, 3))
    walls = np.array([-1.0, 0, 0]) + 0.01 * rng.normal(size=(40, 3))
    features = np.concatenate([hands, walls]).astype(np.float32)

    photos = photos_of(features, np.repeat([0, 1], 40))

    assert len(np.unique(photos)) == 80


def test_the_threshold_rises_in_the_class_that_needs_it_only() -> None:
    angles = np.deg2rad([*range(0, 120, 15), 180, 180, 230, 260, 290, 320, 350, 355])
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    labels = np.repeat([0, 1], 8)

    photos = photos_of(features, labels, (0.94, 0.999))

    assert len(np.unique(photos[labels == 0])) == 8  # 15 degrees apart: a chain that would be one photo
    assert photos[8] == photos[9]


def test_held_out_pictures_that_look_like_one_of_their_class_in_train_are_counted() -> None:
    rng = np.random.default_rng(0)
    photos = rng.normal(size=(20, 64))
    alike, of_another_class, new = photos[:3] + 0.1, photos[3:5] + 0.1, rng.normal(size=(4, 64))
    held_out = np.concatenate([alike, of_another_class, new])

    seen = count_seen((photos, np.zeros(20, int)), (held_out, np.array([0, 0, 0, 1, 1, 0, 0, 0, 0])))

    assert seen == 3
