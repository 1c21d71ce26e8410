"""Presets by name on the command line, one or several."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from synthfm3d.synthesis.settings import SynthesisSettings

PresetNames = Annotated[
    list[str] | None,
    typer.Option("--preset", metavar="NAME", help="Give it several times for several; all if not given."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change one setting, as in --set noise.mode=off."),
]
Shape = Annotated[str | None, typer.Option("--shape", metavar="Z,Y,X", help="Voxels of each volume.")]


def chosen_presets(
    names: Sequence[str] | None, overrides: Sequence[str] | None, shape: str | None
) -> "dict[str, SynthesisSettings]":
    """Settings of the named presets, or of all, with single settings changed in each.

    Raises InputError for a name or a setting that does not exist.
    """
    from synthfm3d.cli.settings import read_settings
    from synthfm3d.errors import InputError
    from synthfm3d.synthesis.presets import PRESETS
    from synthfm3d.synthesis.settings import SynthesisSettings

    for name in names or ():
        if name not in PRESETS:
            raise InputError(f"--preset {name}: there is no such preset; choose {', '.join(PRESETS)}.")
    words = [*(overrides or []), *([f"shape=[{shape}]"] if shape else [])]
    return {
        name: read_settings(SynthesisSettings, None, words, base=PRESETS[name])
        for name in dict.fromkeys(names or PRESETS)
    }
