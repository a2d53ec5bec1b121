"""What all ranks must have in common before they work together."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from common.code import code_fingerprint, framework_version
from common.errors import BadInput, ConfigError, DataError, JobFailed
from datazoo.pictures import Splits
from engine.config import Config, dump_config

if TYPE_CHECKING:
    from engine.runtime.start import Runtime


class _RankFailed(Exception):
    """What another rank, or several, said before they failed."""


@contextlib.contextmanager
def failing_together(runtime: Runtime) -> Iterator[Callable[[bytes], list[bytes]]]:
    """Let every rank fail where one does, with the same words: none waits for a rank that has left.

    Args:
        runtime: the ranks; all of them enter.

    Yields:
        Every rank's bytes, in rank order: `gather`, to be called by all ranks the same number of times.

    Raises:
        BadInput, JobFailed: on every rank, as soon as one fails.
    """

    def gather(content: bytes) -> list[bytes]:
        return _answers(runtime.gather(b"+" + content))

    try:
        yield gather
        gather(b"")
    except _RankFailed as failed:
        raise _said(str(failed)) from None
    except Exception as error:
        try:
            _answers(runtime.gather(b"-" + json.dumps([isinstance(error, BadInput), _words(error)]).encode()))
        except _RankFailed as failed:
            raise _said(str(failed)) from error


def _answers(answers: list[bytes]) -> list[bytes]:
    failures = [(rank, answer[1:].decode()) for rank, answer in enumerate(answers) if answer[:1] == b"-"]
    if not failures:
        return [answer[1:] for answer in answers]
    rank, words = failures[0]
    alike = len(failures) == len(answers) and all(other == words for _, other in failures)
    raise _RankFailed(json.dumps([None if alike else rank, *json.loads(words)]))


def _said(failure: str) -> BadInput | JobFailed:
    rank, is_bad_input, words = json.loads(failure)
    message = words if rank is None else f"rank {rank}: {words}"
    return DataError(message) if is_bad_input else JobFailed(message)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"


def check_same_code(runtime: Runtime) -> None:
    """Compare the project's sources and MindSpore's version over the ranks: each node may have a clone of its own.

    Raises:
        ConfigError: on every rank, if one differs from the main rank.
    """
    if runtime.world_size > 1:
        _compare(runtime, "code", f"sources {code_fingerprint()}, MindSpore {framework_version()}", show=True)


def check_same_recipe(runtime: Runtime, config: Config) -> None:
    """Compare the recipe over the ranks.

    Raises:
        ConfigError: on every rank, if one differs from the main rank.
    """
    if runtime.world_size == 1:
        return
    # The folder that the data lies in may differ between hosts; what lies in it may not.
    places = {"path": None, "cache_dir": config.data.model_fields["cache_dir"].default}
    recipe = dump_config(config.model_copy(update={"data": config.data.model_copy(update=places)}))
    _compare(runtime, "recipe", recipe)


def check_same_pictures(runtime: Runtime, splits: Splits) -> None:
    """Compare the file list of every split over the ranks.

    Raises:
        ConfigError: on every rank, if one differs from the main rank.
    """
    if runtime.world_size == 1:
        return
    for split in splits:
        listing = f"{len(split)} pictures, list {split.file_list_hash()[:16]}"
        _compare(runtime, f"{split.split} split", listing, show=True)


def _compare(runtime: Runtime, what: str, value: str, show: bool = False) -> None:
    values = [part.decode() for part in runtime.gather(value.encode())]
    odd = [rank for rank, other in enumerate(values) if other != values[0]]
    if not odd:
        return
    ranks = ", ".join(map(str, odd))
    details = f"\nrank 0: {values[0]}; rank {odd[0]}: {values[odd[0]]}" if show else ""
    raise ConfigError(f"the {what} of rank {ranks} is not the main rank's: all ranks must read the same{details}")
