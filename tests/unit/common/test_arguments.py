"""Numbers on a command line are numbers, within their limits."""

from __future__ import annotations

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.arguments import number_above_zero, whole_number


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_whole_number_is_taken_within_its_limits_only(number: int, one: int, other: int) -> None:
    least, most = sorted((one, other))

    if least <= number <= most:
        assert whole_number(least, most)(str(number)) == number
    else:
        with pytest.raises(argparse.ArgumentTypeError, match=f"a whole number from {least} to {most} is expected"):
            whole_number(least, most)(str(number))


@pytest.mark.parametrize("text", ["", "x", "-1", "+1", "1.0", "1e3", "1_000", " 1", "２", "9" * 30])
def test_what_only_looks_like_a_whole_number_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a whole number of at least 0 is expected"):
        whole_number(0)(text)


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "nan", "inf", "1,5"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a number above 0 is expected"):
        number_above_zero(text)


def test_an_amount_may_be_written_in_any_usual_way() -> None:
    assert [number_above_zero(text) for text in ("1", "0.5", "1e-3")] == [1, 0.5, 0.001]
