"""The whole command line answers at once and knows its commands."""

import json
import subprocess
import sys
import time

import pytest

import synthfm3d
from synthfm3d.cli import main

COMMANDS = ["generate", "verify", "inspect", "export", "show", "gallery", "statistics"]
COMMANDS += ["train", "segment", "serve", "evaluate", "datasets", "reproduce", "demo", "doctor"]
HEAVY = ["torch", "numba", "blosc2", "nibabel", "scipy", "skimage", "pydantic"]


def test_help_answers_in_under_one_and_a_half_seconds():
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "synthfm3d", "--help"], check=True, capture_output=True)
        return time.perf_counter() - start

    # The first start may compile bytecode, and the machine may be busy.
    assert min(seconds() for _ in range(3)) < 1.5


def test_help_imports_nothing_heavy():
    program = (
        "import json, sys; from synthfm3d.cli import main; main(['--help']);"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    imported = json.loads(done.stderr)
    assert "typer" in imported
    assert not set(HEAVY) & set(imported)


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in told] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command, capsys):
    assert main([command, "--help"]) == 0
    told = capsys.readouterr().out
    assert "Examples" in told
    assert f"synthfm3d {command}" in told.partition("Examples")[2]


def test_no_command_means_help(capsys):
    assert main([]) == 0
    assert "Usage: synthfm3d" in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"synthfm3d {synthfm3d.__version__}\n"


def test_an_unknown_command_is_wrong_input(capsys):
    assert main(["segmen"]) == 2
    assert "'segment'" in capsys.readouterr().err
