"""Write the prompts of an evaluation as files, for another tool.

A manifest lists the questions. The scans and prompts are in folders beside it. The tool writes its masks with
the names in the manifest, and ``FolderOfMasks`` scores them.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import PendingCase
from synthfm3d.evaluation.methods.method import Question
from synthfm3d.evaluation.methods.predictions import mask_name
from synthfm3d.evaluation.protocol import PromptName, Protocol
from synthfm3d.evaluation.scoring.evaluate import PromptedTarget, prompted_targets
from synthfm3d.files import json_text, safe_name, write_atomically
from synthfm3d.io.nifti import write_nifti
from synthfm3d.prompts.prompt import Box, Mask, Point, Prompt

MANIFEST_NAME = "manifest.json"


def export_prompts(folder: Path, cases: Iterable[PendingCase], protocol: Protocol) -> dict[str, Any]:
    """Write scans, prompts and a manifest into a folder; returns the manifest.

    Prompts are files for ``synthfm3d segment --prompts``, in RAS millimetres. The manifest lists cases that
    cannot be read. The files contain the truth only as far as prompts do.

    Raises
    ------
    InputError
        The folder cannot be written to, no case can be read, or the direction of the protocol is forward, in
        which each structure has a different scan.
    """
    if protocol.direction != "both":
        raise InputError("prompts are exported for whole scans only", "leave out --direction forward.")
    questions: list[dict[str, Any]] = []
    unusable: list[dict[str, str]] = []
    for pending in cases:
        try:
            case = pending.read()
        except InputError as error:
            unusable.append({"case": pending.name, "reason": str(error)})
            continue
        scan = Path("scans") / f"{safe_name(case.name)}.nii.gz"
        (folder / scan).parent.mkdir(parents=True, exist_ok=True)
        write_nifti(folder / scan, case.image)
        for prompted in prompted_targets(case, protocol):
            questions += [
                {**_question(folder, prompted, prompt, draw, protocol.seed), "scan": scan.as_posix()}
                for prompt in protocol.prompts
                for draw in protocol.seeds(prompt)
            ]
    if not questions:
        reason = unusable[0]["reason"] if unusable else "no structure has a voxel."
        raise InputError(f"there is nothing to export: {reason}")
    manifest = {
        "questions": questions,
        "unusable": unusable,
        "protocol": list(protocol.words()),
        "how": "Answer each question by a mask on the grid of its scan, non-zero inside, under the name that "
        "its 'mask' gives, in a folder of your own; then: synthfm3d evaluate --predictions NAME=FOLDER",
    }
    write_atomically(folder / MANIFEST_NAME, json_text(manifest).encode())
    return manifest


def _question(
    folder: Path, prompted: PromptedTarget, prompt: PromptName, draw: int, seed: int
) -> dict[str, Any]:
    """Write the prompts of a question; returns its entry in the manifest."""
    question = Question(
        case=prompted.case.name, structure=prompted.target.structure, prompt=prompt, draw=draw
    )
    prompts_file = Path("prompts") / f"{mask_name(question)}.json"
    (folder / prompts_file).parent.mkdir(parents=True, exist_ok=True)
    prompts = prompted.prompts(prompt, draw, seed)
    entry = {"name": prompted.target.structure, **_entry(folder / prompts_file, prompts)}
    asked = {"unit": "mm", "objects": [entry]}
    write_atomically(folder / prompts_file, json_text(asked).encode())
    return {
        "case": question.case,
        "structure": question.structure,
        "prompt": prompt,
        "draw": draw,
        "prompts": prompts_file.as_posix(),
        "mask": f"{mask_name(question)}.nii.gz",
    }


def _entry(path: Path, prompts: Sequence[Prompt]) -> dict[str, Any]:
    """Points, boxes and masks of an object, in the format of prompts files."""
    entry: dict[str, list[Any]] = {}
    for prompt in prompts:
        match prompt:
            case Point():
                point = {"at": list(prompt.position_mm), "positive": prompt.positive}
                entry.setdefault("points", []).append(point)
            case Box():
                box = {"first": list(prompt.corner_mm), "last": list(prompt.opposite_mm)}
                entry.setdefault("boxes", []).append(box)
            case Mask():
                outline = path.with_suffix(".nii.gz")
                write_nifti(outline, prompt.volume)
                entry.setdefault("masks", []).append(outline.name)
    return entry
