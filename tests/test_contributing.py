"""Everything that CONTRIBUTING.md tells to do or to look at is there and works."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import synthfm3d
from synthfm3d.cli import main

ROOT = Path(__file__).parents[1]
PACKAGE = Path(synthfm3d.__file__).parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


def commands(first):
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [words for words in lines if words and words[0] == first]


def test_the_picture_of_the_layers_is_the_contract_that_is_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    assert [block.splitlines() for block in blocks("layers")] == [contract["layers"]]


def test_every_target_of_make_is_there():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = {words[1] for words in commands("make")}
    assert named
    assert named <= set(targets)


def test_every_file_and_folder_that_is_named_is_there():
    named = set(re.findall(r"`((?:src|tests|tools|\.ci)/[\w./-]+)`", TEXT))
    named |= set(re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT))
    assert len(named) > 20
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_every_name_of_the_code_that_is_mentioned_is_there():
    sources = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    sources += (ROOT / "tests" / "rendering" / "test_determinism.py").read_text(encoding="utf-8")
    names = set(re.findall(r"`([A-Za-z_]*[A-Z_][A-Za-z_]*)`", TEXT))
    assert {"PromptableModel", "GENERATOR_VERSION", "EXTRA_OF_MODULE", "format_of"} <= names
    missing = {name for name in names if not re.search(rf"\b{name}\b", sources)}
    assert missing <= {"CHANGELOG", "YYYY"}


def test_only_commands_that_are_tested_here_are_told():
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    told = {line.split()[0] for line in text.splitlines() if line.strip()}
    assert told == {"make", "synthfm3d", "python"}


@pytest.mark.slow
def test_every_command_of_the_program_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNTHFM3D_SAMPLES", raising=False)
    for _, *words in commands("synthfm3d"):
        assert main(words) == 0, (words, capsys.readouterr().err)
    assert (tmp_path / "gallery" / "ct.png").is_file()
    assert (tmp_path / "again" / "contact_sheet.png").is_file()


def test_every_python_command_finds_what_it_is_given():
    for _, *words in commands("python"):
        if words[:2] == ["-m", "pytest"]:
            command = [sys.executable, *words, "--collect-only", "-q"]
            environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
            done = subprocess.run(
                command, cwd=ROOT, check=False, capture_output=True, text=True, env=environment
            )
            assert "test_volumes_are_those_of_this_generator_version" in done.stdout, done.stdout
        else:
            assert (ROOT / words[0]).is_file(), words
