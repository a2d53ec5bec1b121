"""The README of a folder for a device: what is in it, and how its client is started there."""

from __future__ import annotations

from deploy.bundle.manifest import Manifest


def device_readme(manifest: Manifest, model: str, client: str) -> str:
    """Return the README.

    Args:
        manifest: of the folder.
        model: the format that is in it.
        client: the sample client that is in it: python, cpp or android.
    """
    entry = manifest.models[model]
    proof = entry.parity
    lines = [
        f"# {manifest.network.get('name', 'network')}, {manifest.num_classes} classes, for MindSpore Lite",
        "",
        f"- `{entry.file}`: {entry.precision}, {entry.size_bytes / 1024:,.0f} KB, {entry.mended[0]}; takes one "
        f"picture, {'x'.join(map(str, entry.input.shape))} {entry.input.layout}",
        "- `labels.txt`: class names in the order of the outputs",
        "- `preprocessing.json`: how a picture becomes the input",
        "- `manifest.json`: shapes, versions, the proof, and the SHA-256 of every file",
        f"- `lite/`: a sample client ({_CLIENTS[client]})",
    ]
    if proof:
        low, high = proof.accuracy.interval
        lines += [
            "",
            f"Measured where it was exported, on {proof.n} {proof.accuracy.split} pictures: top-1 "
            f"{proof.accuracy.top1:.2%} (95 % interval {low:.2%} to {high:.2%}), outputs within "
            f"{proof.max_abs_diff:.1e} of the trained network's"
            + (f", {entry.latency.milliseconds:.2f} ms a picture with one thread." if entry.latency else ".")
            + (" Some of them are training pictures: the top-1 is too high." if manifest.leaking_split else ""),
        ]
    return "\n".join(lines) + "\n\n" + _COMMANDS[client].format(file=entry.file)


_CLIENTS = {"python": "Python", "cpp": "C++", "android": "Android, Java"}
_COMMANDS = {
    "python": """\
## Run it

Python 3.7 or later with Lite's package, numpy and Pillow (`mindspore-lite` 2.0.0 of PyPI is for Python 3.7):

```sh
pip install mindspore-lite numpy pillow
python lite/classify.py . {file} photo.jpg 3
```
""",
    "cpp": """\
## Run it

`MINDSPORE_LITE` is an unpacked MindSpore Lite release, or the folder `mindspore_lite` of the wheel of PyPI, each for
the device's processor. The client reads JPEG, PNG and PPM: by libjpeg-turbo and libpng where CMake finds them (Debian:
`apt-get install libjpeg-dev libpng-dev`), which gives the pixels of training, or else by stb_image, whose JPEG pixels
differ by some gray levels. For a camera fill `Picture` in `preprocess.h`.

```sh
cmake -S lite -B build -DMINDSPORE_LITE="$MINDSPORE_LITE" && cmake --build build
export LD_LIBRARY_PATH="$MINDSPORE_LITE/runtime/lib:$MINDSPORE_LITE/lib"
build/classify . {file} photo.jpg 3
```
""",
    "android": """\
## Run it

`lite/android` is an app for Android Studio; its README has the steps. Copy `{file}` into the app as `model.ms`.
""",
}
