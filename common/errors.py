"""What the project says when something cannot work; doors print these without a traceback (`common.door`).

Everything below `BadInput` is the user's to mend and ends a door with 2; everything below `JobFailed` went wrong on the
way and ends it with 1. The message says what, where and what to do, in one to three lines.
"""

from __future__ import annotations

from typing import ClassVar


class BadInput(ValueError):
    """Something that the user gave cannot be used."""

    exit_code: ClassVar[int] = 2


class ConfigError(BadInput):
    """A recipe or a command line that cannot be run: every problem found, one line each."""


class DataError(BadInput):
    """Pictures, or what was asked of them, that cannot be used."""


class NetError(BadInput):
    """A network, a freezing rule or an adapter that cannot be made as asked."""


class WeightsError(NetError):
    """A weights file that cannot be read, or does not fit the network."""


class RunError(BadInput):
    """A run folder or one of its files that is missing, unfinished or damaged."""


class ReportError(BadInput):
    """A folder that is no run, or a file of a run that is damaged."""


class BundleError(BadInput):
    """A bundle, model file or format that cannot be used."""


class LaunchError(BadInput):
    """Launcher arguments that do not fit together, or a machine that does not fit them."""


class RuntimeUnavailableError(ConfigError):
    """The device or the process group that was asked for is not there."""


class JobFailed(RuntimeError):
    """The job went wrong, and not by what the user gave."""

    exit_code: ClassVar[int] = 1
    restart_helps: ClassVar[bool] = True


class TrainingError(JobFailed):
    """A run that cannot go on: a loss that is not finite, gradients that overflow without end."""

    restart_helps = False  # the same steps lead to the same numbers


class JoinError(JobFailed):
    """The other ranks could not be reached; another start may have more luck."""


class PeersLostError(JobFailed):
    """Another rank has ended while this one was waiting for it."""


class DownloadError(JobFailed):
    """A file that no address gives, or not with the bytes that were published."""


class ParityError(JobFailed):
    """An exported file does not compute what the trained network computes."""


class RunStopped(Exception):
    """A run that was asked to stop has saved where it stands; the next start goes on from there.

    Args:
        message: what the user reads.
        number: the signal that asked.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + number
