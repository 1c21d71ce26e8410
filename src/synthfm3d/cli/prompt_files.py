"""Read prompts from a JSON file, for several objects of one scan or for every scan of a folder.

``synthfm3d segment --prompts-schema`` prints the JSON Schema of the format.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from synthfm3d.errors import InputError
from synthfm3d.files import read_text
from synthfm3d.io.checks import warned
from synthfm3d.io.pairs import read_mask
from synthfm3d.prompts.prompt import Box, Lasso, Mask, Point, Prompt, Scribble
from synthfm3d.prompts.prompt_file import MOST_LABEL, FileObject, PromptFile, Unit
from synthfm3d.segmentation.placement import checked_prompts
from synthfm3d.volume import Position

if TYPE_CHECKING:
    from synthfm3d.volume import Grid, Volume


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PromptedObject:
    """One object of a scan: its label, its name, and its prompts in mm."""

    label: int
    name: str | None
    prompts: tuple[Prompt, ...]


def prompts_schema() -> dict[str, Any]:
    """JSON Schema of a prompts file."""
    schema = TypeAdapter(PromptFile).json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:
            part["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "SynthFM-3D prompts",
        **schema,
    }


def read_prompt_file(path: Path) -> PromptFile:
    """A prompts file, or the report of a mask, which contains its prompts.

    Raises InputError that names the file and the wrong entry.
    """
    try:
        text = _prompts_of_report(path, read_text(path))
        return TypeAdapter(PromptFile).validate_json(text, strict=False, extra="forbid")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path}: cannot be read ({reason}): check the path.") from error
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not a text file: prompts are JSON, see --prompts-schema.") from None
    except ValidationError as failure:
        first = failure.errors()[0]
        location = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ").rstrip(".")
        where = f" ({location})" if location else ""
        raise InputError(f"{path}{where}: {problem}: see --prompts-schema for the format.") from None


def _prompts_of_report(path: Path, text: str) -> str:
    """The text of a prompts file with the prompts of a report; any other text is returned unchanged."""
    try:
        report = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not (isinstance(report, dict) and "synthfm3d" in report and isinstance(report.get("prompts"), dict)):
        return text
    if report.get("correct") or report.get("label"):
        raise InputError(
            f"{path}: these prompts corrected an earlier mask or used one label of a file, which a prompts "
            "file cannot say: give them as options again."
        )
    return json.dumps({name: report["prompts"].get(name) for name in ("unit", "objects")})


def prompted_objects(
    file: PromptFile, objects: Sequence[FileObject], scan: "Volume", path: Path
) -> list[PromptedObject]:
    """The objects on a scan, their prompts in millimetres and checked.

    Raises
    ------
    InputError
        A prompt is outside the scan, a file of a mask or scribble cannot be used, or two objects have the
        same label. The message names the object.
    """
    found: list[PromptedObject] = []
    for number, entry in enumerate(objects, start=1):
        label = number if entry.label is None else entry.label
        what = entry.name or f"object {number}"
        if not 1 <= label <= MOST_LABEL:
            raise InputError(f"{path}: {what} has the label {label}: labels are 1 to {MOST_LABEL}.")
        if any(other.label == label for other in found):
            raise InputError(f"{path}: {what} has the label {label} of another object: give it its own.")
        try:
            prompts = tuple(_prompts(entry, file.unit, scan, path.parent))
            checked_prompts(prompts, scan.grid)
        except InputError as error:
            raise InputError(f"{path}: {what}: {error}") from error
        found.append(PromptedObject(label=label, name=entry.name, prompts=prompts))
    return found


def plain(objects: Sequence[FileObject]) -> Any:
    """Objects as JSON values, for the report beside a mask."""
    return json.loads(TypeAdapter(tuple[FileObject, ...]).dump_json(tuple(objects), exclude_defaults=True))


def relocated(entry: FileObject, before: Path, folder: Path) -> FileObject:
    """The same object, with the paths of its files relative to ``folder`` instead of ``before``."""

    def path(name: str) -> str:
        return Path(os.path.relpath(before / name, folder)).as_posix()

    return replace(
        entry,
        masks=tuple(path(name) for name in entry.masks),
        scribbles=tuple(
            scribble if scribble.file is None else replace(scribble, file=path(scribble.file))
            for scribble in entry.scribbles
        ),
    )


def _prompts(entry: FileObject, unit: Unit, scan: "Volume", folder: Path) -> Iterator[Prompt]:
    mm = unit == "mm"
    for point in entry.points:
        yield Point(position_mm=position_mm(point.at, "point", scan.grid, mm), positive=point.positive)
    for box in entry.boxes:
        first, last = (position_mm(corner, "box", scan.grid, mm) for corner in (box.first, box.last))
        yield Box(corner_mm=first, opposite_mm=last)
    for name in entry.masks:
        yield mask_prompt(folder / name, scan)
    for scribble in entry.scribbles:
        if scribble.file is not None:
            yield scribble_prompt(folder / scribble.file, scan, positive=scribble.positive)
        else:
            line = tuple(position_mm(corner, "scribble", scan.grid, mm) for corner in scribble.line)
            yield Scribble(positions_mm=line, positive=scribble.positive)
    for lasso in entry.lassos:
        yield Lasso(
            positions_mm=tuple(position_mm(corner, "lasso", scan.grid, mm) for corner in lasso.corners)
        )


def position_mm(numbers: Sequence[float], what: str, grid: "Grid", mm: bool) -> Position:
    """RAS mm of a position that is given in mm, or as a voxel (i, j, k) of the stored array."""
    import numpy as np

    if mm:
        r, a, s = numbers
        return float(r), float(a), float(s)
    index = np.array(numbers[::-1])  # stored (i, j, k) is our (x, y, z)
    if not grid.contains(index):
        last = ",".join(str(n - 1) for n in grid.shape[::-1])
        raise InputError(
            f"{what}: is outside the scan, whose voxels I,J,K run from 0,0,0 to {last}: "
            "correct it, or say that it is in millimetres (--mm)."
        )
    r, a, s = (float(value) for value in grid.to_mm(index))
    return r, a, s


def mask_prompt(path: Path, scan: "Volume", label: int | None = None) -> Mask:
    """The mask of a file, or one label of it, as a prompt; InputError as of ``read_mask``."""
    return Mask(volume=warned(path, read_mask(path, scan, label)))


def scribble_prompt(path: Path, scan: "Volume", *, positive: bool, label: int | None = None) -> Scribble:
    """The scribble of a file, or one label of it, as a prompt; InputError as of ``read_mask``."""
    return Scribble.of_voxels(warned(path, read_mask(path, scan, label)), positive=positive)
