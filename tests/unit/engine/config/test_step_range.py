import pytest

import train
from common.errors import ConfigError
from engine.config.step_range import StepRange


def test_a_range_reads_as_it_is_written() -> None:
    assert StepRange.parse("steps=10:20") == StepRange(10, 20)
    assert str(StepRange(10, 20)) == "steps=10:20"


@pytest.mark.parametrize("text", ["", "10:20", "steps=10", "steps=a:b", "steps=-1:3", "steps=1:2:3", "steps=1:2 "])
def test_what_is_no_range_is_refused_with_the_words_to_write(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is no range of steps; write --profile steps=FIRST:LAST"):
        StepRange.parse(text)


@pytest.mark.parametrize("text", ["steps=0:5", "steps=20:10"])
def test_a_range_without_steps_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no step is from"):
        StepRange.parse(text)


@pytest.mark.parametrize(
    ("steps", "done", "words"),
    [
        (StepRange(5, 8), 5, "goes on after step 5; name steps from 6 on"),
        (StepRange(75, 81), 0, r"the run ends with step 80 \(2 x 40\)"),
        (StepRange(38, 42), 0, r"an epoch ends with step 40, .* such as steps=38:40"),
        (StepRange(1, 41), 0, "an epoch ends with step 40"),
    ],
)
def test_what_this_run_does_not_make_in_one_piece_is_refused(steps: StepRange, done: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        steps.check(done, steps_per_epoch=40, epochs=2)


@pytest.mark.parametrize("steps", [StepRange(1, 40), StepRange(40, 40), StepRange(41, 41), StepRange(41, 80)])
def test_whole_epochs_and_single_steps_are_allowed(steps: StepRange) -> None:
    steps.check(0, steps_per_epoch=40, epochs=2)


def test_a_profile_of_no_training_is_refused() -> None:
    with pytest.raises(ConfigError, match="--profile and --folds are different things to do"):
        train.main(["--config", "config/lenet5_digits.yaml", "--profile", "steps=1:2", "--folds", "3"])
