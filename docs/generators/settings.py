"""Every setting of the YAML files as Markdown: from the JSON Schema that ``--schema`` prints.

What a setting means stands in the docstring of its dataclass, under ``Parameters``, or of one that it
inherits from.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

from synthfm3d.cli.settings import settings_schema
from synthfm3d.pipeline.reproduction_config import ReproductionConfig
from synthfm3d.synthesis.settings import SynthesisSettings
from synthfm3d.training.families import FAMILIES

KINDS: dict[str, type] = {
    "volumes": SynthesisSettings,
    **{name: family.config_type for name, family in FAMILIES.items()},
    "reproduction": ReproductionConfig,
}
"""What can be written as YAML, by the name that pages ask for it."""


def names(kind: str) -> list[str]:
    """Every setting of a kind, as ``--set`` names it: ``anatomy.organs``."""
    return [name for name, _, _ in _settings(kind)]


def markdown(kind: str) -> str:
    """A table for each group of settings, under the dotted name of the group."""
    schema = settings_schema(KINDS[kind])
    classes = {found.__name__: found for found in _classes(KINDS[kind])}
    parts = []
    for path, group in _groups(schema, schema, ()):
        found = classes[group["title"]] if "title" in group else None
        parts.append(f"### {'.'.join(path) or 'At the top'}")
        if found is not None:
            parts.append(_prose(_words(found)))
        parts.append(_table(path, group, schema, _meanings(found) if found else {}))
    return "\n\n".join(parts) + "\n"


def _table(
    path: tuple[str, ...], group: dict[str, Any], schema: dict[str, Any], meanings: dict[str, str]
) -> str:
    rows = ["| setting | type | default | |", "|---|---|---|---|"]
    for name, setting in group["properties"].items():
        if _inner(setting, schema) is not None:
            where = ".".join((*path, name))
            rows.append(f"| `{name}` | settings of their own: `{where}` | | {meanings.get(name, '')} |")
            continue
        default = f"`{_plain(setting['default'])}`" if "default" in setting else "required"
        rows.append(f"| `{name}` | {_type(setting, schema)} | {default} | {meanings.get(name, '')} |")
    return "\n".join(rows)


def _settings(kind: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    schema = settings_schema(KINDS[kind])
    for path, group in _groups(schema, schema, ()):
        for name, setting in group["properties"].items():
            if _inner(setting, schema) is None:
                yield ".".join((*path, name)), setting, group


def _groups(
    group: dict[str, Any], schema: dict[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The group, then those inside it, each with its path."""
    yield path, group
    for name, setting in group["properties"].items():
        inner = _inner(setting, schema)
        if inner is not None:
            yield from _groups(inner, schema, (*path, name))


def _inner(setting: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any] | None:
    """The group that a setting stands for, None for a plain value or a table of them."""
    if "$ref" not in setting:
        return None
    found: dict[str, Any] = schema["$defs"][setting["$ref"].rpartition("/")[2]]
    return found if "properties" in found else None


def _type(setting: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in setting:
        return _type(schema["$defs"][setting["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in setting:
        return " or ".join(_type(choice, schema) for choice in setting["anyOf"])
    if "enum" in setting:
        return ", ".join(f"`{choice}`" for choice in setting["enum"])
    if "const" in setting:
        return f"`{setting['const']}`"
    if "prefixItems" in setting:
        return f"({', '.join(_type(item, schema) for item in setting['prefixItems'])})"
    if setting.get("type") == "array":
        return f"list of {_type(setting['items'], schema)}"
    if "properties" in setting:
        return f"`{setting['title']}`"
    if setting.get("type") == "object":
        return f"name: {_type(setting['additionalProperties'], schema)}"
    return str(setting["type"])


def _plain(value: Any) -> str:
    """A value as YAML writes it in one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain, value))}]"
    return str(value)


def _classes(kind: Any) -> Iterator[type]:
    """A dataclass and all that stand in its fields."""
    if is_dataclass(kind) and isinstance(kind, type):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from _classes(hint)
    for part in get_args(kind):
        yield from _classes(part)


def _words(kind: type) -> str:
    """What a dataclass says of itself before its parameters."""
    return re.split(r"\n\nParameters\n-+\n", inspect.getdoc(kind) or "")[0]


def _meanings(kind: type) -> dict[str, str]:
    """What docstrings say of the fields, those of base classes first."""
    told: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        _, _, listed = (inspect.cleandoc(one.__dict__.get("__doc__") or "")).partition("\nParameters\n")
        for entry in re.finditer(
            r"^(\w[\w, ]*)\n((?:    .*\n?|\n)+)", listed.partition("\n")[2] + "\n", re.MULTILINE
        ):
            fields = entry[1].split(", ")
            told.update(dict.fromkeys(fields, _prose(" ".join(entry[2].split()))))
    return told


def _prose(text: str) -> str:
    """The docstring's reStructuredText as Markdown, safe in a table."""
    return text.replace("``", "`").replace("|", "\\|")
