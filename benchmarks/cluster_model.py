"""Data-parallel training on 8 to 4,096 cards on paper: step, input, all-reduce, stragglers, checkpoints, failures.

python benchmarks/cluster_model.py                                # the tables of docs/scaling.md
python benchmarks/cluster_model.py --assumptions                  # what they rest on, and where it is from
python benchmarks/cluster_model.py --network_bandwidth 25e9 --storage_bandwidth 5e9     # another cluster

Bytes are counted on the network itself; all else is published by others or assumed. Nothing here was run on Ascend.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from statistics import NormalDist

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from netzoo import create_net, list_nets

CARDS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
IMAGENET = 1_281_167  # training pictures


def given(value: float, unit: str, source: str) -> float:
    """A value of the model that says what it is measured in, and where it is from."""
    default: float = field(default=value, metadata={"unit": unit, "source": source})
    return default


@dataclass(frozen=True)
class Workload:
    """What every card does in a step."""

    gradient_bytes: float
    checkpoint_bytes: float
    batch: float = given(256, "pictures a card", "mindcv's recipe of MobileNetV2 0.75")
    compute_seconds: float = given(0.175, "s a step", "mindcv: 174.65 ms at width 0.75 on 8 x Ascend 910*")
    variation: float = given(0.02, "standard deviation / mean of a card's step", "assumption")
    flag_bytes: float = given(4, "bytes", "the overflow flag of loss scaling, reduced by itself (engine/step)")
    picture_bytes: float = given(110e3, "bytes a picture", "assumption: ImageNet's JPEGs, 138 GB in 1.28 million files")


@dataclass(frozen=True)
class Cluster:
    """The machines, and what goes wrong with them."""

    cards_per_node: float = given(8, "cards", "Atlas 800/900 A2; 16 with Atlas A3")
    card_bandwidth: float = given(86e9, "bytes/s a card", "fits Huawei's HCCL tester: 8 cards, 8 MiB in 1.77 ms")
    card_latency: float = given(114e-6, "s a message", "fits the same, and 16 MiB in 1.94 ms")
    network_bandwidth: float = given(12.5e9, "bytes/s a card", "Atlas 900: 100 Gbit/s a card")
    network_latency: float = given(20e-6, "s a message", "assumption")
    loader_rate: float = given(1400, "pictures/s a card", "assumption: a Python reader's best, 0.7 ms a picture")
    storage_bandwidth: float = given(20e9, "bytes/s, all cards together", "assumption: a shared file system")
    checkpoint_seconds: float = given(1.0, "s, beside its bytes", "assumption: collect, SHA-256, fsync")
    write_bandwidth: float = given(1e9, "bytes/s", "assumption: one writer")
    card_hours_per_failure: float = given(50_679, "hours", "Llama 3 (2024): 419 unexpected stops, 54 days, 16,384 GPUs")
    restart_seconds: float = given(293, "s", "mindcv: 233 s to compile; 60 s to notice, start, join are an assumption")


# -- all-reduce --------------------------------------------------------------------------------------------------------
def ring_bytes(size: float, ranks: int) -> float:
    """Bytes that a rank sends in a ring all-reduce of `size` bytes."""
    return 2 * (ranks - 1) / ranks * size


def ring_seconds(size: float, ranks: int, bandwidth: float, latency: float) -> float:
    """A ring all-reduce: 2 (ranks - 1) messages one after the other."""
    return ring_bytes(size, ranks) / bandwidth + 2 * (ranks - 1) * latency


def halving_doubling_seconds(size: float, ranks: int, bandwidth: float, latency: float) -> float:
    """Recursive halving and doubling: the bytes of a ring in 2 log2(ranks) messages (Thakur 2005)."""
    return ring_bytes(size, ranks) / bandwidth + 2 * math.ceil(math.log2(ranks)) * latency


def all_reduce_seconds(size: float, cards: int, cluster: Cluster) -> float:
    """A ring inside each node; between nodes each card halves and doubles its own share."""
    local = min(cards, int(cluster.cards_per_node))
    between = halving_doubling_seconds(size / local, cards // local, cluster.network_bandwidth, cluster.network_latency)
    return ring_seconds(size, local, cluster.card_bandwidth, cluster.card_latency) + between


# -- step --------------------------------------------------------------------------------------------------------------
def expected_maximum(ranks: int) -> float:
    """Expected largest of so many standard normal values (Blom 1958)."""
    return 0.0 if ranks == 1 else NormalDist().inv_cdf((ranks - 0.375) / (ranks + 0.25))


@dataclass(frozen=True)
class Step:
    """Seconds of one step: the three parts follow each other; input is read meanwhile."""

    compute: float
    stragglers: float
    all_reduce: float
    loader: float
    storage: float

    @property
    def training(self) -> float:
        """What a step takes where input is never waited for."""
        return self.compute + self.stragglers + self.all_reduce

    @property
    def seconds(self) -> float:
        """What it takes."""
        return max(self.training, self.loader, self.storage)

    @property
    def limit(self) -> str:
        """What would have to be faster."""
        by = {"training": self.training, "loader": self.loader, "storage": self.storage}
        return max(by, key=lambda name: by[name])


def step(workload: Workload, cluster: Cluster, cards: int) -> Step:
    """Take one step on so many cards, each with a batch of its own."""
    return Step(
        compute=workload.compute_seconds,
        stragglers=workload.compute_seconds * workload.variation * expected_maximum(cards),
        all_reduce=sum(all_reduce_seconds(size, cards, cluster) for size in _reduced(workload)),
        loader=workload.batch / cluster.loader_rate,
        storage=cards * workload.batch * workload.picture_bytes / cluster.storage_bandwidth,
    )


def _reduced(workload: Workload) -> tuple[float, float]:
    """Sizes of a step's all-reduces."""
    return workload.gradient_bytes, workload.flag_bytes


def most_cards_fed(workload: Workload, cluster: Cluster) -> float:
    """Cards that the storage can feed at full speed, were there neither stragglers nor an all-reduce."""
    return cluster.storage_bandwidth * workload.compute_seconds / (workload.batch * workload.picture_bytes)


# -- failures ----------------------------------------------------------------------------------------------------------
def young_interval(checkpoint: float, mtbf: float) -> float:
    """Seconds of work between two checkpoints that lose least, to first order (Young 1974)."""
    return math.sqrt(2 * checkpoint * mtbf)


def daly_interval(checkpoint: float, mtbf: float) -> float:
    """The same to higher order (Daly 2006, equation 37)."""
    if checkpoint >= 2 * mtbf:
        return mtbf
    ratio = checkpoint / (2 * mtbf)
    return young_interval(checkpoint, mtbf) * (1 + math.sqrt(ratio) / 3 + ratio / 9) - checkpoint


def useful_share(interval: float, checkpoint: float, restart: float, mtbf: float) -> float:
    """Share of the wall time that is new work, with failures at random moments, in restarts too (Daly 2006)."""
    taken = mtbf * math.exp(restart / mtbf) * math.expm1((interval + checkpoint) / mtbf)
    return interval / taken


def lost_by_failure(interval: float, checkpoint: float, restart: float, mtbf: float) -> float:
    """Mean seconds that a failure costs: what was done since the last checkpoint, and the restart."""
    span = interval + checkpoint
    return mtbf - span / math.expm1(span / mtbf) + restart


def checkpoint_seconds(workload: Workload, cluster: Cluster) -> float:
    """Seconds that all cards wait for a checkpoint."""
    return cluster.checkpoint_seconds + workload.checkpoint_bytes / cluster.write_bandwidth


def mtbf_seconds(cluster: Cluster, cards: int) -> float:
    """Mean time between failures of the whole job."""
    return 3600 * cluster.card_hours_per_failure / cards


# -- tables ------------------------------------------------------------------------------------------------------------
def step_table(workload: Workload, cluster: Cluster) -> Iterator[Sequence[str]]:
    """Rows of what a step takes."""
    yield "cards", "stragglers", "all-reduce", "as one ring", "step", "efficiency", "images/s", "input GB/s", "limit"
    for cards in CARDS:
        one = step(workload, cluster, cards)
        ring = sum(
            ring_seconds(size, cards, cluster.network_bandwidth, cluster.network_latency) for size in _reduced(workload)
        )
        rate = cards * workload.batch / one.seconds
        yield (
            f"{cards:,}", f"{1e3 * one.stragglers:.1f} ms", f"{1e3 * one.all_reduce:.1f} ms", f"{1e3 * ring:.1f} ms",
            f"{1e3 * one.seconds:.0f} ms", f"{one.compute / one.seconds:.0%}", f"{rate:,.0f}",
            f"{rate * workload.picture_bytes / 1e9:.1f}", one.limit,
        )  # fmt: skip


def failure_table(workload: Workload, cluster: Cluster) -> Iterator[Sequence[str]]:
    """Rows of what failures take."""
    yield (
        "cards", "hours between failures", "Young", "Daly", "lost with Daly's", "with 1 min", "with 1 h",
        "a failure costs", "in card-hours", "an epoch of ImageNet",
    )  # fmt: skip
    checkpoint, restart = checkpoint_seconds(workload, cluster), cluster.restart_seconds
    for cards in CARDS:
        mtbf = mtbf_seconds(cluster, cards)
        best = daly_interval(checkpoint, mtbf)
        lost = [f"{1 - useful_share(interval, checkpoint, restart, mtbf):.2%}" for interval in (best, 60, 3600)]
        costs = lost_by_failure(best, checkpoint, restart, mtbf)
        epoch = IMAGENET / (cards * workload.batch) * step(workload, cluster, cards).seconds
        yield (
            f"{cards:,}", f"{mtbf / 3600:,.1f}", f"{young_interval(checkpoint, mtbf) / 60:.1f} min",
            f"{best / 60:.1f} min", *lost, f"{costs / 60:.1f} min", f"{costs / 3600 * cards:,.1f}", f"{epoch:,.1f} s",
        )  # fmt: skip


def assumptions(*parts: Workload | Cluster) -> Iterator[Sequence[str]]:
    """Rows of what the tables rest on."""
    yield "name", "value", "unit", "from"
    for part in parts:
        for one in fields(part):
            source = one.metadata.get("source", "counted on the network")
            yield one.name, f"{getattr(part, one.name):,g}", one.metadata.get("unit", "bytes"), source


def markdown(rows: Iterator[Sequence[str]]) -> str:
    """A table."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *body)) + "\n"


def counted_bytes(network: str = "mobilenetv2", classes: int = 1000) -> tuple[int, int]:
    """Bytes of the gradients, and of a checkpoint with momentum, of a network of this project in float32."""
    os.environ.setdefault("GLOG_v", "3")
    net = create_net(network, num_classes=classes)
    trained = sum(int(parameter.size) for parameter in net.trainable_params())
    return 4 * trained, 4 * (trained + sum(int(parameter.size) for parameter in net.get_parameters()))


def main() -> None:
    """Print the tables of a cluster."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assumptions", action="store_true", help="print what the tables rest on")
    parser.add_argument("--network", default="mobilenetv2", choices=list_nets(), help="its bytes are counted")
    values: list[Field[float]] = [one for part in (Workload, Cluster) for one in fields(part) if one.metadata]
    for one in values:
        text = f"{one.metadata['unit']} ({one.metadata['source']})".replace("%", "%%")
        parser.add_argument(f"--{one.name}", type=_positive, default=one.default, help=text)
    options = vars(parser.parse_args())
    workload = Workload(*counted_bytes(options["network"]), **_of(Workload, options))
    cluster = Cluster(**_of(Cluster, options))
    if options["assumptions"]:
        print(markdown(assumptions(workload, cluster)))
        return
    print(markdown(step_table(workload, cluster)))
    print(markdown(failure_table(workload, cluster)))
    print(f"A checkpoint takes {checkpoint_seconds(workload, cluster):.2f} s.")
    print(f"The storage feeds {most_cards_fed(workload, cluster):,.0f} cards at full speed.")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError("a number above 0 is needed")
    return value


def _of(part: type[Workload] | type[Cluster], options: dict[str, float]) -> dict[str, float]:
    return {one.name: options[one.name] for one in fields(part) if one.metadata}


if __name__ == "__main__":
    main()
