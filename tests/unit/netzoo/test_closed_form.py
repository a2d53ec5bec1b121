from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler

from common.errors import NetError
from netzoo.closed_form import class_means_head, linear_probe_head


def blobs(seed: int, classes: int, per_class: int = 30, dimensions: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    centres = rng.normal(size=(classes, dimensions))
    features = (centres[labels] + rng.normal(size=(len(labels), dimensions))) * rng.uniform(0.1, 9, dimensions) + 5
    return features.astype(np.float32), labels.astype(np.int32)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 6))
def test_class_means_rank_as_the_nearest_centroid_does(seed: int, classes: int) -> None:
    features, labels = blobs(seed, classes)
    weight, bias = class_means_head(features, labels)
    scaled = StandardScaler().fit_transform(features)
    expected = NearestCentroid().fit(scaled, labels).predict(scaled)
    assert ((features @ weight.T + bias).argmax(axis=1) == expected).mean() > 0.99  # float32 ties


@pytest.mark.parametrize("classes", [2, 5])
def test_linear_probe_is_logistic_regression_on_standardised_features(classes: int) -> None:
    features, labels = blobs(0, classes)
    weight, bias = linear_probe_head(features, labels, classes, l2=0.1)
    scaled = StandardScaler().fit_transform(features)
    model = LogisticRegression(C=1 / (0.1 * len(labels)), max_iter=1000).fit(scaled, labels)
    logits = (features @ weight.T + bias).astype(np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, model.predict_proba(scaled), atol=2e-3)


def test_the_scale_of_class_means_is_no_worse_than_a_guess() -> None:
    features, labels = blobs(1, 4)
    weight, bias = class_means_head(features, labels)
    logits = features @ weight.T + bias
    loss = np.mean(np.log(np.exp(logits - logits[np.arange(len(labels)), labels][:, None]).sum(axis=1)))
    assert loss < 0.5 * np.log(4)


@pytest.mark.parametrize("solve", [class_means_head, linear_probe_head])
def test_constant_features_do_no_harm(solve: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    features, labels = blobs(0, 3)
    features[:, 0] = 7.0
    weight, bias = solve(features, labels)
    assert np.isfinite(weight).all()
    assert np.isfinite(bias).all()


@pytest.mark.parametrize("solve", [class_means_head, linear_probe_head])
def test_a_class_without_pictures_and_shapes_that_do_not_fit_are_refused(
    solve: Callable[..., tuple[np.ndarray, np.ndarray]],
) -> None:
    features, labels = blobs(0, 3)
    with pytest.raises(NetError, match=r"counts are \[30, 30, 30, 0\]"):
        solve(features, labels, 4)
    with pytest.raises(NetError, match="do not fit"):
        solve(features, labels[:-1])
