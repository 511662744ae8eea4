"""Every other file and program that a command reads or calls, missing, broken or hostile."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx as onnx_format
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqtvm.errors import SqtvmError
from sqtvm.firmware.archive import read_archive
from sqtvm.report.write import read_report, to_json
from sqtvm.settings import read_settings_file
from tests.cli.conftest import Run
from tests.faults.conftest import assert_one_clear_line
from tests.report.samples import report

ANALYZE = ("analyze", "tiny_network:tiny", "--quiet", "--data")
DEPLOY = ("deploy", "tiny_network:tiny", "--data", "samples.npz", "--board", "stm32f746", "--quiet")
BUILD = ("build", "--board", "stm32f746", "--image", "none", "--quiet")


def _claiming(path: Path, shape: tuple[int, ...]) -> None:
    """An .npz whose array says it has ``shape`` and has nothing."""
    header = io.BytesIO()
    fields = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(header, fields)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue())


@pytest.mark.parametrize("shape", [(10**13,), (10**9, 1, 8, 8), (-5, 1, 8, 8), (2**62, 4)])
def test_data_that_claims_to_be_huge(shape: tuple[int, ...], run: Run, folder: Path) -> None:
    _claiming(folder / "bad.npz", shape)
    assert_one_clear_line(run(*ANALYZE, "bad.npz"), "bad.npz")


@pytest.mark.parametrize("name", ["bomb.npz", "bomb.pt2"])
def test_bombs_are_not_unpacked(name: str, run: Run, folder: Path) -> None:
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(1000))
    content = bytearray((folder / name).read_bytes())
    # Its directory says that the entry takes 4 GiB less one byte, 400 times.
    entry = content[content.index(b"PK\x01\x02") : content.index(b"PK\x05\x06")]
    entry[24:28] = (0xFFFF_FFFE).to_bytes(4, "little")
    begin = content.index(b"PK\x01\x02")
    end = bytearray(content[content.index(b"PK\x05\x06") :])
    end[8:10] = end[10:12] = (400).to_bytes(2, "little")
    end[12:16] = (400 * len(entry)).to_bytes(4, "little")
    (folder / name).write_bytes(content[:begin] + 400 * entry + end)
    result = (
        run(*ANALYZE, name)
        if name.endswith("npz")
        else run("analyze", name, "--quiet", "--data", "samples.npz")
    )
    assert_one_clear_line(result, name)


@pytest.mark.parametrize("place", ["../../etc/passwd", "/etc/passwd", "missing.bin"])
def test_weights_outside_of_an_onnx_file_are_not_read(
    place: str, run: Run, folder: Path, onnx: bytes
) -> None:
    model = onnx_format.load_from_string(onnx)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx_format.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    result = run("analyze", "net.onnx", "--quiet", "--data", "samples.npz")
    assert_one_clear_line(result, "net.onnx")


@pytest.mark.parametrize("name", ["net.onnx", "net.pt2"])
def test_folders_are_no_models(name: str, run: Run, folder: Path) -> None:
    (folder / name).mkdir()
    result = run("analyze", name, "--quiet", "--data", "samples.npz")
    assert_one_clear_line(result, name)


@pytest.mark.parametrize(
    "body", ["raise RuntimeError('one\\ntwo')", "raise SystemExit(0)", "return f()", "1 / 0"]
)
def test_factories_that_fail(body: str, run: Run, folder: Path) -> None:
    name = f"failing_{abs(hash(body))}"
    (folder / f"{name}.py").write_text(f"def f():\n    {body}\n")
    result = run("analyze", f"{name}:f", "--quiet", "--data", "samples.npz")
    assert_one_clear_line(result, f"{name}:f")


@pytest.fixture(scope="module")
def network_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive as ``sqtvm compile`` leaves it, of a network of one layer."""
    from sqtvm.compile.network import compile_network
    from sqtvm.quantize.build import quantize
    from sqtvm.quantize.calibration import calibrate
    from tests.allocate.problems import chain

    graph = chain((4, 8))
    x = np.random.default_rng(0).normal(size=(4, *graph.input.shape)).astype(np.float32)
    network = quantize(graph, calibrate(graph, x), {"conv0": 4}, x)
    path = tmp_path_factory.mktemp("archive") / "network.tar"
    target = "c -keys=arm_cpu,cpu -mcpu=cortex-m7"
    return compile_network("chain", graph, network, target, path).path


def test_archives_that_were_cut_off_are_never_taken_for_whole(
    network_tar: Path, tmp_path: Path
) -> None:
    content, whole = network_tar.read_bytes(), read_archive(network_tar)
    cut = tmp_path / "cut.tar"
    places = {*range(0, len(content), 7919), *range(len(content) - 20_480, len(content), 512)}
    refused = 0
    for place in sorted(places):
        cut.write_bytes(content[:place])
        try:
            found = read_archive(cut)
        except SqtvmError:
            refused += 1
        else:
            assert (found.files, found.layers) == (whole.files, whole.layers)
    assert refused > len(places) // 2


def test_huge_archives_are_not_read(run: Run, folder: Path) -> None:
    with (folder / "huge.tar").open("wb") as file:
        file.truncate(30_000_000_000)
    assert_one_clear_line(run(BUILD[0], "huge.tar", *BUILD[1:]), "huge.tar")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("./codegen/host/src/../../../../evil.c", tarfile.REGTYPE),
        ("/evil.c", tarfile.REGTYPE),
        ("./codegen/host/src/evil.c", tarfile.SYMTYPE),
        ("./codegen/host/src/evil.c", tarfile.CHRTYPE),
    ],
)
def test_archives_write_nothing_beside_the_project(
    name: str, kind: bytes, network_tar: Path, run: Run, folder: Path
) -> None:
    with tarfile.open(network_tar) as good, tarfile.open(folder / "evil.tar", "w") as evil:
        for entry in good:
            evil.addfile(entry, good.extractfile(entry) if entry.isfile() else None)
        added = tarfile.TarInfo(name)
        added.type, added.linkname = kind, "/etc/passwd"
        evil.addfile(added)
    before = set(folder.rglob("*"))
    result = run(BUILD[0], "evil.tar", *BUILD[1:], "--out", "project")
    if kind == tarfile.REGTYPE:
        assert_one_clear_line(result, "evil.tar")
    made = set(folder.rglob("*")) - before
    assert all(folder / "project" in (path, *path.parents) for path in made)
    assert not [path for path in made if path.name == "evil.c" or path.is_symlink()]


@pytest.mark.parametrize("content", ["", "[]", "{", "null", "\0", '{"a":' * 5000])
def test_broken_allocation_files(content: str, run: Run, folder: Path) -> None:
    (folder / "a.json").write_text(content)
    command = ("compile", *DEPLOY[1:], "--allocation", "a.json")
    assert_one_clear_line(run(*command), "a.json")


@pytest.mark.parametrize("command", ["run", "profile"])
def test_folders_that_are_no_projects(command: str, run: Run, folder: Path) -> None:
    (folder / "fw").mkdir()
    assert_one_clear_line(run(command, "fw", "--data", "samples.npz", "--quiet"), "fw")


def test_a_cache_that_cannot_be_written(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert_one_clear_line(run(*DEPLOY), "XDG_CACHE_HOME")


@pytest.mark.parametrize("missing", ["cmake", "arm-none-eabi-gcc", "qemu-system-arm"])
def test_each_missing_tool_is_named(
    missing: str, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = folder / "programs"
    programs.mkdir()
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(place).glob("*") if Path(place).is_dir() else ():
            link = programs / program.name
            link.unlink(missing_ok=True)
            if program.name != missing:
                link.symlink_to(program)
    monkeypatch.setenv("PATH", str(programs))
    assert shutil.which(missing) is None
    assert_one_clear_line(run(*DEPLOY, "--verify-samples", "1"), missing, "apt-get install")
    assert not (folder / "sqtvm-out" / "report.json").exists()


@pytest.mark.slow
def test_two_processes_deploy_into_one_folder_at_once(run: Run, folder: Path) -> None:
    command = [sys.executable, "-m", "sqtvm", *DEPLOY, "--verify-samples", "2"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    both = [
        subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=300)[1] for process in both]
    statuses = sorted(process.returncode for process in both)
    # Where one is done before the other begins to write, both are right.
    assert statuses in ([0, 1], [0, 0]), said
    if statuses == [0, 1]:
        assert "another deployment" in "".join(said)
    assert read_report(folder / "sqtvm-out" / "report.json").met


def _refusal(path: Path, read: Callable[[Path], object]) -> str | None:
    """What is said of a file that cannot be read."""
    try:
        read(path)
    except SqtvmError as error:
        return str(error)
    return None


_JSON = to_json(report()).encode()


@given(cut=st.integers(0, 200), place=st.floats(0, 1), noise=st.binary(max_size=20))
@settings(deadline=None, max_examples=60)
def test_reports_with_bytes_changed_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, cut: int, place: float, noise: bytes
) -> None:
    content = bytearray(_JSON)
    at = int(place * len(content))
    content[at : at + cut] = noise
    path = tmp_path_factory.getbasetemp() / "changed.json"
    path.write_bytes(content)
    said = _refusal(path, read_report)
    assert said is None or (str(path) in said and "\n" not in said)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(deadline=None, max_examples=60)
def test_settings_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "sqtvm.toml"
    path.write_bytes(content)
    said = _refusal(path, read_settings_file)
    assert said is None or (str(path) in said and "\n" not in said)


@pytest.mark.parametrize(
    "command",
    [
        (*ANALYZE, "pipe.npz"),
        ("analyze", "pipe.onnx", "--quiet", "--data", "samples.npz"),
        ("analyze", "pipe.pt2", "--quiet", "--data", "samples.npz"),
        ("boards", "show", "./pipe.toml"),
        (BUILD[0], "pipe.tar", *BUILD[1:]),
        ("compile", *DEPLOY[1:], "--allocation", "pipe.json"),
    ],
)
def test_pipes_are_refused_instead_of_waited_for(
    command: tuple[str, ...], run: Run, folder: Path
) -> None:
    (name,) = (Path(word) for word in command if "pipe." in word)
    os.mkfifo(name)
    assert_one_clear_line(run(*command), name.name, "no regular file")


@pytest.mark.parametrize(
    "command",
    [("boards", "show", "./huge.toml"), ("compile", *DEPLOY[1:], "--allocation", "huge.json")],
)
def test_huge_texts_are_not_read(command: tuple[str, ...], run: Run, folder: Path) -> None:
    (name,) = (Path(word) for word in command if "huge." in word)
    with name.open("wb") as file:
        file.truncate(30_000_000_000)
    assert_one_clear_line(run(*command), name.name, "far too many")


@pytest.mark.parametrize("shape", [(), (1,)])
def test_data_that_is_a_single_number(shape: tuple[int, ...], run: Run, folder: Path) -> None:
    np.savez(folder / "bad.npz", x=np.zeros(shape, np.float32), y=np.zeros(1, int))
    assert_one_clear_line(run(*ANALYZE, "bad.npz"), "bad.npz has x of shape")


def test_networks_without_weights_are_refused(run: Run, folder: Path) -> None:
    (folder / "plain.py").write_text("from torch import nn\ndef f():\n    return nn.Flatten()\n")
    result = run("analyze", "plain:f", "--quiet", "--data", "samples.npz")
    assert_one_clear_line(result, "plain:f", "no layer with weights")
