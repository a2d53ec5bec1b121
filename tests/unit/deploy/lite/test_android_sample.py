"""The Android sample: its preprocessing is run on this machine's JVM, the rest compiled; there is no Android here."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datazoo.pipeline.pillow_path import preprocess
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.lite.samples import classify

SAMPLE = Path(classify.__file__).parent / "android"
SOURCES = sorted((SAMPLE / "src" / "main" / "java" / "classify").glob("*.java"))
# Signatures of Android's and MindSpore Lite's documentation, without bodies.
SIGNATURES = Path(__file__).parents[3] / "fixtures" / "android_api"
# What BUNDLE/preprocessing.json says, given as words; pictures come as width, height (int32) and ARGB pixels (int32).
MAIN = """
package classify;
import java.io.*;
final class Main {
  static float[] numbers(String text) {
    String[] words = text.split(",");
    float[] numbers = new float[words.length];
    for (int i = 0; i < words.length; i++) numbers[i] = (float) Double.parseDouble(words[i]);
    return numbers;
  }
  public static void main(String[] a) throws IOException {
    Preprocessing preprocessing = new Preprocessing(a[0].equals("gray"), Integer.parseInt(a[1]), Integer.parseInt(a[2]),
        Integer.parseInt(a[3]), numbers(a[4]), numbers(a[5]));
    DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
    DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out));
    while (true) {
      int width;
      try { width = in.readInt(); } catch (EOFException end) { break; }
      int height = in.readInt();
      int[] argb = new int[width * height];
      for (int i = 0; i < argb.length; i++) argb[i] = in.readInt();
      for (float value : preprocessing.apply(argb, width, height)) out.writeFloat(value);
    }
    out.flush();
  }
}
"""
SPECS = {
    "rgb": PreprocessingSpec(resize=36, image_size=32, pad=1),
    "gray": PreprocessingSpec(color="gray", resize=28, image_size=28, mean=(0.1307,), std=(0.3081,)),
    "unresized": PreprocessingSpec(color="gray", resize=None, image_size=28, pad=2, mean=(0.5,), std=(0.5,)),
    "larger_than_resized": PreprocessingSpec(resize=20, image_size=25),
}
SIZES = [(17, 31), (64, 40), (33, 33), (5, 90)]


def _compile(folder: Path, *files: Path) -> None:
    compiler = shutil.which("javac")
    if compiler is None:
        pytest.skip("no Java compiler (Debian: apt-get install default-jdk-headless)")
    options = ["--release", "8", "-Xlint:all,-options,-serial", "-Werror", "-sourcepath", str(SIGNATURES)]
    done = subprocess.run([compiler, *options, "-d", folder, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the compiled preprocessing."""
    folder = tmp_path_factory.mktemp("java")
    (folder / "Main.java").write_text(MAIN)
    _compile(folder, SAMPLE / "src" / "main" / "java" / "classify" / "Preprocessing.java", folder / "Main.java")
    return folder


@pytest.mark.parametrize("name", SPECS)
def test_android_sample_preprocesses_as_training_does(name: str, program: Path) -> None:
    spec, rng = SPECS[name], np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in SIZES]
    sent = b""
    for pixels in pictures:
        red, green, blue = pixels.astype(np.uint32).transpose(2, 0, 1)
        argb = 255 << 24 | red << 16 | green << 8 | blue
        sent += np.array(pixels.shape[1::-1], ">i4").tobytes() + argb.astype(">u4").tobytes()
    words = [str(value) for value in (spec.color, spec.resize or 0, spec.image_size, spec.pad)]
    words += [",".join(map(str, values)) for values in (spec.mean, spec.std)]

    done = subprocess.run(
        ["java", "-cp", program, "classify.Main", *words], input=sent, capture_output=True, check=True
    )

    expected = np.stack([preprocess(Image.fromarray(pixels), spec) for pixels in pictures])
    np.testing.assert_array_equal(np.frombuffer(done.stdout, ">f4").reshape(expected.shape), expected)


def test_android_sample_calls_only_what_the_documentation_names(tmp_path: Path) -> None:
    _compile(tmp_path, *SOURCES)

    assert (tmp_path / "classify" / "MainActivity.class").is_file()


def test_android_sample_starts_a_class_that_is_there() -> None:
    activity = ElementTree.parse(SAMPLE / "src" / "main" / "AndroidManifest.xml").find("application/activity")

    assert activity is not None
    name = activity.get("{http://schemas.android.com/apk/res/android}name", "")
    assert f"{name.rpartition('.')[2]}.java" in [file.name for file in SOURCES]
