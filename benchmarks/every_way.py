"""Ask one split in every way that a trained network can be asked, and print how many answers of each are right.

    python -m deploy.lite setup; python -m deploy.lite setup --target aarch64      (once)
    python benchmarks/every_way.py --run runs/mobilenetv2_garbage26_head-seed0     (257 pictures: about 20 minutes)

Exports the run's best checkpoint, proven on that split, to MINDIR, ONNX and .ms, and asks eval.py, predict.py with each
file, the bundle's own clients in Python and in C++ (one process a picture, as on a device), `deploy.serve` over HTTP,
and the C++ client compiled for aarch64 under qemu, which takes --emulated pictures, evenly spread, as PPM: stb_image
decodes there, and its JPEG pixels are not those of training (benchmarks/cpp_decoders.py).
Exit code 1 if a way has another number of right answers than the ONNX file has on the same pictures, or its three best
classes are not that file's, in that order and with the same probabilities to 1e-3, for every picture.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.serve_load import ROOT, server
from deploy.lite import compile
from deploy.lite.pictures import spread
from deploy.use.lite_environment import LiteEnvironment, LiteError, find_lite, lite_folder

TOP_K = 3
TOLERANCE = 1e-3
Answers = Mapping[str, tuple[tuple[str, float], ...]]


@dataclass(frozen=True)
class Way:
    """What one way answers.

    Args:
        name: in words.
        n: pictures that it was asked.
        correct: right answers among them.
        answers: the three best of each, by the picture's name; None where only the number is told.
    """

    name: str
    n: int
    correct: int
    answers: Answers | None = None


@dataclass(frozen=True)
class SplitFiles:
    """A split in two folders, for programs.

    Args:
        files: the pictures as they are.
        ppm: the same, decoded.
        labels: name of the right class, by a file's name without its suffix.
    """

    files: Path
    ppm: Path
    labels: Mapping[str, str]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="run folder of train.py")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test", help="(default: test)")
    parser.add_argument("--emulated", type=int, default=20, help="pictures for aarch64 under qemu (default: 20)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="every-way-") as name:
        folder = Path(name)
        bundle = folder / "bundle"
        formats = ("mindir", "onnx", "ms")
        door("export.py", "--run", options.run, "--formats", *formats, "--split", options.split, "--out", bundle)
        pictures = write_pictures(options.run, options.split, folder)
        print(f"{options.run.name}, {len(pictures.labels)} {options.split} pictures", flush=True)
        ways = []
        for way in ask_all(options, bundle, pictures, folder):
            ways.append(way)
            print(f"{way.name}: {way.correct} of {way.n}", file=sys.stderr, flush=True)
        reference = next(way for way in ways if way.name.endswith("--format onnx"))
        print(table(ways, reference, pictures.labels))
        return int(any(problems(way, reference, pictures.labels) for way in ways))


def ask_all(options: argparse.Namespace, bundle: Path, pictures: SplitFiles, folder: Path) -> Iterator[Way]:
    """Yield what every way answers, one after the other."""
    yield evaluated(options.run, options.split)
    for name in ("mindir", "onnx", "ms"):
        yield counted(f"predict.py --format {name}", predicted(bundle, name, pictures, folder), pictures.labels)
    lite = find_lite()
    model = bundle / "model.ms"
    if lite.python:
        client = [str(lite.path(lite.python)), str(bundle / "lite" / "classify.py")]
        yield counted(
            "client in Python", asked(client, lite, bundle, model, sorted_files(pictures.files)), pictures.labels
        )
    ppm = sorted_files(pictures.ppm)
    program, exact = build_client(lite, bundle, folder / "classify")
    own = sorted_files(pictures.files) if exact else ppm
    name = "client in C++" if exact else "client in C++, PPM (no libjpeg-turbo and libpng here)"
    yield counted(name, asked(lite.program(program), lite, bundle, model, own), pictures.labels)
    with server(bundle) as port:
        yield counted("HTTP, deploy.serve", posted(port, sorted_files(pictures.files)), pictures.labels)
    if options.emulated:
        device = find_lite(lite_folder("aarch64"))
        program, _ = build_client(device, bundle, folder / "classify-aarch64", "aarch64")
        client = device.program(program)
        few = [ppm[i] for i in spread(len(ppm), options.emulated)]
        yield counted(
            "client in C++, aarch64 under qemu, PPM", asked(client, device, bundle, model, few), pictures.labels
        )


def door(*arguments: object) -> None:
    """Run a door of the clone; what it says goes to standard error."""
    command = [sys.executable, *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)


def write_pictures(run: Path, split: str, folder: Path) -> SplitFiles:
    """Write the pictures of a split: files as they are, or PNG where there are none; and PPM, the same everywhere."""
    from deploy.export.derived import rgb_pictures
    from engine.config import load_config
    from engine.jobs.pictures import open_splits

    pictures = open_splits(load_config(run / "config.yaml").data).named(split)
    files, ppm = folder / "files", folder / "ppm"
    files.mkdir()
    ppm.mkdir()
    labels = {f"{i:05d}": pictures.classes[label] for i, label in enumerate(pictures.labels)}
    for name, image in zip(labels, rgb_pictures(pictures), strict=True):
        image.save(ppm / f"{name}.ppm")
        if pictures.paths is None:
            image.save(files / f"{name}.png")
    for name, path in zip(labels, pictures.paths or (), strict=pictures.paths is not None):
        (files / f"{name}{path.suffix}").write_bytes(path.read_bytes())
    return SplitFiles(files, ppm, labels)


def sorted_files(folder: Path) -> list[Path]:
    """The files of a folder, in the order of the split."""
    return sorted(folder.iterdir())


def counted(name: str, answers: Answers, labels: Mapping[str, str]) -> Way:
    """Count the right answers."""
    correct = sum(best[0][0] == labels[picture] for picture, best in answers.items())
    return Way(name, len(answers), correct, answers)


def evaluated(run: Path, split: str) -> Way:
    """What eval.py counts; it writes its result into the run folder."""
    door("eval.py", "--run", run, "--split", split)
    result = json.loads((run / f"eval_{split}.json").read_text(encoding="utf-8"))
    return Way("eval.py", result["n"], result["correct"])


def predicted(bundle: Path, name: str, pictures: SplitFiles, folder: Path) -> Answers:
    """What predict.py says with one file of the bundle."""
    out = folder / f"{name}.json"
    door("predict.py", pictures.files, "--model", bundle, "--format", name, "--top_k", TOP_K, "--quiet", "--json", out)
    return {
        Path(entry["file"]).stem: tuple((answer["label"], answer["probability"]) for answer in entry["predictions"])
        for entry in json.loads(out.read_text(encoding="utf-8"))
    }


def build_client(lite: LiteEnvironment, bundle: Path, target: Path, machine: str | None = None) -> tuple[Path, bool]:
    """Compile the bundle's C++ client.

    Returns:
        The program, and whether it decodes JPEG to the bit as predict.py does.

    Raises:
        LiteError: no compiler.
    """
    compiler = compile.find_compiler(machine)
    if compiler is None:
        raise LiteError(f"no C++ compiler for {machine or 'this machine'} (Debian: apt-get install g++)")
    options = compile.decoder_options(compiler, bundle / "lite")
    kit = compile.wheel_kit(lite.path(lite.package), compiler)
    kit.compile(bundle / "lite" / "classify.cc", target, options)
    return target, bool(options)


def asked(client: Sequence[str], lite: LiteEnvironment, bundle: Path, model: Path, files: Sequence[Path]) -> Answers:
    """What a client of the bundle prints, started once for every picture."""
    answers = {}
    for file in files:
        command = [*client, str(bundle), str(model), str(file), str(TOP_K)]
        done = subprocess.run(command, env=lite.variables(), capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise SystemExit(f"{command[0]} fails on {file}: {done.stderr}")
        answers[file.stem] = parse(done.stdout)
    return answers


def parse(printed: str) -> tuple[tuple[str, float], ...]:
    """Labels and probabilities that a client prints, such as `97.5 %  Banana Peel`."""
    lines = re.findall(r"^\s*([\d.e+-]+)\s*%\s+(.+)$", printed, re.MULTILINE)
    return tuple((label, float(percent) / 100) for percent, label in lines)


def posted(port: int, files: Sequence[Path]) -> Answers:
    """What a server on this machine answers over HTTP."""
    answers = {}
    for file in files:
        url = f"http://127.0.0.1:{port}/predict?top_k={TOP_K}"
        with contextlib.closing(urllib.request.urlopen(url, file.read_bytes(), 60)) as reply:
            best = json.load(reply)["predictions"]
        answers[file.stem] = tuple((answer["label"], answer["probability"]) for answer in best)
    return answers


def same_answers(way: Way, reference: Way) -> int:
    """Pictures whose best classes are the same in the same order, with the same probabilities."""
    assert way.answers is not None
    assert reference.answers is not None
    return sum(_alike(own, reference.answers[picture]) for picture, own in way.answers.items())


def _alike(own: Sequence[tuple[str, float]], others: Sequence[tuple[str, float]]) -> bool:
    pairs = zip(own, others, strict=True)
    return all(label == other and abs(p - q) <= TOLERANCE for (label, p), (other, q) in pairs)


def problems(way: Way, reference: Way, labels: Mapping[str, str]) -> list[str]:
    """What is wrong with a way, in words."""
    if way.answers is None:
        return [] if (way.n, way.correct) == (reference.n, reference.correct) else ["another number is right"]
    assert reference.answers is not None
    wanted = counted("", {picture: reference.answers[picture] for picture in way.answers}, labels).correct
    found = [] if way.correct == wanted else [f"{wanted} are right by the ONNX file"]
    different = way.n - same_answers(way, reference)
    return [*found, f"{different} pictures are answered differently"] if different else found


def table(ways: Sequence[Way], reference: Way, labels: Mapping[str, str]) -> str:
    """The table, as Markdown."""
    lines = ["| way | pictures | right | three best as the ONNX file's | |", "|---|---|---|---|---|"]
    for way in ways:
        same = "" if way.answers is None else f"{same_answers(way, reference)} of {way.n}"
        lines.append(
            f"| {way.name} | {way.n} | {way.correct} | {same} | {'; '.join(problems(way, reference, labels))} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    os.environ.setdefault("GLOG_v", "3")
    sys.exit(main())
