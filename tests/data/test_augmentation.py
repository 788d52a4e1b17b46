"""Augmented batches against numpy.pad, slicing and reversing, image by image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerva_py.data import CropFlip, Crops, gather
from nerva_py.data.augmentation import reflected
from nerva_py.errors import DataError


def naive_augment(images, crops):
    """images (N, channels, height, width)"""
    _, _, height, width = images.shape
    result = np.empty_like(images)
    for i, image in enumerate(images):
        padded = np.pad(image, ((0, 0), (crops.pad, crops.pad), (crops.pad, crops.pad)), mode="reflect")
        top, left = crops.top[i], crops.left[i]
        crop = padded[:, top : top + height, left : left + width]
        result[i] = crop[:, :, ::-1] if crops.mirrored[i] else crop
    return result


@settings(deadline=None, max_examples=60)
@given(data=st.data(), seed=st.integers(0, 1000), dtype=st.sampled_from([np.float32, np.float64]))
def test_gather_crops_and_mirrors_as_numpy_does(data, seed, dtype):
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)))
    augmentation = CropFlip(pad=data.draw(st.integers(0, min(shape[1:]) - 1)), flip=data.draw(st.booleans()))
    N = data.draw(st.integers(1, 20))
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (6, *shape), dtype=np.uint8)
    rows, crops = rng.integers(0, 6, N), augmentation.draw(rng, N)
    X = images.reshape(6, -1)
    Y = gather(X, rows, np.ones(X.shape[1]), np.zeros(X.shape[1]), dtype, crops, shape)
    assert Y.dtype == dtype
    assert np.array_equal(Y, naive_augment(images[rows], crops).reshape(N, -1))


@pytest.mark.parametrize("N", [1, 121])
def test_images_of_the_size_of_cifar10_with_scale_and_shift(N, rng):
    images = rng.integers(0, 256, (10, 3, 32, 32), dtype=np.uint8)
    rows, crops = rng.integers(0, 10, N), CropFlip().draw(rng, N)
    scale, shift = rng.uniform(0.01, 0.02, 3072), rng.normal(0, 2, 3072)
    Y = gather(images.reshape(10, -1), rows, scale, shift, augmentation=crops, image_shape=(3, 32, 32))
    expected = naive_augment(images[rows], crops).reshape(N, -1) * scale + shift
    np.testing.assert_allclose(Y, expected, rtol=0, atol=2e-6)


def test_without_padding_and_mirroring_nothing_changes(rng):
    X = rng.integers(0, 256, (10, 48), dtype=np.uint8)
    rows, scale, shift = rng.integers(0, 10, 30), rng.random(48), rng.random(48)
    crops = CropFlip(pad=0, flip=False).draw(rng, 30)
    augmented = gather(X, rows, scale, shift, augmentation=crops, image_shape=(3, 4, 4))
    assert augmented.tobytes() == gather(X, rows, scale, shift).tobytes()


@pytest.mark.parametrize(("size", "pad"), [(1, 0), (2, 1), (5, 4), (32, 4)])
def test_reflected_is_numpys_reflect(size, pad):
    assert np.array_equal(reflected(size, pad), np.pad(np.arange(size), pad, mode="reflect"))


def test_draw_reaches_every_crop_and_repeats_with_the_seed():
    crops = CropFlip(pad=2).draw(np.random.default_rng(1), 2000)
    assert set(crops.top) == set(crops.left) == set(range(5))
    assert 0.45 < crops.mirrored.mean() < 0.55
    again = CropFlip(pad=2).draw(np.random.default_rng(1), 2000)
    assert all(np.array_equal(a, b) for a, b in zip(crops, again, strict=True))
    assert not CropFlip(flip=False).draw(np.random.default_rng(1), 100).mirrored.any()


def crops_of_3(**change):
    return Crops(np.zeros(3, int), np.zeros(3, int), np.zeros(3, bool), 1)._replace(**change)


@pytest.mark.parametrize(
    ("crops", "image_shape", "message"),
    [
        (crops_of_3(), None, "image_shape: None"),
        (crops_of_3(), (1, 4, 5), r"image_shape: \(1, 4, 5\); .* product of 16"),
        (crops_of_3(pad=4), (1, 4, 4), "pad: 4; for images of 4×4, 0 to 3"),
        (crops_of_3(top=np.array([0, 0, 3])), (1, 4, 4), "top: 0 to 3; 0 to 2·pad = 2"),
        (crops_of_3(left=np.array([-1, 0, 0])), (1, 4, 4), "left: -1 to 0"),
        (crops_of_3(mirrored=np.zeros(2, bool)), (1, 4, 4), r"mirrored: shape \(2,\); the batch has 3 images"),
    ],
)
def test_crops_that_do_not_fit(crops, image_shape, message):
    with pytest.raises(DataError, match=message):
        gather(
            np.zeros((5, 16), np.uint8), np.arange(3), np.ones(16), np.zeros(16),
            augmentation=crops, image_shape=image_shape,
        )  # fmt: skip


def test_only_bytes_can_be_augmented():
    with pytest.raises(DataError, match="augmentation: X has dtype float32"):
        gather(
            np.zeros((5, 16), np.float32), np.arange(3), np.ones(16), np.zeros(16),
            augmentation=crops_of_3(), image_shape=(1, 4, 4),
        )  # fmt: skip


def test_negative_padding():
    with pytest.raises(DataError, match="pad: -1; 0 and more"):
        CropFlip(pad=-1)
