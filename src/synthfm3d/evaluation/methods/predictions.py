"""Masks that another tool made, as a method. They are found by the names of case, structure and prompt."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.evaluation.methods.method import Dialogue, Method, Question, Restarting, training_facts
from synthfm3d.evaluation.protocol import DRAWN, PromptName
from synthfm3d.files import safe_name
from synthfm3d.io.read import load_labels
from synthfm3d.prompts.prompt import Prompt, PromptKind
from synthfm3d.segmentation.slices import working_form
from synthfm3d.volume import Volume, on_grid_of

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".dcm")


def mask_name(question: Question) -> str:
    """Path of the mask of a question in the folder, without its extension: ``case/structure/prompt``.

    The draws of a prompt with random parts are numbered: ``3-points-0``, ``3-points-1`` …
    """
    number = f"-{question.draw}" if question.prompt in DRAWN else ""
    return f"{_case_and_structure(question)}/{question.prompt}{number}"


@dataclass(frozen=True)
class FolderOfMasks(Method):
    """A folder of masks that another tool made.

    A mask is ``FOLDER/CASE/STRUCTURE/PROMPT.nii.gz``, see ``mask_name``. The mask of a tool without prompts
    is ``FOLDER/CASE/STRUCTURE.nii.gz``, and is used for every prompt. Non-zero voxels are the object.
    """

    name: str
    folder: Path
    accepts: frozenset[PromptKind] = frozenset()

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise InputError(
                "no such folder", f"name the folder of the masks of {self.name}.", path=self.folder
            )
        if not self._masks():
            raise InputError(
                "holds no mask: they are expected as CASE/STRUCTURE/PROMPT.nii.gz "
                "(see synthfm3d evaluate --export-prompts).",
                path=self.folder,
            )

    @property
    def identity(self) -> str:
        """The number of masks, and a hash of their names, sizes and times."""
        masks = self._masks()
        entries = [(str(p.relative_to(self.folder)), p.stat().st_size, p.stat().st_mtime_ns) for p in masks]
        return f"{len(masks)} files, {hashlib.sha256(repr(entries).encode()).hexdigest()[:12]}"

    def facts(self) -> dict[str, str]:
        return {"masks": self.identity, **training_facts(self.name)}

    def takes(self, prompt: PromptName) -> bool:
        """Whether the folder has a mask for a prompt."""
        pattern = re.compile(rf"{re.escape(prompt)}(-\d+)?({'|'.join(map(re.escape, SUFFIXES))})")
        parts = (path.relative_to(self.folder).parts for path in self._masks())
        return any(len(p) == 2 or pattern.fullmatch(p[-1]) for p in parts)

    def answering(self, question: Question, whole: Volume) -> "StoredMask":
        """The mask for a question; its file is read when the mask is needed."""
        return StoredMask(name=self.name, folder=self.folder, question=question, whole=whole)

    def start(self, scan: Volume, prompts: Sequence[Prompt]) -> Dialogue:
        raise TypeError("a stored mask is found by its question: call answering first.")

    def _masks(self) -> list[Path]:
        return sorted(
            path
            for depth in ("*/*", "*/*/*")
            for path in self.folder.glob(depth)
            if path.name.endswith(SUFFIXES) and path.is_file()
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredMask(Restarting):
    """The stored mask for one question about a scan, ``whole``."""

    name: str
    folder: Path
    question: Question
    whole: Volume
    accepts: frozenset[PromptKind] = frozenset()
    is_timed: bool = False

    def segment(self, scan: Volume, prompts: Sequence[Prompt]) -> Volume:
        """The mask on ``scan``, a part of the whole scan; InputError if no mask can be read."""
        mask = on_grid_of(self._read(), self.whole.grid)
        if scan.voxels.shape == self.whole.voxels.shape:
            return mask
        working = working_form(mask)
        return working[len(working.voxels) - len(scan.voxels) :]

    def _read(self) -> Volume:
        for stem in (mask_name(self.question), _case_and_structure(self.question)):
            for suffix in SUFFIXES:
                path = self.folder / f"{stem}{suffix}"
                if path.is_file():
                    return _one_object(path, load_labels(path, on=self.whole.grid))
        raise InputError(f"there is no {mask_name(self.question)}{SUFFIXES[0]}.")


def _one_object(path: Path, mask: Volume) -> Volume:
    """The mask; InputError for a label map of several objects."""
    values = [int(value) for value in np.unique(mask.voxels) if value]
    if len(values) > 1:
        listed = ", ".join(map(str, values[:20]))
        raise InputError(
            f"holds the labels {listed}, one is needed", "save each in a file of its own.", path=path
        )
    return mask


def _case_and_structure(question: Question) -> str:
    return f"{safe_name(question.case)}/{safe_name(question.structure)}"
