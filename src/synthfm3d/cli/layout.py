"""The layout of the help: commands and options in groups, with narrow columns.

``CommandLine`` also suggests a command when the user types another program's name for it.
"""

from typing import Any

import typer.core

COMMAND_GROUPS = {
    "Segment scans": ("segment", "serve"),
    "Make synthetic volumes": ("generate", "show", "gallery", "statistics"),
    "Work with shards": ("verify", "inspect", "export"),
    "Train and score models": ("train", "adapt", "evaluate", "datasets", "reproduce"),
    "Try it, find problems": ("demo", "doctor"),
}
OPTION_GROUPS = {
    "Prompts": (
        "--point", "--negative", "--box", "--lasso", "--mask-prompt", "--scribble", "--negative-scribble",
        "--prompts", "--prompts-schema", "--label", "--mm", "--correct", "--structure",
    ),
    "How to read the scan": ("--modality", "--frame", "--series", "--spacing", "--allow-gaps", "--cine"),
    "More results": ("--probabilities", "--alternatives", "--label-tables", "--keep-identity"),
    "Many scans": ("--format", "--resume", "--jobs"),
    "Shards only": ("--workers", "--engine", "--address", "--part", "--per-shard", "--upload", "--resume"),
    "Settings": ("--preset", "--settings", "--set", "--shape", "--print-settings", "--schema"),
    "What is scored": (
        "--image", "--labels", "--names", "--structure", "--samples", "--dataset", "--split", "--cases",
        "--modality", "--label-source", "--frame",
    ),
    "Methods": ("--model", "--predictions", "--baselines", "--against"),
    "Simulated prompts": (
        "--prompt", "--prompt-slice", "--direction", "--prompt-seeds", "--rounds", "--export-prompts",
    ),
    "General": (
        "--seed", "--device", "--dry-run", "--quiet", "--json", "--version", "--install-completion",
        "--show-completion", "--help",
    ),
}  # fmt: skip
_GROUPS_OF_COMMAND = {
    "segment": ("Prompts", "How to read the scan", "More results", "Many scans", "General"),
    "generate": ("Settings", "Shards only", "General"),
    "evaluate": ("What is scored", "Methods", "Simulated prompts", "General"),
}
"""The groups of a command's options; a command that is not listed has only ``General``."""

OTHER_NAMES = {
    **dict.fromkeys(("predict", "infer", "inference", "run", "mask", "seg"), "segment"),
    **dict.fromkeys(("gui", "web", "app", "ui", "server", "view", "viewer"), "serve"),
    **dict.fromkeys(("make", "create", "synthesize", "synthesise", "simulate", "sample"), "generate"),
    **dict.fromkeys(("fit", "pretrain"), "train"),
    **dict.fromkeys(("eval", "score", "benchmark", "validate"), "evaluate"),
    **dict.fromkeys(("check", "diagnose", "info"), "doctor"),
    **dict.fromkeys(("convert", "save"), "export"),
    **dict.fromkeys(("finetune", "fine-tune"), "adapt"),
}
"""Names of commands in other programs, with the commands here that do the same."""
LONGEST_CHOICES = 12
"""The longest list of choices in the narrow column, in characters; the help text has longer lists."""


class CommandLine(typer.core.TyperGroup):
    """The commands of the program, with the layout of their help and suggestions for unknown names."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments name; for another program's name, an error suggests the command."""
        ours = OTHER_NAMES.get(args[0]) if args and args[0] not in self.commands else None
        if ours in self.commands:
            ctx.fail(f"No such command '{args[0]}'. Did you mean '{ours}'?")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by name, with its help laid out."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            lay_out(command, cmd_name)
        return command

    def get_params(self, ctx: Any) -> Any:
        """The options of the program itself, with their help laid out."""
        found = super().get_params(ctx)
        for option in found:
            _narrow(option)
        return found


def lay_out(command: Any, name: str) -> None:
    """Put a command and its options into their groups, and give values short names."""
    command.rich_help_panel = next((group for group, names in COMMAND_GROUPS.items() if name in names), None)
    command.help = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    groups = _GROUPS_OF_COMMAND.get(name, ("General",))
    for parameter in command.params:
        _narrow(parameter)
        if parameter.param_type_name == "option":
            parameter.rich_help_panel = next(
                (group for group in groups if parameter.opts[0] in OPTION_GROUPS[group]), None
            )


def _narrow(parameter: Any) -> None:
    """Give the value of a parameter a short placeholder, and a switch none."""
    if getattr(parameter, "metavar", None) is not None:
        return
    if getattr(parameter, "is_flag", False):
        parameter.metavar = ""
        return
    described = getattr(parameter, "type_descriptor", None)
    if described is None:
        return
    if described.is_choice:
        choices = [str(choice) for choice in described.choices or ()]
        parameter.metavar = "|".join(choices)
        if len(parameter.metavar) > LONGEST_CHOICES:
            parameter.metavar = "WORD"
            parameter.help = f"{(parameter.help or '').rstrip('.')}: {', '.join(choices)}."
    elif described.is_ranged:
        parameter.metavar = "N"
    elif parameter.param_type_name == "option":
        parameter.metavar = "PATH" if described.is_path else "TEXT" if described.annotation is str else None
