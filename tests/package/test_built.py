"""What the sdist and the wheel hold."""

import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import synthfm3d

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def held(built):
    return zipfile.ZipFile(built.wheel).namelist()


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(held):
    source = ROOT / "src"
    files = {str(p.relative_to(source)) for p in source.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    files = {name for name in files if "__pycache__" not in name}
    assert {name for name in held if ".dist-info/" not in name} == files
    judge = "synthfm3d/model/weights/nano.judge.safetensors"
    assert {"synthfm3d/py.typed", "synthfm3d/model/weights/nano.safetensors", judge} <= files


def test_the_wheel_is_of_this_version_and_goes_on_every_machine(built, held):
    assert built.wheel.name == f"synthfm3d-{synthfm3d.__version__}-py3-none-any.whl"
    (name,) = [name for name in held if name.endswith(".dist-info/METADATA")]
    said = Parser().parsestr(zipfile.ZipFile(built.wheel).read(name).decode())
    assert said["Version"] == synthfm3d.__version__
    assert {"model", "train", "dicom", "zarr", "ray", "serve", "notebook", "remote"} <= set(
        said.get_all("Provides-Extra")
    )


def test_the_wheel_carries_all_licences(held):
    carried = {name.partition(".dist-info/licenses/")[2] for name in held if "/licenses/" in name}
    assert carried == {
        "LICENSE", "THIRD_PARTY_LICENSES.md", "src/synthfm3d/app/page/vendor/LICENSES.txt",
    }  # fmt: skip


def test_the_sdist_holds_what_a_packager_needs(built):
    with tarfile.open(built.sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {
        "PKG-INFO", "pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
        "constraints.txt", "recipes/nano.yaml", "tests/conftest.py", "src/synthfm3d/py.typed",
    } <= names  # fmt: skip
    assert not [name for name in names if "__pycache__" in name or name.startswith((".git/", ".venv"))]
