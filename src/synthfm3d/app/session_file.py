"""A session as a file: a ZIP archive with the prompts and the mask of every object.

``prompts.json`` has the form of a prompts file in millimetres, so ``synthfm3d segment --prompts`` takes it
from the unpacked archive. ``masks/1.nii.gz`` is what was found for object 1, ``outlines/1_1.nii.gz`` its
first mask prompt. A prompts file alone can be loaded, too; its objects are then segmented anew.
"""

import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from synthfm3d.app.messages import MOST_OBJECTS
from synthfm3d.errors import InputError
from synthfm3d.io.checks import reading_at_most
from synthfm3d.io.nifti import nifti_bytes
from synthfm3d.io.pairs import read_mask
from synthfm3d.prompts.prompt import Box, Lasso, Mask, Point, Prompt, Scribble
from synthfm3d.prompts.prompt_file import (
    FileBox,
    FileLasso,
    FileObject,
    FilePoint,
    FileScribble,
    PromptFile,
)
from synthfm3d.segmentation.session import Session
from synthfm3d.volume import Position, Volume

PROMPTS = "prompts.json"
_GZIP_LEVEL = 4
_MOST_MEMBERS = 4 * MOST_OBJECTS


@dataclass(frozen=True, slots=True, eq=False)
class SavedObject:
    """One object of a file: its name, its prompts, and its mask if the file holds it."""

    name: str | None
    prompts: tuple[Prompt, ...]
    mask: Volume | None


def prompts_json(session: Session, names: Mapping[int, str]) -> bytes:
    """The prompts of all objects in the form of a prompts file; masks are named as in the archive."""
    objects = [_form(label, prompts, names.get(label)) for label, prompts in sorted(session.prompts.items())]
    if not objects:
        raise InputError("there is no object yet: click on one first.")
    form = PromptFile(unit="mm", objects=tuple(objects))
    plain = json.loads(TypeAdapter(PromptFile).dump_json(form, exclude_defaults=True))
    return (json.dumps(plain, indent=2, ensure_ascii=False) + "\n").encode()


def session_bytes(session: Session, names: Mapping[int, str]) -> bytes:
    """The archive of a session; its objects can be restored on the same scan."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(PROMPTS, prompts_json(session, names))
        for label, found in session.segmentations.items():
            if found.mask.voxels.any():
                archive.writestr(_mask_name(label), nifti_bytes(found.mask, _GZIP_LEVEL))
        for label, prompts in session.prompts.items():
            for n, outline in enumerate(_outlines(prompts), start=1):
                archive.writestr(_outline_name(label, n), nifti_bytes(outline.volume, _GZIP_LEVEL))
    return buffer.getvalue()


def read_session(content: bytes, scan: Volume, most_bytes: int) -> dict[int, SavedObject]:
    """The objects of an archive or of a prompts file, by label.

    Raises
    ------
    InputError
        The file is neither, names files that it does not hold, or does not belong to this scan.
    """
    if not content.startswith(b"PK\x03\x04"):
        return _objects(_form_of(content), scan, lambda name: None)
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive, tempfile.TemporaryDirectory() as folder:
            _check_size(archive, most_bytes)
            form = _form_of(archive.read(PROMPTS))
            members = set(archive.namelist())

            def mask(name: str) -> Volume | None:
                if name not in members:
                    return None
                path = Path(folder) / "mask"
                path.write_bytes(archive.read(name))
                return _read_mask(path, name, scan, most_bytes)

            return _objects(form, scan, mask)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
        raise InputError("the session file is damaged: save it again.") from error


def _form(label: int, prompts: tuple[Prompt, ...], name: str | None) -> FileObject:
    outlines = [_outline_name(label, n + 1) for n in range(len(_outlines(prompts)))]
    return FileObject(
        name=name,
        label=label,
        points=tuple(
            FilePoint(at=p.position_mm, positive=p.positive) for p in prompts if isinstance(p, Point)
        ),
        boxes=tuple(FileBox(first=p.corner_mm, last=p.opposite_mm) for p in prompts if isinstance(p, Box)),
        scribbles=tuple(
            FileScribble(line=p.positions_mm, positive=p.positive) for p in prompts if isinstance(p, Scribble)
        ),
        lassos=tuple(FileLasso(corners=p.positions_mm) for p in prompts if isinstance(p, Lasso)),
        # An object that began with a mask has no prompts: its mask says what it is.
        masks=tuple(outlines) if prompts else (_mask_name(label),),
    )


def _objects(form: PromptFile, scan: Volume, mask: Callable[[str], Volume | None]) -> dict[int, SavedObject]:
    if form.cases is not None:
        raise InputError("the file holds prompts for several scans: load one with the objects of this scan.")
    objects: dict[int, SavedObject] = {}
    for number, entry in enumerate(form.objects, start=1):
        label = entry.label or number
        if not 1 <= label <= MOST_OBJECTS or label in objects:
            raise InputError(
                f"the file gives an object the label {label}: labels are 1 to {MOST_OBJECTS}, each once."
            )
        found = mask(_mask_name(label))
        outlined = [name for name in entry.masks if name != _mask_name(label)]
        outlines = [_needed(mask(name), name) for name in outlined]
        prompts = _prompts(entry, form.unit == "mm", scan, outlines)
        if not prompts and found is None:
            raise InputError(f"object {label} of the file has neither prompts nor a mask.")
        objects[label] = SavedObject(entry.name, prompts, found)
    return objects


def _prompts(entry: FileObject, is_mm: bool, scan: Volume, outlines: list[Volume]) -> tuple[Prompt, ...]:
    if any(scribble.file is not None for scribble in entry.scribbles):
        raise InputError("the file names files of scribbles, which the page cannot read: give their lines.")

    def place(at: Position) -> Position:
        if is_mm:
            return at
        r, a, s = (float(mm) for mm in scan.grid.to_mm(np.array(at[::-1])))
        return r, a, s

    return (
        *(Point(position_mm=place(point.at), positive=point.positive) for point in entry.points),
        *(Box(corner_mm=place(box.first), opposite_mm=place(box.last)) for box in entry.boxes),
        *(
            Scribble(positions_mm=tuple(map(place, stroke.line)), positive=stroke.positive)
            for stroke in entry.scribbles
        ),
        *(Lasso(positions_mm=tuple(map(place, lasso.corners))) for lasso in entry.lassos),
        *(Mask(volume=volume) for volume in outlines),
    )


def _form_of(content: bytes) -> PromptFile:
    try:
        return TypeAdapter(PromptFile).validate_json(content, strict=False, extra="forbid")
    except ValidationError as failure:
        first = failure.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"this is no session and no prompts file ({place or 'content'}: {first['msg']})."
        ) from None


def _read_mask(path: Path, name: str, scan: Volume, most_bytes: int) -> Volume:
    with reading_at_most(most_bytes):
        try:
            return read_mask(path, scan)
        except InputError as error:
            raise error.about(name) from error


def _check_size(archive: zipfile.ZipFile, most_bytes: int) -> None:
    infos = archive.infolist()
    if len(infos) > _MOST_MEMBERS or sum(info.file_size for info in infos) > most_bytes:
        raise InputError("the session file is larger than this server takes.")


def _needed(volume: Volume | None, name: str) -> Volume:
    if volume is None:
        raise InputError(f"the file names {name} and does not hold it: load the session that was saved here.")
    return volume


def _outlines(prompts: tuple[Prompt, ...]) -> list[Mask]:
    return [prompt for prompt in prompts if isinstance(prompt, Mask)]


def _mask_name(label: int) -> str:
    return f"masks/{label}.nii.gz"


def _outline_name(label: int, number: int) -> str:
    return f"outlines/{label}_{number}.nii.gz"
