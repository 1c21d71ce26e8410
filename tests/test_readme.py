"""Every command and every line of Python in the README runs."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from synthfm3d.cli import main
from synthfm3d.io.example import read_example
from synthfm3d.io.nifti import write_nifti

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def _commands():
    text = "\n".join(_blocks("sh")).replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a scan, and the recipes where the README has them."""
    folder = tmp_path_factory.mktemp("readme")
    write_nifti(folder / "scan.nii.gz", read_example())
    (folder / "recipes").symlink_to(ROOT / "recipes")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def test_the_two_commands_of_the_first_screen_are_targets_of_the_makefile():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    made = [words[1] for words in _commands() if words[0] == "make"]
    assert made == ["demo", "test"]
    assert set(made) <= set(targets)


@pytest.mark.slow
def test_every_command_runs(workplace, capsys):
    commands = [words[1:] for words in _commands() if words[0] == "synthfm3d" and words[1] != "serve"]
    assert {words[0] for words in commands} == {
        "generate", "verify", "inspect", "export", "show", "gallery", "statistics",
        "segment", "evaluate", "train",
    }  # fmt: skip
    for words in commands:
        # Training takes an hour; its plan is made from the same recipe and settings.
        extra = ["--dry-run"] if words[0] == "train" else []
        assert main([*words, *extra]) == 0, (words, capsys.readouterr().err)
    assert (workplace / "out" / "contact_sheet.png").is_file()
    assert (workplace / "mask.nii.gz").is_file()
    assert (workplace / "report" / "report.html").is_file()


@pytest.mark.slow
def test_the_server_of_the_readme_starts_and_shows_the_scan(workplace):
    (words,) = [words for words in _commands() if words[:2] == ["synthfm3d", "serve"]]
    command = [sys.executable, "-m", *words, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().split()[1]
            assert httpx.get(f"{address}api/files").json()["scans"][0]["name"] == "scan.nii.gz"
        finally:
            server.terminate()


@pytest.mark.slow
def test_every_block_of_python_runs(workplace):
    for block in _blocks("python"):
        exec(compile(block, "README.md", "exec"), {})
    assert (workplace / "mask.nii.gz").is_file()


def test_pictures_and_files_that_the_readme_links_exist():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert missing == []
