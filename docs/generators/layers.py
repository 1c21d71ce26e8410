"""The picture of the layers, from the contract of import-linter in pyproject.toml."""

import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def lines() -> list[str]:
    """The layers from the top, siblings on one line: ``"model | io | shards"``."""
    contracts = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    found: list[str] = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return found


def markdown() -> str:
    """A block of text."""
    return "```text\n" + "\n".join(lines()) + "\n```\n"
