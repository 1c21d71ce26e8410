"""Pages of the documentation, taken at their word: their blocks of code are found, checked and run.

A comment directly above a block tells a test what a reader knows by himself; its parts are separated by
semicolons:

``<!-- test: file NAME -->``
    The block is the content of a file of this name.
``<!-- test: -n 10000 => -n 4; --shape 32,128,128 => --shape 8,32,32 -->``
    The block runs with the left words replaced by the right ones: at a size for tests.
``<!-- test: dry-run -->``
    Every ``synthfm3d`` command of the block gets ``--dry-run``.
``<!-- test: exit 1 -->``
    The last command of the block ends with this code at the size of a test.
``<!-- test: shell -->``
    The whole block is one script of the shell, pipes and variables included.
``<!-- test: not run: REASON -->``
    The block cannot run here. It is still parsed; its commands must have the options that they use.
"""

import ast
import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import typer
import yaml

from synthfm3d.cli import application, main
from synthfm3d.cli.boundary import EXTRA_OF_MODULE

ROOT = Path(__file__).parents[1]
LANGUAGES = ("sh", "python", "yaml", "json", "nginx", "text")
"""``text`` is what a program prints, or a picture made of letters: nothing to run."""
ADDRESS = "http://127.0.0.1:8765"
"""Where ``synthfm3d serve`` listens if nothing else is said; tests take any free port."""
_BLOCK = re.compile(
    r"(?:^[ ]*<!-- test: (?P<test>[^\n]*) -->\n)?"
    r"^(?P<indent>[ ]*)```(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block of a page, and what the comment above it says to a test."""

    language: str
    text: str
    line: int
    file: str | None = None
    replaced: tuple[tuple[str, str], ...] = ()
    dry_run: bool = False
    shell: bool = False
    code: int = 0
    not_run: str | None = None

    @property
    def small(self) -> str:
        """The text at the size of a test."""
        text = self.text
        for large, little in self.replaced:
            assert large in text, f"line {self.line}: {large!r}, which a test would replace, is not there."
            text = text.replace(large, little)
        return text


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page in order; directives of the site (``{toctree}``) are none."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        if match["language"].startswith("{"):
            continue
        line = text.count("\n", 0, match.start("language")) + 1
        indent = len(match["indent"])
        body = "".join(row[indent:] for row in match["text"].splitlines(keepends=True))
        found.append(Block(language=match["language"], text=body, line=line, **_told(match["test"], line)))
    assert text.count("<!-- test:") == sum(m["test"] is not None for m in _BLOCK.finditer(text)), (
        f"{page}: a comment for tests stands above no block."
    )
    return found


def _told(comment: str | None, line: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if comment is not None and comment.startswith("not run: "):
        return {"not_run": comment.removeprefix("not run: ")}
    for part in (comment or "").split("; ") if comment else ():
        if part.startswith("file "):
            told["file"] = part.removeprefix("file ")
        elif " => " in part:
            large, _, little = part.partition(" => ")
            told["replaced"] = (*told.get("replaced", ()), (large, little))
        elif re.fullmatch(r"exit \d", part):
            told["code"] = int(part.removeprefix("exit "))
        elif part in ("dry-run", "shell"):
            told[part.replace("-", "_")] = True
        else:
            raise AssertionError(f"line {line}: a test understands no {part!r}.")
    return told


# --- what a command is ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Command:
    """A line of the shell: variables before it, its words, and the file that takes what it prints."""

    words: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    output: str | None = None

    @property
    def ours(self) -> tuple[str, ...] | None:
        """The words after ``synthfm3d``, however it is started; None for another program."""
        for start in (
            ("synthfm3d",),
            ("python", "-m", "synthfm3d"),
            ("accelerate", "launch", "-m", "synthfm3d"),
        ):
            if self.words[: len(start)] == start:
                return self.words[len(start) :]
        return None


def commands_of(text: str) -> list[Command]:
    """The commands of a block of shell; comments, and lines for SLURM, are none."""
    commands = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        for part in _split(words, "&&"):
            variables = []
            while part and re.fullmatch(r"[A-Z_0-9]+=.*", part[0]):
                name, _, value = part.pop(0).partition("=")
                variables.append((name, value))
            output = None
            if ">" in part:
                part, output = part[: part.index(">")], part[part.index(">") + 1]
            if part:
                commands.append(Command(words=tuple(part), variables=tuple(variables), output=output))
    return commands


def _split(words: Sequence[str], at: str) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word == at:
            yield part
            part = []
        else:
            part.append(word)
    if part:
        yield part


def check_words(words: Sequence[str]) -> None:
    """Let the command line take its words apart, and do nothing with them; AssertionError if it cannot."""
    command = typer.main.get_command(application())
    rest = list(words)
    while hasattr(command, "commands") and rest and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    assert command.name is None or not hasattr(command, "commands") or command.invoke_without_command, words
    try:
        with command.make_context(" ".join(words[:1]), rest):
            pass
    except typer.Exit:  # --help, --version
        pass
    except typer.TyperException as error:
        raise AssertionError(f"synthfm3d {shlex.join(words)}: {error.format_message()}") from None


def check_block(block: Block) -> None:
    """All that can be said of a block without running it."""
    assert block.language in LANGUAGES, (
        f"line {block.line}: language {block.language!r}: take one of {LANGUAGES}."
    )
    _ = block.small
    match block.language:
        case "python":
            ast.parse(block.text)
        case "json":
            json.loads(block.text)
        case "yaml":
            yaml.safe_load(block.text)
        case "nginx":
            assert block.not_run or block.file, f"line {block.line}: say why it is not run."
        case "sh" if not block.shell:
            for command in commands_of(block.text):
                if block.file is None or command.ours is not None:
                    _check_command(command, block.line)


def _check_command(command: Command, line: int) -> None:
    if command.ours is not None:
        check_words([word for word in command.ours if not re.fullmatch(r"\$\w+", word)])
        return
    program = command.words[0]
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        assert set(command.words[1:]) <= set(targets), f"line {line}: make has {targets}."
    elif program == "pip":
        extras = set(re.findall(r"\[([\w,]+)\]", " ".join(command.words)))
        known = {*EXTRA_OF_MODULE.values(), "all", "dev", "train", "bench", "docs"}
        assert {extra for group in extras for extra in group.split(",")} <= known, f"line {line}: {extras}."
    else:
        assert program in OTHER_PROGRAMS, f"line {line}: no test knows what {program} does."


OTHER_PROGRAMS = (
    "accelerate",
    "bash",
    "cd",
    "git",
    "nnUNetv2_plan_and_preprocess",
    "pytest",
    "python",
    "ray",
    "sbatch",
    "tensorboard",
)


# --- working through a page -------------------------------------------------------------------------


class Reader:
    """Works through a page from top to bottom in the present folder, as a reader would.

    Blocks of Python share their names. ``/data`` and other places of a cluster lie below the folder.
    """

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__page__"}
        self._servers = contextlib.ExitStack()
        self._address = ADDRESS

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._servers.close()

    def run(self, block: Block) -> None:
        """Do what a block says; AssertionError names its line where it goes wrong."""
        if block.not_run is not None:
            return
        text = _below_here(block.small).replace(ADDRESS, self._address)
        if block.file is not None:
            path = Path(block.file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif block.language == "python":
            exec(compile("\n" * block.line + text, "page.md", "exec"), self.names)
        elif block.language == "sh" and block.shell:
            self._shell(["bash", "-euo", "pipefail", "-c", text], block)
        elif block.language == "sh":
            commands = commands_of(text)
            for number, command in enumerate(commands, start=1):
                self._run(command, block, block.code if number == len(commands) else 0)

    def _run(self, command: Command, block: Block, expected: int) -> None:
        words = command.ours
        if words is None:
            if command.words[0] == "sbatch":
                self._sbatch(Path(command.words[-1]), block)
            elif command.words[0] in ("python", "bash"):
                self._shell(
                    [sys.executable if command.words[0] == "python" else "bash", *command.words[1:]], block
                )
            return
        if words[:1] == ("serve",):
            self._serve(words, command.variables)
            return
        extra = ["--dry-run"] if block.dry_run else []
        with contextlib.ExitStack() as stack:
            if command.output is not None:
                file = stack.enter_context(Path(command.output).open("w", encoding="utf-8"))
                stack.enter_context(contextlib.redirect_stdout(file))
            code = main([*words, *extra])
        assert code == expected, f"line {block.line}: synthfm3d {shlex.join(words)} ended with {code}."

    def _serve(self, words: Sequence[str], variables: Sequence[tuple[str, str]]) -> None:
        """Start the server beside the page; what follows on the page calls it."""
        self._servers.close()
        command = [sys.executable, "-m", "synthfm3d", *words, "--port", "0", "--quiet"]
        environment = {**os.environ, "SYNTHFM3D_TOKEN": "", **dict(variables)}
        server = self._servers.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        )
        self._servers.callback(server.terminate)
        self._address = server.stdout.readline().split()[1].partition("#")[0].rstrip("/")
        assert httpx.get(f"{self._address}/healthz", headers=_bearer(dict(variables))).status_code == 200

    def _sbatch(self, script: Path, block: Block) -> None:
        """Every task of a job array, one after the other, as SLURM would start it."""
        array = re.search(r"^#SBATCH --array=(\d+)-(\d+)", script.read_text(), flags=re.MULTILINE)
        tasks = range(int(array[1]), int(array[2]) + 1) if array else [0]
        for task in tasks:
            self._shell(["bash", "-euo", "pipefail", str(script)], block, SLURM_ARRAY_TASK_ID=str(task))

    def _shell(self, words: Sequence[str], block: Block, **variables: str) -> None:
        programs = Path("bin-of-the-reader")
        programs.mkdir(exist_ok=True)
        for name, call in (("synthfm3d", "-m synthfm3d"), ("python", "")):
            (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {call} "$@"\n')
            (programs / name).chmod(0o755)
        path = f"{programs.resolve()}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            words, check=False, capture_output=True, text=True, env={**os.environ, "PATH": path, **variables}
        )
        assert done.returncode == 0, f"line {block.line}: {shlex.join(words)}: {done.stdout}{done.stderr}"


def _bearer(variables: dict[str, str]) -> dict[str, str]:
    token = variables.get("SYNTHFM3D_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _below_here(text: str) -> str:
    return re.sub(r"(?<![\w./])/(data|scratch|shared)/", r"\1/", text)
