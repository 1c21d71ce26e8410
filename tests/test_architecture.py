"""The shape of the package: layers, weight of an import, contents of the wheel."""

import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_imports_point_downwards():
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_torchvision_is_not_installed():
    # Its wheel beside a CPU torch breaks the import of transformers' SAM 2.
    assert importlib.util.find_spec("torchvision") is None


def test_importing_the_package_imports_only_itself():
    program = (
        "import json, sys; before = set(sys.modules); import synthfm3d;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == ["synthfm3d"]


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(tmp_path):
    # From a copy, since the build leaves files beside the sources.
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, checkout)
    shutil.copytree(ROOT / "src", checkout / "src", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            tmp_path,
            checkout,
        ],
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("synthfm3d/")}
    source = checkout / "src"
    assert held == {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert "synthfm3d/py.typed" in held
