"""The shape of the package: layers, weight of an import."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

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
