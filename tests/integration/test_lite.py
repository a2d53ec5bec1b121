"""MindSpore Lite itself, where `python -m deploy.lite setup` was run: conversion, both clients, ms bundles."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from deploy.lite import check, compile
from deploy.use.lite_environment import LiteEnvironment, LiteError, find_lite, lite_folder
from deploy.use.lite_runtime import LiteRuntime
from tests.integration.lite_clients import NETWORKS, checked, client_answers, predict_answers, run, same_answers

PICTURES = 6
Answers = dict[str, dict[str, list[tuple[str, float]]]]


@pytest.fixture(scope="module")
def pictures(digits_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some pictures of the test split, in files that both clients read."""
    folder = tmp_path_factory.mktemp("ppm")
    for file in sorted(digits_pictures.rglob("*.png"))[:: 359 // PICTURES]:
        Image.open(file).convert("RGB").save(folder / f"{file.stem}.ppm")
    return folder


@pytest.fixture(scope="module")
def expected(lite_bundles: dict[str, Path], pictures: Path) -> Answers:
    """The three best answers of predict.py, by network and picture."""
    files = sorted(pictures.iterdir())
    return {
        name: predict_answers(bundle, files, pictures.parent / f"{name}.json") for name, bundle in lite_bundles.items()
    }


@pytest.mark.parametrize("language", ["python", "cpp"])
@pytest.mark.parametrize("network", NETWORKS)
def test_float32_file_computes_what_the_onnx_file_computes(
    network: str, language: str, lite_bundles: dict[str, Path], lite: LiteEnvironment, digits_pictures: Path
) -> None:
    if language not in lite.languages():
        pytest.skip(f"MindSpore Lite is not set up for {language}")

    result = checked(lite_bundles[network], language, digits_pictures)

    assert result["top1_agreement"] == 1
    assert result["max_abs_diff"] <= 1e-3
    assert result["n"] == result["accuracy"]["n"] >= 80
    assert result["runtime"].startswith("mindspore-lite 2.")
    assert result["latency"]["ratio"] > 0


@pytest.mark.parametrize("network", NETWORKS)
def test_python_client_answers_as_predict_does(
    network: str, lite_bundles: dict[str, Path], lite: LiteEnvironment, pictures: Path, expected: Answers
) -> None:
    if lite.python is None:
        pytest.skip("MindSpore Lite is set up without a Python 3.7")
    client = [str(lite.path(lite.python)), str(lite_bundles[network] / "lite" / "classify.py")]

    answers = client_answers(client, lite, lite_bundles[network], pictures)

    assert answers.keys() == expected[network].keys()
    for name, own in answers.items():
        same_answers(own, expected[network][name])


def test_python_client_preprocesses_alike_on_its_own_python(
    lite_bundles: dict[str, Path], lite: LiteEnvironment, pictures: Path, tmp_path: Path
) -> None:
    if lite.python is None:
        pytest.skip("MindSpore Lite is set up without a Python 3.7")
    from datazoo.pipeline.pillow_path import preprocess
    from datazoo.pipeline.spec import PreprocessingSpec

    script = """
import json, sys
import numpy as np
from PIL import Image
import classify
spec = json.load(open(sys.argv[1]))
np.save(sys.argv[2], np.concatenate([classify.preprocess(Image.open(file), spec) for file in sys.argv[3:]]))
"""
    files = sorted(pictures.glob("*.ppm"))
    for name in NETWORKS:
        spec = lite_bundles[name] / "preprocessing.json"
        command = [str(lite.path(lite.python)), "-c", script, str(spec), str(tmp_path / "out.npy"), *map(str, files)]
        subprocess.run(command, cwd=lite_bundles[name] / "lite", env=lite.variables(), check=True)

        own = PreprocessingSpec.model_validate_json(spec.read_text())
        wanted = np.stack([preprocess(Image.open(file), own) for file in files])
        np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), wanted)


@pytest.fixture(scope="module")
def cpp_client(lite: LiteEnvironment, lite_bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C++ client, built as its CMakeLists.txt says, or by g++ where CMake is not there."""
    compiler = compile.find_compiler()
    if compiler is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("client")
    source = lite_bundles["lenet5"] / "lite"
    if shutil.which("cmake"):
        options = [f"-DMINDSPORE_LITE={lite.path(lite.package)}"]
        subprocess.run(["cmake", "-S", source, "-B", folder, *options], check=True, capture_output=True)
        subprocess.run(["cmake", "--build", folder], check=True, capture_output=True)
    else:
        compile.wheel_kit(lite.path(lite.package), compiler).compile(source / "classify.cc", folder / "classify")
    return folder / "classify"


@pytest.mark.parametrize("network", NETWORKS)
def test_cpp_client_answers_as_predict_does(
    network: str,
    cpp_client: Path,
    lite_bundles: dict[str, Path],
    lite: LiteEnvironment,
    pictures: Path,
    expected: Answers,
) -> None:
    answers = client_answers([str(cpp_client)], lite, lite_bundles[network], pictures)

    assert answers.keys() == expected[network].keys()
    for name, own in answers.items():
        same_answers(own, expected[network][name])


@pytest.fixture(scope="module")
def photos(digits_pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some pictures of the test split as JPEGs, of several kinds, one lying on its side."""
    folder = tmp_path_factory.mktemp("photos")
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds: list[dict] = [{"progressive": True}, {"subsampling": 0}, {"quality": 60}, {"exif": exif}]
    for place, file in enumerate(sorted(digits_pictures.rglob("*.png"))[:: 359 // 12]):
        image = Image.open(file).convert("RGB").resize((120, 90), Image.Resampling.BICUBIC)
        image.save(folder / f"{file.stem}.jpg", **kinds[place % len(kinds)])
    return folder


@pytest.mark.parametrize("decoder", ["libjpeg-turbo and libpng", "stb_image"])
def test_cpp_client_reads_jpegs_as_predict_does(
    decoder: str, lite_bundles: dict[str, Path], lite: LiteEnvironment, photos: Path, tmp_path: Path
) -> None:
    compiler = compile.find_compiler()
    if compiler is None:
        pytest.skip("no C++ compiler")
    bundle, exact = lite_bundles["lenet5"], decoder != "stb_image"
    options = compile.decoder_options(compiler, bundle / "lite") if exact else ()
    if exact and not options:
        pytest.skip("libjpeg-turbo and libpng are not installed")
    kit = compile.wheel_kit(lite.path(lite.package), compiler)
    kit.compile(bundle / "lite" / "classify.cc", tmp_path / "classify", options)
    wanted = predict_answers(bundle, sorted(photos.iterdir()), tmp_path / "answers.json")

    answers = client_answers([str(tmp_path / "classify")], lite, bundle, photos)

    assert answers.keys() == wanted.keys()
    for name, own in answers.items():
        if exact:
            same_answers(own, wanted[name])
        else:
            assert own[0][0] == wanted[name][0][0]
            assert own[0][1] == pytest.approx(wanted[name][0][1], abs=0.02)


@pytest.fixture(scope="module")
def aarch64(lite: LiteEnvironment) -> LiteEnvironment:
    try:
        return find_lite(lite_folder("aarch64"))
    except LiteError as error:
        pytest.skip(f"{error} --target aarch64")


def test_cpp_client_answers_alike_on_aarch64(
    aarch64: LiteEnvironment,
    lite_bundles: dict[str, Path],
    pictures: Path,
    photos: Path,
    expected: Answers,
    tmp_path: Path,
) -> None:
    compiler = compile.find_compiler("aarch64")
    if compiler is None:
        pytest.skip("g++-aarch64-linux-gnu is not installed")
    bundle = lite_bundles["mobilenetv2"]
    kit = compile.wheel_kit(aarch64.path(aarch64.package), compiler)
    kit.compile(bundle / "lite" / "classify.cc", tmp_path / "classify")
    (tmp_path / "few").mkdir()
    for file in sorted(pictures.iterdir())[:2]:
        shutil.copy(file, tmp_path / "few")
    photo = shutil.copy(sorted(photos.iterdir())[0], tmp_path / "few")
    wanted = predict_answers(bundle, [Path(photo)], tmp_path / "answers.json")[Path(photo).name]

    answers = client_answers(aarch64.program(tmp_path / "classify"), aarch64, bundle, tmp_path / "few")

    assert answers.pop(Path(photo).name)[0][0] == wanted[0][0]  # stb_image decodes there
    assert len(answers) == 2
    for name, own in answers.items():
        same_answers(own, expected["mobilenetv2"][name])


def test_ms_files_are_proven_and_predict_counts_alike(
    lite_bundles: dict[str, Path], digits_pictures: Path, tmp_path: Path
) -> None:
    manifest = json.loads((lite_bundles["lenet5"] / "manifest.json").read_text())
    for name in ("ms", "ms_fp16"):
        parity = manifest["models"][name]["parity"]
        assert parity["n"] == 359
        assert parity["runtime"].startswith("mindspore-lite 2.")
        out = tmp_path / f"{name}.json"

        run(
            "predict.py", digits_pictures, "--model", lite_bundles["lenet5"], "--format", name, "--quiet", "--json", out
        )

        right = [e["predictions"][0]["label"] == Path(e["file"]).parent.name for e in json.loads(out.read_text())]
        assert (sum(right), len(right)) == (parity["accuracy"]["correct"], 359)
    assert manifest["models"]["ms"]["parity"]["max_abs_diff"] <= manifest["models"]["ms"]["parity"]["tolerance"]
    assert manifest["models"]["ms_fp16"]["size_bytes"] < 0.6 * manifest["models"]["ms"]["size_bytes"]


def test_server_answers_from_a_ms_file(lite_bundles: dict[str, Path], digits_pictures: Path) -> None:
    from deploy.opening import open_classifier
    from deploy.use.server_app import create_app

    picture = sorted(digits_pictures.rglob("*.png"))[0].read_bytes()

    async def ask(name: str) -> list[str]:
        app = create_app(open_classifier(lite_bundles["lenet5"], name))
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://server") as client,
        ):
            reply = await client.post("/predict?top_k=10", content=picture)
        return [answer["label"] for answer in reply.json()["predictions"]]

    assert asyncio.run(ask("ms")) == asyncio.run(ask("onnx"))


def test_full_quantisation_runs_and_is_judged_by_its_accuracy(
    lite_bundles: dict[str, Path], lite: LiteEnvironment, digits_pictures: Path
) -> None:
    if lite.converter is None:
        pytest.skip("full quantisation needs the C++ converter")
    bundle = lite_bundles["lenet5"]

    check.main([str(bundle), "--pictures", str(digits_pictures), "--variants", "int8", "int8_weight"])

    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["lite"]["int8"]["size_bytes"] < 0.4 * manifest["models"]["ms"]["size_bytes"]
    assert manifest["lite"]["int8"]["top1_agreement"] > 0.9
    assert "unpacked from 8 bits" in manifest["lite_refused"]["int8_weight"]["reason"]


def test_ms_file_out_of_tolerance_means_no_bundle(lite: LiteEnvironment, digits_run: Path, tmp_path: Path) -> None:
    options = ["--formats", "ms", "--tolerance", "1e-12", "--out", tmp_path / "bundle"]

    said = run("export.py", "--run", digits_run, *options, code=1)

    assert "ms does not compute what the trained network computes" in said
    assert list(tmp_path.iterdir()) == []


def test_ms_file_of_another_version_is_refused_in_words(
    lite: LiteEnvironment, lite_bundles: dict[str, Path], tmp_path: Path
) -> None:
    content = (lite_bundles["lenet5"] / "model.ms").read_bytes()
    assert b"MSL2" in content[:16]  # the mark of the format
    (tmp_path / "model.ms").write_bytes(content.replace(b"MSL2", b"MSL9", 1))

    for language in lite.languages():
        with pytest.raises(LiteError, match="another version of Lite wrote it, or it is damaged"):
            LiteRuntime(tmp_path / "model.ms", (1, 28, 28), environment=lite, language=language)


def test_without_lite_the_command_that_sets_it_up_is_named(digits_run: Path, tmp_path: Path) -> None:
    said = run(
        "export.py", "--run", digits_run, "--formats", "ms", "--out", tmp_path / "b", code=2,
        LITE_ENV=str(tmp_path / "nothing"),
    )  # fmt: skip

    assert said.strip().splitlines()[-1].endswith("run: python -m deploy.lite setup")
    assert not (tmp_path / "b").exists()
