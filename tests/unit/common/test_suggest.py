from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.suggest import did_you_mean, nearest

NAMES = st.lists(st.text("abcdeABC_.", min_size=1, max_size=8), min_size=1, max_size=8, unique=True)


@pytest.mark.parametrize(
    ("wrong", "known", "meant"),
    [
        ("epoch", ["epochs", "seed"], ["epochs"]),
        ("Batch_Size", ["batch_size", "epochs"], ["batch_size"]),
        ("betas", ["beta1", "beta2", "eps"], ["beta1", "beta2"]),
        ("glass", ["Glass", "GLASS"], ["Glass", "GLASS"]),
        ("zzz", ["epochs", "seed"], []),
        ("epochs", [], []),
        ("", ["epochs"], []),
    ],
)
def test_the_names_that_are_alike_are_found(wrong: str, known: list[str], meant: list[str]) -> None:
    assert nearest(wrong, known) == meant


def test_names_as_near_as_each_other_are_cut_off_at_most() -> None:
    assert nearest("beta", ["beta1", "beta2", "beta3", "beta4"]) == ["beta1", "beta2", "beta3"]
    assert nearest("beta", ["beta1", "beta2"], most=1) == ["beta1"]


def test_a_lower_cutoff_takes_the_nearest_whatever_it_is() -> None:
    assert nearest("resnet50", ["lenet5_modern", "mobilenetv2"]) == []
    assert nearest("resnet50", ["lenet5_modern", "mobilenetv2"], cutoff=0.0) == ["lenet5_modern"]


@given(st.text("abcdeABC_.", max_size=8), NAMES)
def test_the_first_is_the_one_most_alike(wrong: str, known: list[str]) -> None:
    likeness = {name: difflib.SequenceMatcher(None, wrong.lower(), name.lower()).ratio() for name in known}
    best = max(likeness.values())

    found = nearest(wrong, known)

    assert bool(found) == (best >= 0.6)
    assert all(likeness[name] == best for name in found[:1])


@given(NAMES, st.data())
def test_a_name_that_exists_is_its_own_nearest(known: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(known))
    assert nearest(name, known)[0].lower() == name.lower()


def test_did_you_mean_is_the_end_of_a_sentence_or_nothing() -> None:
    assert did_you_mean("paint Bucket", ["Cans", "Paint bucket"]) == "; did you mean 'Paint bucket'?"
    assert did_you_mean("zzz", ["Cans"]) == ""
