from engine.config.train_section import EarlyStoppingConfig
from engine.run.best_epoch import BestEpoch
from engine.run.records import EpochRecord, Progress


def epoch(number: int, top1: float | None = None, loss: float | None = None) -> EpochRecord:
    return EpochRecord(number, number * 10, 1.0, 0.5, 100.0, 1.0, 0.0, top1, top1, loss)


def progress() -> Progress:
    return Progress(epochs=10, steps_per_epoch=10, global_batch=4)


def test_early_stopping_counts_only_real_improvements() -> None:
    state = progress()
    best = BestEpoch(EarlyStoppingConfig(enabled=True, patience=2, min_delta=0.01), state)

    marks = []
    for number, score in enumerate([0.50, 0.60, 0.605, 0.609], start=1):
        marks.append(best.judge(epoch(number, score)))

    assert marks == [True, True, False, False]
    assert state.best_epoch == 2
    assert state.stop_reason is not None
    assert "has not improved on 0.6000 (epoch 2) for 2" in state.stop_reason


def test_early_stopping_on_the_loss_wants_it_small() -> None:
    state = progress()
    best = BestEpoch(EarlyStoppingConfig(monitor="val_loss"), state)

    for number, loss in enumerate([2.0, 1.0, 1.5], start=1):
        best.judge(epoch(number, 0.5, loss))

    assert (state.best_epoch, state.best_score, state.stop_reason) == (2, 1.0, None)


def test_the_last_epoch_can_be_chosen_without_looking_at_scores() -> None:
    state = progress()
    best = BestEpoch(EarlyStoppingConfig(monitor="epoch"), state)

    judgements = [best.judge(epoch(number, score)) for number, score in enumerate([0.9, 0.5], start=1)]

    assert (state.best_epoch, judgements) == (2, [True, True])


def test_the_best_is_marked_even_when_stopping_is_off() -> None:
    state = progress()
    best = BestEpoch(EarlyStoppingConfig(enabled=False, patience=1), state)

    for number in range(1, 6):
        best.judge(epoch(number, 0.9))

    assert (state.best_epoch, state.stop_reason) == (1, None)
