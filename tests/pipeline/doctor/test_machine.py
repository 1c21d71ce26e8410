"""The machine: limits as containers write them, variables, tools on the path."""

import os

import pytest

from synthfm3d.pipeline.doctor import machine


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """An empty folder of control groups, and no variable about threads."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_without_limits_all_allowed_cores_are_used(alone):
    assert machine.usable_cores(alone) == len(os.sched_getaffinity(0))
    assert machine.threads(alone).state == "ok"


def test_a_process_that_is_bound_to_a_core_has_one(alone, monkeypatch):
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        found = machine.threads(alone)
    finally:
        os.sched_setaffinity(0, before)
    assert found.state == "warn"
    assert found.way_out == "export OMP_NUM_THREADS=1"


@pytest.mark.parametrize("files", [{"cpu.max": "100000 100000\n"}, {
    "cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}])  # fmt: skip
@pytest.mark.skipif(os.cpu_count() == 1, reason="needs two cores to limit")
def test_the_quota_of_a_container_is_told_to_torch(alone, files):
    for name, content in files.items():
        (alone / name).parent.mkdir(exist_ok=True)
        (alone / name).write_text(content)
    assert machine.usable_cores(alone) == 1
    found = machine.threads(alone)
    assert found.state == "warn"
    assert found.way_out == "export OMP_NUM_THREADS=1"


@pytest.mark.parametrize("content", ["max 100000\n", "-1\n", ""])
def test_a_container_without_a_quota_has_all_cores(alone, content):
    (alone / "cpu.max").write_text(content)
    assert machine.usable_cores(alone) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("value", ["9999", "many", "-1"])
def test_a_number_of_threads_that_no_core_is_for_is_told(alone, monkeypatch, value):
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    found = machine.threads(alone)
    assert found.state == "warn"
    assert f"NUMBA_NUM_THREADS={value}" in found.message


@pytest.mark.parametrize(("mebibytes", "state"), [(100, "fail"), (1000, "warn"), (64_000, "ok")])
def test_little_memory_is_told(tmp_path, mebibytes, state):
    information = tmp_path / "meminfo"
    information.write_text(f"MemTotal: 99 kB\nMemAvailable:   {mebibytes * 1024} kB\n")
    assert machine.memory(information, tmp_path).state == state


def test_the_memory_of_a_container_counts_if_it_is_less(tmp_path):
    (tmp_path / "meminfo").write_text("MemAvailable: 64000000 kB\n")
    (tmp_path / "memory.max").write_text(f"{2**30}\n")
    (tmp_path / "memory.current").write_text(f"{2**30 - 2**20}\n")
    assert machine.memory(tmp_path / "meminfo", tmp_path).state == "fail"


def test_this_machine_has_some_memory():
    assert "GiB" in machine.memory().message


def test_a_gpu_that_torch_was_not_built_for_is_told(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = machine.cuda()
    assert found.state == ("ok" if torch.version.cuda else "warn")
    assert (torch.version.cuda or "CUDA build of torch") in found.message + found.way_out


@pytest.mark.parametrize(
    ("flags", "state"), [("fpu sse2 avx2", "warn"), ("fpu avx512f avx512_bf16 amx_tile", "ok")]
)
def test_a_processor_without_bfloat16_is_told_how_to_train(tmp_path, monkeypatch, flags, state):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\nbugs\t\t:\n")
    found = machine.bfloat16(tmp_path / "cpuinfo")
    assert found.state == state
    assert ("precision=fp32" in found.way_out) == (state == "warn")
