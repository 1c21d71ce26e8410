"""Every command of ``synthfm3d`` as Markdown, from the typer application itself."""

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import typer

from synthfm3d.cli import application


def commands() -> dict[str, Any]:
    """Every command that does something, by the words that call it, such as ``"datasets check"``."""
    return dict(_leaves(typer.main.get_command(application()), ""))


def examples(command: Any) -> list[str]:
    """The examples in a command's help."""
    lines = (command.epilog or "").split("\n\n")[1:]
    return [line.replace("\\[", "[") for line in lines]


def markdown() -> str:
    """A section for each command: what it does, how it is called, examples, arguments, options."""
    return "\n".join(_section(words, command) for words, command in commands().items())


def _leaves(group: Any, before: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        words = f"{before} {name}".strip()
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield words, command
            yield from _leaves(command, words)
        else:
            yield words, command


def _section(words: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    called = " ".join(["synthfm3d", words, "[OPTIONS]", *map(_argument, arguments)])
    parts = [f"## {words}", _prose(command.help), f"```text\n{called}\n```"]
    if told := examples(command):
        parts.append("```sh\n" + "\n".join(told) + "\n```")
    if arguments:
        rows = [f"| `{_argument(a)}` | {_prose(a.help)} |" for a in arguments]
        parts.append("\n".join(["| argument | |", "|---|---|", *rows]))
    rows = [_option_row(option) for option in options]
    if rows:
        parts.append("\n".join(["| option | value | default | |", "|---|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _argument(argument: Any) -> str:
    """How an argument is called in a line of usage."""
    if argument.metavar:
        return str(argument.metavar)
    name = argument.name.upper()
    return name if argument.required else f"[{name}]"


def _option_row(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    told = _prose(option.help or "")
    if option.required:
        told = f"Required. {told}"
    if option.multiple:
        told = f"{told} May be repeated."
    if option.envvar:
        told = f"{told} Or by the environment variable `{option.envvar}`."
    return f"| {names} | {_value(option)} | {_default(option)} | {told} |"


def _value(option: Any) -> str:
    if option.is_flag:
        return ""
    if option.metavar:
        return f"`{_cell(option.metavar)}`"
    kind = option.type_descriptor.annotation
    if get_origin(kind) is Literal:
        return " ".join(f"`{choice}`" for choice in get_args(kind))
    bounds = [f"≥ {option.min:g}"] if option.min is not None else []
    bounds += [f"≤ {option.max:g}"] if option.max is not None else []
    return ", ".join([getattr(kind, "__name__", str(kind)).lower(), *bounds])


def _default(option: Any) -> str:
    if option.default is None or (option.is_flag and not option.secondary_opts):
        return ""
    if option.is_flag:
        return f"`{(option.opts if option.default else option.secondary_opts)[0]}`"
    return f"`{option.default}`"


def _prose(text: str | None) -> str:
    """Help as Markdown: rich's markup goes, and what Markdown would take for markup is kept from it."""
    plain = re.sub(r"\[/?(?:bold|italic|dim)\]", "", text or "").replace("\\[", "[")
    return _cell(plain)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
