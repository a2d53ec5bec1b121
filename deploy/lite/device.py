"""Pack what a device needs: `python -m deploy.lite device BUNDLE --client cpp`.

Takes one .ms file of a bundle, as it was proven, with labels and preprocessing, the sources of one sample client, and
a README with the commands for it: no training pictures, no other formats. What comes out is a bundle, too: predict.py
runs it, and its manifest vouches for every file. Exit code: 0, or 2 where the bundle has no such file or the folder is
there already.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from common.door import EXIT_OK, DoorParser
from common.errors import BundleError
from common.files import write_json
from common.names import printable
from deploy.bundle.bundle import Bundle, check_free, hash_files, new_bundle, read_bundle
from deploy.bundle.manifest import LABELS, MANIFEST, PREPROCESSING, README
from deploy.export.handover import SAMPLES
from deploy.lite.device_readme import device_readme

CLIENTS = {
    "python": ("classify.py",),
    "cpp": (
        "classify.cc",
        "preprocess.h",
        "picture_file.h",
        "picture_header.h",
        "decode_system.h",
        "decode_stb.h",
        "third_party",
        "CMakeLists.txt",
    ),
    "android": ("android",),
}
"""Sample clients, with their files below `lite/`."""


def main(argv: Sequence[str]) -> int:
    """Pack one bundle."""
    parser = DoorParser(prog="python -m deploy.lite device", description=__doc__)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder made by export.py, with a .ms file")
    parser.add_argument("--client", choices=tuple(CLIENTS), required=True, help="which sample client goes with it")
    parser.add_argument("--model", default="ms", metavar="NAME", help="ms, ms_fp16 or ms_int8 (default: ms)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to make (default: BUNDLE-<client>)")
    options = parser.parse_args(argv)
    target = options.out or device_folder(options.bundle, options.client)
    pack(read_bundle(options.bundle), options.model, options.client, target)
    print(packed(target, options.client))
    return EXIT_OK


def device_folder(bundle: Path, client: str) -> Path:
    """Where a bundle is packed to unless said otherwise: beside it."""
    return bundle.with_name(f"{bundle.resolve().name}-{client}")


def check_device(formats: Sequence[str], target: Path) -> None:
    """Refuse, before anything is computed, what cannot be packed.

    Raises:
        BundleError: no .ms file was asked for, or `target` exists.
    """
    if "ms" not in formats:
        raise BundleError("--device packs a .ms file, and --formats asks for none; add ms to --formats")
    check_free(target)


def packed(target: Path, client: str) -> str:
    """One line about what was packed."""
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    return f"for the device: {printable(target)} ({client} client, {size / 1e6:.1f} MB, no training pictures)"


def pack(bundle: Bundle, model: str, client: str, target: Path) -> None:
    """Write a folder for a device, whole or not at all.

    Args:
        bundle: as read, that is, checked.
        model: which of its .ms files.
        client: key of `CLIENTS`.
        target: folder to make.

    Raises:
        BundleError: no such model, not a .ms file, or `target` exists.
    """
    name, entry = bundle.model(model)
    if entry.runtime != "mindspore_lite":
        raise BundleError(f"bundle {bundle.path}: {name} is not for MindSpore Lite; name ms, ms_fp16 or ms_int8")
    with new_bundle(target) as folder:
        languages = sorted(file.name for file in bundle.path.glob("labels.*.txt") if file.name in bundle.manifest.files)
        for file in (entry.file, LABELS, *languages, PREPROCESSING):
            shutil.copyfile(bundle.path / file, folder / file)
        (folder / "lite").mkdir()
        for part in CLIENTS[client]:
            copy = shutil.copytree if (SAMPLES / part).is_dir() else shutil.copyfile
            copy(SAMPLES / part, folder / "lite" / part)
        manifest = bundle.manifest.model_copy(
            update={
                "models": {name: entry},
                "refused": {},
                "lite": {},
                "lite_refused": {},
                "lite_readers": {k: v for k, v in bundle.manifest.lite_readers.items() if k == entry.file},
            }
        )
        (folder / README).write_text(device_readme(manifest, name, client), encoding="utf-8")
        manifest = manifest.model_copy(update={"files": hash_files(folder)})
        write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
