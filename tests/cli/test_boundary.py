"""Failures become one line and an exit code."""

import errno

import pytest
import typer

from synthfm3d.cli.boundary import EXTRA_OF_MODULE, guarded
from synthfm3d.errors import InputError


def run(failure: BaseException | None, *arguments: str) -> int:
    """Exit code of a command line with the one command ``work``, which fails as told."""
    app = typer.Typer()

    @app.callback()
    def program() -> None: ...

    @app.command()
    def work(repeats: int = 1) -> None:
        if failure is not None:
            raise failure

    return guarded(app, ["work", *arguments])


def test_a_command_that_ends_well_has_exit_code_0():
    assert run(None) == 0


def test_a_command_may_choose_its_exit_code():
    assert run(typer.Exit(1)) == 1


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (InputError("scan.nii: not an image:\nconvert it."), "scan.nii: not an image: convert it."),
        (OSError("truncated"), "truncated"),
        (
            FileNotFoundError(errno.ENOENT, "No such file", "scan.nii"),
            "scan.nii: no such file or folder: check the path.",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "out"),
            "out: no permission: change the permissions or choose another place.",
        ),
        (
            IsADirectoryError(errno.EISDIR, "Is a directory", b"out"),
            "out: this is a folder, a file is needed: name a file.",
        ),
        (
            OSError(errno.ENOSPC, "No space left"),
            "the disk is full: free some space or choose another place.",
        ),
        (OSError(errno.EIO, "Input/output error", "scan.nii"), "scan.nii: Input/output error."),
    ],
)
def test_wrong_input_gives_one_line_and_exit_code_2(failure, line, capsys):
    assert run(failure) == 2
    output = capsys.readouterr()
    assert output.err == f"synthfm3d: {line}\n"
    assert output.out == ""


@pytest.mark.parametrize("arguments", [("--unknown",), ("--repeats", "many"), ("too", "much")])
def test_a_wrong_option_gives_one_line_and_exit_code_2(arguments, capsys):
    assert run(None, *arguments) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.endswith("see synthfm3d work --help\n")


def test_an_unexpected_failure_shows_its_traceback_and_has_exit_code_1(capsys):
    assert run(RuntimeError("a bug")) == 1
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert told.endswith("RuntimeError: a bug\n")


def test_the_traceback_of_wrong_input_can_be_asked_for(capsys, monkeypatch):
    monkeypatch.setenv("SYNTHFM3D_TRACEBACK", "1")
    assert run(InputError("odd")) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupted_command_has_exit_code_130():
    assert run(KeyboardInterrupt()) == 130


@pytest.mark.parametrize("module", EXTRA_OF_MODULE)
def test_a_missing_optional_module_names_the_extra_to_install(module, capsys):
    assert run(ModuleNotFoundError(f"No module named '{module}'", name=f"{module}.part")) == 2
    assert f"pip install 'synthfm3d[{EXTRA_OF_MODULE[module]}]'" in capsys.readouterr().err


def test_a_missing_module_that_no_extra_brings_is_a_bug(capsys):
    assert run(ModuleNotFoundError("No module named 'typo'", name="typo")) == 1
    assert "Traceback" in capsys.readouterr().err
