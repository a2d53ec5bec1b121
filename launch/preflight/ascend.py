"""What an Ascend node needs: CANN and its Python parts, driver, healthy and free cards, links between them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

from common.ascend_versions import DRIVER_INFO, cann_home, cann_version, driver_version
from common.cards import card_files
from common.errors import LaunchError
from common.npu_smi import parse_npu_smi
from launch.cards import VISIBLE, count_cards, parse_cards
from launch.preflight.checks import Check, Machine
from launch.request import JobRequest

_HCCN_TOOL = "/usr/local/Ascend/driver/tools/hccn_tool"
_NOT_RUN = "npu-smi info: missing, or it fails"
_NO_CARDS = "npu-smi info lists no card that can be read"

# `npu-smi info`: below the cards, a row of NPU, chip, process, its name and memory for what runs on them.
_PROCESS = re.compile(r"^\|\s*(\d+)\s+(\d+)\s*\|\s*(\d+)\s*\|\s*(\S*)\s*\|\s*(\d+)\s*\|", re.MULTILINE)


def every_check(request: JobRequest, machine: Machine) -> list[Check]:
    """Run all checks of an Ascend node."""
    home = cann_home(machine.environ, machine.root)
    checks = [cann(home), cann_is_sourced(home, machine), cann_fits_mindspore(home), *python_parts(machine)]
    checks += [driver(machine), device_files(machine), cards(request, machine)]
    listing = machine.run("npu-smi", "info")
    checks += [health(listing), free_cards(listing, request)]
    if request.world_size > 1:
        checks += links(request, machine)
    return checks


def cann(home: Path | None) -> Check:
    """CANN is installed."""
    if home is None:
        return Check("CANN", "fail", "not found", "install the toolkit and the kernels, then source its set_env.sh")
    return Check("CANN", "ok", f"{home}, version {cann_version(home) or 'unknown'}")


def cann_is_sourced(home: Path | None, machine: Machine) -> Check:
    """Its set_env.sh was sourced: MindSpore finds libraries and operators by what that exports."""
    missing = [name for name in ("ASCEND_HOME_PATH", "ASCEND_OPP_PATH") if not machine.environ.get(name)]
    if not missing:
        return Check("set_env.sh", "ok", "sourced")
    script = f"{home}/set_env.sh" if home is not None else "CANN's set_env.sh"
    return Check("set_env.sh", "fail", f"{' and '.join(missing)} not set", f"source {script}")


def cann_fits_mindspore(home: Path | None, supported: Sequence[str] | None = None) -> Check:
    """CANN's version is one of those that MindSpore itself accepts.

    Args:
        home: CANN's.
        supported: major and minor versions; None reads MindSpore's own list.
    """
    supported = mindspores_cann_versions() if supported is None else supported
    found = None if home is None else cann_version(home)
    if not found or not supported:
        return Check(
            "CANN version", "warn", "not compared: unknown", "compare by hand: https://www.mindspore.cn/install"
        )
    listed = ", ".join(supported)
    if ".".join(found.split(".")[:2]) in supported:
        return Check("CANN version", "ok", f"{found}, MindSpore takes {listed}")
    return Check("CANN version", "fail", f"{found}, MindSpore takes {listed}", f"install CANN {supported[-1]}")


def mindspores_cann_versions() -> tuple[str, ...]:
    """Return the versions of CANN in MindSpore's own check, without loading MindSpore."""
    spec = importlib.util.find_spec("mindspore")
    if spec is None or spec.origin is None:
        return ()
    source = Path(spec.origin).parent / "run_check" / "_check_version.py"
    if not source.is_file():
        return ()
    ascend = source.read_text(encoding="utf-8").partition("class AscendEnvChecker")[2]
    found = re.search(r"self\.version\s*=\s*\[([^\]]*)\]", ascend)
    return tuple(re.findall(r"[\d.]+", found[1])) if found else ()


def python_parts(machine: Machine) -> list[Check]:
    """CANN's own Python packages can be imported: the operator compiler and the collectives."""
    checks = []
    for module in ("te", "hccl"):
        problem = machine.import_problem(module)
        if problem is None:
            checks.append(Check(f"import {module}", "ok", "CANN's Python part loads"))
            continue
        absent = f"No module named '{module}'" in problem
        remedy = (
            "source CANN's set_env.sh, or pip install the wheels in its lib64"
            if absent
            else "LOCK=requirements-ascend.lock source launch/environment.sh installs what CANN imports"
        )
        checks.append(Check(f"import {module}", "fail", problem, remedy))
    return checks


def driver(machine: Machine) -> Check:
    """The NPU driver is installed."""
    path = machine.path(DRIVER_INFO)
    if not path.is_file():
        return Check(
            "NPU driver", "fail", f"{path} not found", "install driver and firmware; in a container mount that folder"
        )
    return Check("NPU driver", "ok", f"version {driver_version(machine.root) or 'unknown'}")


def device_files(machine: Machine) -> Check:
    """The user may open the cards."""
    files = [*card_files(machine.path("/dev")), machine.path("/dev/davinci_manager")]
    closed = [path.name for path in files if path.exists() and not _can_open(path)]
    if closed:
        return Check(
            "permission",
            "fail",
            f"{', '.join(closed)}: not readable and writable",
            "usermod -aG HwHiAiUser $USER, log in",
        )
    if not machine.path("/dev/davinci_manager").exists():
        return Check(
            "permission", "fail", "/dev/davinci_manager is not there", "in a container: --device /dev/davinci_manager"
        )
    return Check("permission", "ok", f"{len(files)} device files can be opened")


def cards(request: JobRequest, machine: Machine) -> Check:
    """There are as many cards as processes."""
    count = count_cards(machine.path("/dev")) or 0
    named, where = (request.devices, "--devices") if request.devices else (machine.environ.get(VISIBLE), VISIBLE)
    if named and count:
        try:
            count = len(parse_cards(named, count, where))
        except LaunchError as error:
            return Check("cards", "fail", str(error), f"name the cards that are there, or unset {VISIBLE}")
    text = f"{count} visible, {request.workers} wanted (--workers)"
    if count < request.workers:
        return Check(
            "cards", "fail", text, "fewer --workers, other --devices, or more --device flags for the container"
        )
    return Check("cards", "ok", text)


def health(listing: str | None) -> Check:
    """Every card says OK of itself.

    Args:
        listing: what `npu-smi info` prints; None where it could not be run.
    """
    if listing is None:
        return Check("health", "warn", _NOT_RUN, "put /usr/local/sbin on the PATH, or reinstall the driver")
    npus = parse_npu_smi(listing)
    if not npus:
        return Check("health", "warn", _NO_CARDS, "look yourself: npu-smi info")
    ill = [f"NPU {npu.npu}: {npu.health}" for npu in npus if npu.health.upper() != "OK"]
    if ill:
        return Check("health", "fail", ", ".join(ill), "npu-smi info -t health -i <NPU>; reset it or leave it out")
    return Check("health", "ok", f"{len(npus)} say OK")


def free_cards(listing: str | None, request: JobRequest) -> Check:
    """Nobody else computes on the cards that the job takes.

    Args:
        listing: what `npu-smi info` prints; None where it could not be run.
        request: the job; without a list of cards it takes the first ones.
    """
    if listing is None:
        return Check("free cards", "warn", _NOT_RUN, "look yourself that nobody else computes here")
    if not parse_npu_smi(listing):
        return Check("free cards", "warn", _NO_CARDS, "look yourself that nobody else computes here")
    taken = {int(card) for card in request.devices.split(",")} if request.devices else set(range(request.workers))
    numbers = {(npu.npu, npu.chip): number for number, npu in enumerate(parse_npu_smi(listing))}  # as CANN counts them
    busy = [
        f"NPU {npu}: process {process} holds {memory} MB"
        for npu, chip, process, _, memory in _PROCESS.findall(listing)
        if numbers.get((int(npu), int(chip)), int(npu)) in taken
    ]
    if busy:
        return Check("free cards", "fail", "; ".join(busy), "choose other --devices, or end that process")
    return Check("free cards", "ok", f"no process on the {len(taken)} that the job takes")


def links(request: JobRequest, machine: Machine) -> list[Check]:
    """The cards' own network ports are up, and over several nodes have addresses of their own."""
    program = machine.path(_HCCN_TOOL)
    name = str(program) if program.is_file() else "hccn_tool"
    if not (program.is_file() or machine.has(name)):
        return [Check("links", "warn", "hccn_tool not found: not looked at", f"it is in {_HCCN_TOOL} on the host")]
    numbers = request.devices.split(",") if request.devices else [str(card) for card in range(request.workers)]
    answers = {card: machine.run(name, "-i", card, "-link", "-g") or "" for card in numbers}
    state = {card: text.strip() or "no answer" for card, text in answers.items()}
    down = [f"card {card}: {text.splitlines()[-1]}" for card, text in state.items() if not _is_up(text)]
    checks = [
        Check("links", "fail" if request.nodes > 1 else "warn", "; ".join(down), "look at cable, optics and switch")
        if down
        else Check("links", "ok", f"{len(numbers)} up")
    ]
    if request.nodes > 1:
        checks.append(_addresses({card: machine.run(name, "-i", card, "-ip", "-g") or "" for card in numbers}))
    return checks


def _addresses(answers: dict[str, str]) -> Check:
    found = {card: re.search(r"ipaddr:\s*([\d.]+)", text) for card, text in answers.items()}
    without = [card for card, address in found.items() if address is None]
    if without:
        return Check(
            "addresses",
            "fail",
            f"card {', '.join(without)} has none",
            "hccn_tool -i <card> -ip -s address <IP> netmask <mask>, other for every card of the cluster",
        )
    known = [address[1] for address in found.values() if address is not None]
    if len(set(known)) < len(known):
        return Check("addresses", "fail", f"two cards have the same: {', '.join(known)}", "give each one of its own")
    return Check("addresses", "ok", ", ".join(known))


def _is_up(text: str) -> bool:
    return re.search(r"\bup\b", text, re.IGNORECASE) is not None


def _can_open(path: Path) -> bool:
    try:
        with path.open("r+b"):
            return True
    except OSError:
        return False
