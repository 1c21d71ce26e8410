"""Shell completion: the scripts do their work in real shells, and install themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import synthfm3d

SOURCES = Path(synthfm3d.__file__).parents[1]


@pytest.fixture
def shell(tmp_path):
    """Runs lines in a shell whose path has a command ``synthfm3d``, with an empty home."""
    command = tmp_path / "bin" / "synthfm3d"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m synthfm3d "$@"\n')
    command.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local"),
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(SOURCES),
    }

    def run(name, lines):
        if shutil.which(name) is None:
            pytest.skip(f"needs {name}")
        flags = ["-f"] if name == "zsh" else ["--norc"] if name == "bash" else ["--no-config"]
        done = subprocess.run(
            [name, *flags, "-c", lines], env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.home = home
    return run


def test_bash_completes_a_command(shell):
    lines = (
        "source <(_SYNTHFM3D_COMPLETE=source_bash synthfm3d); COMP_WORDS=(synthfm3d seg); COMP_CWORD=1;"
        '_synthfm3d_completion synthfm3d; echo "${COMPREPLY[@]}"'
    )
    assert shell("bash", lines).split() == ["segment"]


def test_bash_completes_an_option(shell):
    lines = (
        "source <(_SYNTHFM3D_COMPLETE=source_bash synthfm3d); COMP_WORDS=(synthfm3d doctor --fu);"
        'COMP_CWORD=2; _synthfm3d_completion synthfm3d; echo "${COMPREPLY[@]}"'
    )
    assert shell("bash", lines).split() == ["--full"]


def test_zsh_completes_a_command_and_says_what_it_does(shell):
    # _arguments draws the menu of an interactive zsh; here it prints what it is given.
    lines = (
        'compdef() { :; }; _arguments() { print -r -- "$@" };'
        "source <(_SYNTHFM3D_COMPLETE=source_zsh synthfm3d);"
        "words=(synthfm3d seg); CURRENT=2; _synthfm3d_completion"
    )
    told = shell("zsh", lines)
    assert '"segment":"Segment objects of a scan' in told
    assert "generate" not in told


def test_fish_completes_a_command_and_says_what_it_does(shell):
    lines = '_SYNTHFM3D_COMPLETE=source_fish synthfm3d | source; complete --do-complete "synthfm3d seg"'
    told = shell("fish", lines)
    assert told.startswith("segment\tSegment objects of a scan")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("bash", ".bash_completions/synthfm3d.sh"),
        ("zsh", ".zfunc/_synthfm3d"),
        ("fish", ".config/fish/completions/synthfm3d.fish"),
    ],
)
def test_completion_installs_itself_for_the_shell_that_asks(shell, name, file):
    # A second command, so that the shell stays the parent of the first.
    told = shell(name, "synthfm3d --install-completion; echo done")
    assert f"{name} completion installed" in told
    assert "_SYNTHFM3D_COMPLETE" in (shell.home / file).read_text()


def test_an_installed_completion_works_in_the_next_bash(shell):
    shell("bash", "synthfm3d --install-completion; echo done")
    lines = (
        "source ~/.bashrc; COMP_WORDS=(synthfm3d doc); COMP_CWORD=1;"
        '_synthfm3d_completion synthfm3d; echo "${COMPREPLY[@]}"'
    )
    assert shell("bash", lines).split() == ["doctor"]
