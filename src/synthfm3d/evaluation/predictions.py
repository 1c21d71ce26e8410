"""Masks that another tool made, as a method: matched by the names of case, structure and prompt."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthfm3d.errors import InputError
from synthfm3d.evaluation.method import Question
from synthfm3d.evaluation.protocol import DRAWN
from synthfm3d.evaluation.results import safe_name
from synthfm3d.io.read import load_labels
from synthfm3d.volume import Volume

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".dcm")


def mask_name(question: Question) -> str:
    """Where the mask of a question is looked for, without its ending: ``case/structure/prompt``.

    The draws of a prompt that holds chance are numbered: ``3-points-0``, ``3-points-1`` …
    """
    number = f"-{question.draw}" if question.prompt in DRAWN else ""
    return f"{_place(question)}/{question.prompt}{number}"


@dataclass(frozen=True, slots=True)
class FolderOfMasks:
    """A folder of masks (``Stored``).

    A mask is ``FOLDER/CASE/STRUCTURE/PROMPT.nii.gz``, as ``mask_name`` says. A tool that takes no prompt
    writes ``FOLDER/CASE/STRUCTURE.nii.gz``, which answers every prompt. Non-zero voxels are the object.
    """

    name: str
    folder: Path

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
        """Number of masks, and a hash of their names, sizes and times."""
        masks = self._masks()
        said = [(str(p.relative_to(self.folder)), p.stat().st_size, p.stat().st_mtime_ns) for p in masks]
        return f"{len(masks)} files, {hashlib.sha256(repr(said).encode()).hexdigest()[:12]}"

    def answers(self, prompt: str) -> bool:
        """Whether some mask answers a prompt, or all of them."""
        answer = re.compile(rf"{re.escape(prompt)}(-\d+)?({'|'.join(map(re.escape, SUFFIXES))})")
        parts = (path.relative_to(self.folder).parts for path in self._masks())
        return any(len(p) == 2 or answer.fullmatch(p[-1]) for p in parts)

    def stored_mask(self, question: Question, scan: Volume) -> Volume:
        """The mask that answers a question; raises InputError if there is none, or it cannot be read."""
        for place in (mask_name(question), _place(question)):
            for suffix in SUFFIXES:
                path = self.folder / f"{place}{suffix}"
                if path.is_file():
                    return _one_object(path, load_labels(path, on=scan.grid))
        raise InputError(f"there is no {mask_name(question)}{SUFFIXES[0]}.")

    def _masks(self) -> list[Path]:
        return sorted(
            path
            for depth in ("*/*", "*/*/*")
            for path in self.folder.glob(depth)
            if path.name.endswith(SUFFIXES) and path.is_file()
        )


def _one_object(path: Path, mask: Volume) -> Volume:
    """The mask; InputError for a label map of several objects, which is the answer to no question."""
    values = [int(value) for value in np.unique(mask.voxels) if value]
    if len(values) > 1:
        listed = ", ".join(map(str, values[:20]))
        raise InputError(
            f"holds the labels {listed}, one is needed", "save each in a file of its own.", path=path
        )
    return mask


def _place(question: Question) -> str:
    return f"{safe_name(question.case)}/{safe_name(question.structure)}"
