"""Options and words that all commands share."""

import json

import pytest
import typer

from synthfm3d.cli.boundary import guarded
from synthfm3d.cli.common import (
    AsJson,
    Device,
    DryRun,
    Quiet,
    Seed,
    examples,
    print_json,
    progress,
    say,
)


def options_of(*arguments: str) -> dict[str, object] | None:
    """What a command with all shared options receives; None if it is not run."""
    received: dict[str, object] = {}
    app = typer.Typer()

    @app.command(epilog=examples("work [a] --seed 1"))
    def work(
        seed: Seed = 0,
        device: Device = "auto",
        as_json: AsJson = False,
        quiet: Quiet = False,
        dry_run: DryRun = False,
    ) -> None:
        received.update(seed=seed, device=device, as_json=as_json, quiet=quiet, dry_run=dry_run)

    guarded(app, list(arguments))
    return received or None


def test_shared_options_have_their_defaults():
    assert options_of() == {
        "seed": 0,
        "device": "auto",
        "as_json": False,
        "quiet": False,
        "dry_run": False,
    }


def test_shared_options_are_spelled_alike_everywhere():
    assert options_of("--seed", "7", "--device", "cuda:1", "--json", "-q", "--dry-run") == {
        "seed": 7,
        "device": "cuda:1",
        "as_json": True,
        "quiet": True,
        "dry_run": True,
    }


@pytest.mark.parametrize(
    ("option", "value"),
    [("--seed", "-1"), ("--device", "tpu"), ("--device", "cuda:"), ("--device", "cpux")],
)
def test_an_impossible_value_names_its_option(option, value, capsys):
    assert options_of(option, value) is None
    assert option in capsys.readouterr().err


def test_examples_appear_in_the_help_as_they_were_written(capsys):
    options_of("--help")
    assert "work [a] --seed 1" in capsys.readouterr().out


def test_words_go_to_stderr_and_results_to_stdout(capsys):
    say("reading [b]scan[/b].nii")
    print_json({"dice": 0.5, "name": "Nière"})
    output = capsys.readouterr()
    assert output.err == "reading [b]scan[/b].nii\n"
    assert json.loads(output.out) == {"dice": 0.5, "name": "Nière"}


def test_a_long_line_is_not_broken(capsys):
    say("word " * 100)
    assert capsys.readouterr().err.count("\n") == 1


def test_quiet_says_nothing(capsys):
    say("reading", quiet=True)
    with progress("Rendering", 3, quiet=True, forced=True) as advance:
        advance()
    assert capsys.readouterr().err == ""


def test_progress_is_silent_where_stderr_is_no_terminal(capsys):
    with progress("Rendering", 3) as advance:
        advance()
    assert capsys.readouterr().err == ""


def test_forced_progress_shows_title_steps_and_note(capsys):
    with progress("Rendering", 3, forced=True) as advance:
        advance()
        advance(2, "loss 0.25")
    output = capsys.readouterr()
    assert output.out == ""
    assert "Rendering" in output.err
    assert "3/3" in output.err
    assert "loss 0.25" in output.err
