"""What schedulers of clusters say about a job, in the environment of its processes."""
