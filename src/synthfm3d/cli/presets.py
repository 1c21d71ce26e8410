"""Presets by name on the command line, one or several."""

import os
from collections.abc import Sequence
from pathlib import Path
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


_BYTES_PER_VOXEL = 12
"""Of a volume while it is made, written and pictured: image, labels, and copies of them."""


def chosen_preset(
    name: str, settings_file: Path | None, overrides: Sequence[str] | None, shape: str | None
) -> "SynthesisSettings":
    """Settings of one preset, with a file of settings and single settings laid over it.

    Raises InputError for a name or a setting that does not exist, and for a shape that this machine's
    memory cannot hold.
    """
    from synthfm3d.cli.settings import read_settings
    from synthfm3d.errors import InputError
    from synthfm3d.synthesis.presets import PRESETS
    from synthfm3d.synthesis.settings import SynthesisSettings

    if name not in PRESETS:
        raise InputError(f"--preset {name}: there is no such preset; choose {', '.join(PRESETS)}.")
    words = [*(overrides or []), *([f"shape=[{shape}]"] if shape else [])]
    settings = read_settings(SynthesisSettings, settings_file, words, base=PRESETS[name])
    depth, height, width = settings.shape
    needed, there = depth * height * width * _BYTES_PER_VOXEL, _memory_bytes()
    if needed > there:
        raise InputError(
            f"shape: a volume of {depth} x {height} x {width} voxels needs {needed / 2**30:.0f} GiB of "
            f"memory, this machine has {there / 2**30:.0f} GiB: choose a smaller shape."
        )
    return settings


def _memory_bytes() -> int:
    """Memory of this machine, or a great number where it cannot be asked."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return 1 << 62


def chosen_presets(
    names: Sequence[str] | None, overrides: Sequence[str] | None, shape: str | None
) -> "dict[str, SynthesisSettings]":
    """Settings of the named presets, or of all, with single settings changed in each.

    Raises InputError for a name or a setting that does not exist.
    """
    from synthfm3d.synthesis.presets import PRESETS

    return {name: chosen_preset(name, None, overrides, shape) for name in dict.fromkeys(names or PRESETS)}
