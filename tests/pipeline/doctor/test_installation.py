"""What is installed: each trouble is made for real, in a folder of packages that Python is sent to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import synthfm3d
from synthfm3d.pipeline.doctor import installation

SOURCES = Path(synthfm3d.__file__).parents[1]


@pytest.fixture
def packages(tmp_path):
    """Lays the metadata of packages where ``synthfm3d doctor`` looks first; tells what it then finds."""

    class Packages:
        folder = tmp_path / "packages"

        def add(self, name, version, *requirements, **files):
            information = self.folder / f"{name}-{version}.dist-info"
            information.mkdir(parents=True)
            lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
            extras = {line.partition("extra == ")[2].strip("'") for line in requirements if "extra" in line}
            lines += [f"Provides-Extra: {extra}" for extra in sorted(extras)]
            lines += [f"Requires-Dist: {line}" for line in requirements]
            (information / "METADATA").write_text("\n".join(lines) + "\n")
            for file, content in files.items():
                (information / file.replace("_json", ".json")).write_text(content)

        def finds(self, check):
            program = (
                "import json; from dataclasses import asdict;"
                "from synthfm3d.pipeline.doctor import installation;"
                f"found = installation.{check}();"
                "found = found if isinstance(found, list) else [found];"
                "print(json.dumps([asdict(f) for f in found]))"
            )
            environment = {**os.environ, "PYTHONPATH": f"{self.folder}{os.pathsep}{SOURCES}"}
            command = [sys.executable, "-c", program]
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            return json.loads(done.stdout)

    return Packages()


def test_sources_that_are_not_those_that_pip_knows_are_told(packages):
    packages.add("synthfm3d", synthfm3d.__version__)
    (found,) = packages.finds("sources")
    assert found["state"] == "warn"
    assert str(SOURCES) in found["message"]
    assert "PYTHONPATH" in found["way_out"]


def test_an_editable_installation_of_an_older_version_is_told(packages):
    origin = {"url": SOURCES.parent.as_uri(), "dir_info": {"editable": True}}
    packages.add("synthfm3d", "0.0.1", direct_url_json=json.dumps(origin))
    if SOURCES.name != "src":
        pytest.skip("the sources are those of a wheel, not of a checkout")
    (found,) = packages.finds("sources")
    assert found["state"] == "warn"
    assert "0.0.1" in found["message"]


def test_a_missing_and_an_old_package_of_the_core_fail(packages):
    packages.add("synthfm3d", "1", "numpy>=99", "no-such-package>=1", "pyyaml>=6")
    (found,) = packages.finds("core_packages")
    assert found["state"] == "fail"
    assert "no-such-package is missing" in found["message"]
    assert ">=99 is needed" in found["message"]
    assert "pyyaml" not in found["message"]


def test_too_old_a_transformers_fails_and_the_way_out_upgrades_it(packages):
    packages.add("synthfm3d", "1", "transformers>=5.17; extra == 'model'")
    packages.add("transformers", "4.57.0")
    (found,) = packages.finds("extras")
    assert found["state"] == "fail"
    assert "transformers 4.57.0 is installed, >=5.17 is needed" in found["message"]
    assert found["way_out"] == "pip install -U 'synthfm3d[model]'"


def test_an_extra_is_whole_missing_or_in_part(packages):
    packages.add(
        "synthfm3d", "1", "pyyaml; extra == 'whole'", "no-such-a; extra == 'missing'",
        "pyyaml; extra == 'grown'", "no-such-b; extra == 'grown'",
        "numpy; extra == 'part'", "no-such-c; extra == 'part'", "no-such-d; extra == 'dev'",
    )  # fmt: skip
    found = {finding["check"]: finding for finding in packages.finds("extras")}
    assert {check: finding["state"] for check, finding in found.items()} == {
        "extra whole": "ok", "extra missing": "ok", "extra grown": "ok", "extra part": "warn",
    }  # fmt: skip
    assert "pip install 'synthfm3d[missing]'" in found["extra missing"]["message"]
    # Of what it asks for, only what the extra "whole" brought is there.
    assert "not installed" in found["extra grown"]["message"]
    assert "no-such-c" in found["extra part"]["message"]


@pytest.mark.parametrize(
    ("torchvision", "torch", "state"),
    [("0.28.0", "2.13.0+cpu", "warn"), ("0.28.0+cpu", "2.13.0+cpu", "ok"), ("0.28.0", "2.13.0", "ok")],
)
def test_torchvision_of_another_build_than_torch_is_warned_of(packages, torchvision, torch, state):
    packages.add("torchvision", torchvision)
    packages.add("torch", torch)
    (found,) = packages.finds("torchvision")
    assert found["state"] == state
    assert ("pip uninstall torchvision" in found["way_out"]) == (state == "warn")


def test_a_command_of_another_environment_is_told(tmp_path, monkeypatch):
    other = tmp_path / "synthfm3d"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = installation.command()
    assert found.state == "warn"
    assert str(other) in found.message


def test_no_command_at_all_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "python -m synthfm3d" in installation.command().way_out
