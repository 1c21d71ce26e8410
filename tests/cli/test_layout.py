"""The help of the command line: groups, narrow columns, and names that other programs use."""

import subprocess
import sys

import pytest
import typer

from synthfm3d.cli import application, main
from synthfm3d.cli.layout import COMMAND_GROUPS, OPTION_GROUPS, OTHER_NAMES

COMMANDS = sorted(typer.main.get_command(application()).commands)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_nothing_is_cut_off_in_80_columns(command):
    words = [sys.executable, "-m", "synthfm3d", *command.split(), "--help"]
    environment = {"COLUMNS": "80", "TERM": "dumb", "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    told = subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout
    assert "…" not in told
    assert max(map(len, told.splitlines())) <= 80


def test_every_command_is_in_a_group_of_the_help(capsys):
    grouped = {name for names in COMMAND_GROUPS.values() for name in names}
    assert set(COMMANDS) <= grouped
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert [title for title in COMMAND_GROUPS if title not in told] == []


def test_prompts_of_segment_are_a_group_of_their_own(capsys):
    assert main(["segment", "--help"]) == 0
    told = capsys.readouterr().out
    prompts = told.partition("─ Prompts ─")[2].partition("╰")[0]
    assert all(option in prompts for option in ("--point", "--negative", "--box", "--prompts"))
    assert "--jobs" not in prompts


def test_every_option_in_a_group_belongs_to_some_command():
    root = typer.main.get_command(application())
    known = {name for option in root.params for name in option.opts}
    known |= {name for command in root.commands.values() for option in command.params for name in option.opts}
    coming = {"--help"}
    assert {name for names in OPTION_GROUPS.values() for name in names} - known <= coming


@pytest.mark.parametrize(("theirs", "ours"), [("predict", "segment"), ("synthesize", "generate")])
def test_the_name_of_another_program_leads_to_ours(capsys, theirs, ours):
    assert main([theirs, "scan.nii.gz"]) == 2
    assert f"Did you mean '{ours}'? See synthfm3d --help" in capsys.readouterr().err


def test_other_names_are_not_names_of_ours():
    assert not set(OTHER_NAMES) & set(COMMANDS)
