"""The wheel in environments of its own: the core, and each extra alone, does what it is for."""

import json
import os
import subprocess
import sys

import httpx
import pytest
from extras import COMMANDS, IN_PYTHON, make_workplace, words
from wheel_environment import install

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """(where commands run, where environments are made, what Numba compiled)."""
    folder = tmp_path_factory.mktemp("extras")
    (folder / "work").mkdir()
    return make_workplace(folder / "work"), folder / "environment", folder / "numba"


@pytest.mark.parametrize("extra", COMMANDS, ids=[extra or "core" for extra in COMMANDS])
def test_the_wheel_with_one_extra_does_what_the_extra_is_for(built, places, extra):
    work, environment, compiled = places
    python = install(built.wheel, extra, environment)
    own = {**os.environ, "NUMBA_CACHE_DIR": str(compiled), "PYTHONWARNINGS": "error::ImportWarning"}
    own.pop("PYTHONPATH", None)
    if extra in IN_PYTHON:
        subprocess.run([python, "-c", IN_PYTHON[extra]], cwd=work, env=own, check=True, timeout=300)
    for line in () if extra == "dicom" else COMMANDS[extra]:  # to segment needs [model], too
        command = [python, "-m", "synthfm3d", *words(line)]
        if extra == "serve":
            _serve(command, work, own)
            continue
        done = subprocess.run(command, cwd=work, env=own, check=False, capture_output=True, text=True)
        assert done.returncode == 0, (line, done.stderr)
        assert "Traceback" not in done.stderr
    _is_alone(python, work, own, extra)


def _serve(command, work, environment):
    with subprocess.Popen(command, cwd=work, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().split()[1]
            assert httpx.get(f"{address}healthz").json()["status"] == "ok"
            assert "vendor/niivue.umd.js" in httpx.get(address).text
            assert httpx.get(f"{address}vendor/niivue.umd.js").status_code == 200
        finally:
            server.terminate()


def _is_alone(python, work, environment, extra):
    """What was tried came from the wheel, and no package of another extra was there to help."""
    program = (
        "import json, importlib.util as u, synthfm3d;"
        "from synthfm3d.cli.boundary import EXTRA_OF_MODULE as E;"
        "print(json.dumps([synthfm3d.__file__, [m for m in E if u.find_spec(m)]]))"
    )
    # -P: a folder of the workplace with the name of a module would pass for it.
    command = [python, "-P", "-c", program]
    done = subprocess.run(command, cwd=work, env=environment, check=True, capture_output=True)
    place, there = json.loads(done.stdout)
    assert place.startswith(str(python.parents[1]))
    from synthfm3d.cli.boundary import EXTRA_OF_MODULE

    expected = {"": set(), "train": {"model", "train"}, "serve": {"model", "serve"}}.get(extra, {extra})
    # What an extra's own packages bring: the hub's client asks for fsspec.
    brought = {"fsspec"} if "model" in expected else set()
    assert {EXTRA_OF_MODULE[module] for module in set(there) - brought} == expected


def test_the_console_script_is_the_module(built, places):
    work, environment, _ = places
    install(built.wheel, "", environment)
    by_script = subprocess.run(
        [environment / "bin" / "synthfm3d", "--version"], cwd=work, check=True, capture_output=True
    )
    by_module = subprocess.run(
        [environment / "bin" / "python", "-m", "synthfm3d", "--version"], check=True, capture_output=True
    )
    assert by_script.stdout == by_module.stdout != b""
    assert sys.prefix not in by_script.stdout.decode()
