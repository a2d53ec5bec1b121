import pytest

from common.durations import duration, seconds_of


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (185.4, "3 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7800.0, "2 h 10 min"),
    ],
)
def test_no_unit_overflows(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("1.5h", 5400)])
def test_a_time_is_read_as_people_type_it(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["0", "0m", "0.0h", "-5m", "5x", "5", "m", "", "1h30m", "nan", "5 m", "٥m"])
def test_what_is_no_time_above_zero_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="90s, 5m or 2h was expected"):
        seconds_of(text)
