"""Folders and files: each is really not writable, full, missing or damaged."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

import pytest

from synthfm3d.pipeline.doctor import folders

NOWHERE = Path("/proc/self")
"""Here nobody can write, the administrator neither."""


@pytest.fixture
def another_temporary_folder(monkeypatch):
    """Python looks for its temporary folder anew."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    return monkeypatch


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a disk of so many MiB."""
    mounted = []

    def mount(size):
        disk = tmp_path / f"disk{size}"
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(disk)]
        if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
            pytest.skip("needs the right to mount a file system")
        mounted.append(disk)
        return disk

    yield mount
    for disk in mounted:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_working_folder_where_nobody_may_write_fails(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert folders.working_folder().state == "ok"
    assert list(tmp_path.iterdir()) == []
    monkeypatch.chdir(NOWHERE)
    assert folders.working_folder().state == "fail"


def test_a_temporary_folder_that_cannot_be_written_is_told(another_temporary_folder, tmp_path):
    another_temporary_folder.setenv("TMPDIR", str(tmp_path))
    assert folders.temporary_folder().state == "ok"
    another_temporary_folder.setattr(tempfile, "tempdir", None)
    another_temporary_folder.setenv("TMPDIR", str(NOWHERE))
    found = folders.temporary_folder()
    assert found.state == "warn"
    assert str(NOWHERE) in found.message


@pytest.mark.parametrize(("mebibytes", "state"), [(20, "fail"), (500, "warn"), (4000, "ok")])
def test_a_small_disk_is_told(small_disk, mebibytes, state):
    assert folders.disk(small_disk(mebibytes)).state == state


@pytest.mark.parametrize(("cache", "state"), [("kernels", "ok"), (str(NOWHERE), "warn")])
def test_a_cache_of_kernels_that_cannot_be_written_is_told(tmp_path, cache, state):
    program = "from synthfm3d.pipeline.doctor import folders; print(folders.kernel_cache().state)"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / cache)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == state


@pytest.fixture
def weights(tmp_path):
    """A copy of the default model's weights."""
    return shutil.copytree(Path(str(files("synthfm3d.model"))) / "weights", tmp_path / "weights")


def test_the_weights_in_the_package_are_those_of_its_record(weights):
    """Fails when the default model changes: sha256sum nano.safetensors > nano.sha256."""
    assert folders.weights().state == "ok"
    assert folders.weights(weights).state == "ok"


def test_damaged_weights_fail(weights):
    with (weights / "nano.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    found = folders.weights(weights)
    assert found.state == "fail"
    assert "damaged" in found.message


@pytest.mark.parametrize("name", ["nano.safetensors", "nano.sha256"])
def test_missing_weights_fail(weights, name):
    (weights / name).unlink()
    found = folders.weights(weights)
    assert found.state == "fail"
    assert name in found.message
    assert "--force-reinstall" in found.way_out


def test_samples_that_are_not_there_fail(monkeypatch, tmp_path):
    monkeypatch.delenv("SYNTHFM3D_SAMPLES", raising=False)
    assert folders.samples().state == "ok"
    monkeypatch.setenv("SYNTHFM3D_SAMPLES", str(tmp_path))
    assert folders.samples().state == "ok"
    monkeypatch.setenv("SYNTHFM3D_SAMPLES", str(tmp_path / "none"))
    assert folders.samples().state == "fail"


def test_a_browser_that_is_no_program_is_told_in_a_checkout(monkeypatch, tmp_path):
    if "checkout only" in folders.browser().message:
        pytest.skip("the package is not that of a checkout")
    monkeypatch.setenv("SYNTHFM3D_CHROMIUM", str(tmp_path / "none"))
    assert folders.browser().state == "warn"
    monkeypatch.delenv("SYNTHFM3D_CHROMIUM")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert folders.browser().way_out == "apt-get install chromium"


def test_without_the_package_of_any_store_the_stores_are_told():
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['s3fs', 'gcsfs', 'huggingface_hub']));"
        "from synthfm3d.pipeline.doctor import folders; found = folders.stores();"
        "print(found.state, found.message)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("warn s3:// needs s3fs")
