"""Keys that do not exist are answered with the one that was meant."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from common.errors import ConfigError
from engine.config import load_config
from engine.config.keys import config_keys, nearest_keys


@st.composite
def typos(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a key and the same key with one letter dropped, doubled, changed, or swapped with its neighbour."""
    key = draw(st.sampled_from(sorted(config_keys())))
    at = draw(st.integers(0, len(key) - 1))
    letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz_"))
    swapped = key[:at] + key[at + 1 : at + 2] + key[at] + key[at + 2 :]
    changes = [key[:at] + key[at + 1 :], key[:at] + letter + key[at:], key[:at] + letter + key[at + 1 :], swapped]
    return key, draw(st.sampled_from(changes))


@settings(deadline=None)
@given(typos())
def test_any_typo_is_refused_and_the_key_suggested(typo: tuple[str, str]) -> None:
    key, wrong = typo
    assume(wrong not in config_keys() and wrong)

    assert key in nearest_keys(wrong)
    assert all(edit_distance(wrong, name) <= 2 for name in nearest_keys(wrong))
    with pytest.raises(ConfigError, match="unknown key; did you mean"):
        load_config(None, {wrong: "1"})


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("epochs", "train.epochs"),
        ("train.lr", "optimizer.lr"),
        ("rank", "finetune.lora.rank"),
        ("train.epoch", "train.epochs"),
        ("modle.name", "model.name"),
        ("smoothing", "loss.label_smoothing"),
        ("epoch_size", "train.epochs"),
        ("qqqqqqqq.zzz", None),
        ("", None),
    ],
)
def test_the_key_that_was_meant_is_found(wrong: str, meant: str | None) -> None:
    assert nearest_keys(wrong) == ([meant] if meant else [])


def edit_distance(a: str, b: str) -> int:
    """Count the insertions, deletions, changes and swaps of neighbours that turn `a` into `b` (Damerau, 1964)."""
    before: list[int] = []
    previous = list(range(len(b) + 1))
    for i, left in enumerate(a, start=1):
        current = [i]
        for j, right in enumerate(b, start=1):
            best = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                best = min(best, before[j - 2] + 1)
            current.append(best)
        before, previous = previous, current
    return previous[-1]


@pytest.mark.parametrize(
    ("a", "b", "edits"), [("", "", 0), ("ab", "ba", 1), ("kitten", "sitting", 3), ("", "abc", 3), ("flaw", "lawn", 2)]
)
def test_edit_distance_matches_textbook_examples(a: str, b: str, edits: int) -> None:
    assert edit_distance(a, b) == edits


@pytest.mark.parametrize(
    "key", ["finetune.lr_groups.0.lr", "finetune.lr_groups.\u00b2.pattern", "train.epochs.0", "model.", "."]
)
def test_paths_into_values_are_no_keys(key: str) -> None:
    with pytest.raises(ConfigError, match="unknown key"):
        load_config(None, {key: "1"})
