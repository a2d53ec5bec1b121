"""Training: config, runtime, step, checkpoints, records."""
