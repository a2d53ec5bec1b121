"""What the launchers say when a job cannot be started as asked."""


class LaunchError(ValueError):
    """Arguments that do not fit together, or a machine that does not fit them."""
