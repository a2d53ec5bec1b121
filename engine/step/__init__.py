"""One step: loss, optimiser, mixed precision, metrics, evaluation."""
