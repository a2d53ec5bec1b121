"""The Ascend cards of a job and what they run on, for its records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from common.ascend_versions import cann_home, cann_version, driver_version, hccl_version
from common.npu_smi import NpuSmiError, NpuStatus, query_npus

VISIBLE = "ASCEND_RT_VISIBLE_DEVICES"

Query = Callable[[Mapping[str, str]], Sequence[NpuStatus]]


def describe_ascend(environ: Mapping[str, str], root: Path = Path("/"), query: Query = query_npus) -> dict[str, object]:
    """Versions of CANN, HCCL and driver, and the cards of this node; None where a version was not found.

    Args:
        environ: the user's environment.
        root: of the machine's files.
        query: asks for the cards.
    """
    home = cann_home(environ, root)
    try:
        cards: object = [f"{npu.npu}.{npu.chip} {npu.name} {npu.health}" for npu in query(environ)]
    except NpuSmiError as error:
        cards = f"unknown: {error}"
    return {
        "cann": None if home is None else cann_version(home),
        "cann_home": None if home is None else str(home),
        "hccl": None if home is None else hccl_version(home),
        "driver": driver_version(root),
        "cards": cards,
    }


def npus_of_job(
    npus: Sequence[NpuStatus], ranks: int, device: int, environ: Mapping[str, str]
) -> tuple[NpuStatus, ...]:
    """Those of a node's cards that a job computes on; others may be other people's.

    CANN numbers the cards that it sees from 0, in the order of `npu-smi info`; ASCEND_RT_VISIBLE_DEVICES names which of
    those a process sees.

    Args:
        npus: the node's.
        ranks: of the whole job; of several nodes each is taken to be used by as many as it has cards.
        device: the card of a job of one process, among those that it sees.
        environ: of the process.

    Raises:
        NpuSmiError: none of them is listed.
    """
    listed = environ.get(VISIBLE, "").strip()
    numbers = [int(word) for word in listed.split(",") if word.strip().isdecimal()] if listed else range(len(npus))
    seen = [npus[number] for number in numbers if number < len(npus)]
    chosen = seen[device : device + 1] if ranks == 1 else seen[:ranks]
    if not chosen:
        raise NpuSmiError(f"npu-smi info lists {len(npus)} card(s), none of them this job's ({VISIBLE}={listed!r})")
    return tuple(chosen)


def npu_reader(device: str, ranks: int, environ: Mapping[str, str]) -> Callable[[], tuple[NpuStatus, ...]] | None:
    """What asks for the job's cards on this node, once its device is set; None where it computes on none.

    Args:
        device: Ascend or CPU.
        ranks: of the whole job.
        environ: of the process.
    """
    if device != "Ascend":
        return None
    import mindspore as ms

    card = int(ms.get_context("device_id"))
    return lambda: npus_of_job(query_npus(environ), ranks, card, environ)
