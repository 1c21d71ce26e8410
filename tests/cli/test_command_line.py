"""The whole command line answers at once, for it imports little, and knows its commands."""

import json
import subprocess
import sys

import pytest

import synthfm3d
from synthfm3d.cli import main

COMMANDS = ["generate", "verify", "inspect", "export", "show", "gallery", "statistics"]
COMMANDS += ["train", "segment", "serve", "evaluate", "datasets", "reproduce", "demo", "doctor"]
HEAVY = ["torch", "numba", "numpy", "blosc2", "nibabel", "scipy", "skimage", "pydantic", "yaml", "jinja2"]


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
