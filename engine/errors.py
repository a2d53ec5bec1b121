"""What the engine says when the user's input cannot work; doors print these without a traceback.

An error with an `exit_code` speaks for itself: `run_door` prints its message and ends with that code.
"""


class ConfigError(ValueError):
    """A recipe or a command line that cannot be run: every problem found, one line each."""

    exit_code = 2


class RunError(ValueError):
    """A run folder or one of its files that is missing, unfinished or damaged."""

    exit_code = 2


class TrainingError(RuntimeError):
    """A run that cannot go on: a loss that is not finite, gradients that overflow without end."""

    exit_code = 1
    restart_helps = False  # the same steps lead to the same numbers


class RunStopped(Exception):
    """A run that was asked to stop has saved where it stands; the next start goes on from there."""
