"""A run's folder: checkpoints, records, results, and how a run goes on."""
