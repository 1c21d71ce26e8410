"""``synthfm3d segment --structure NAME``: structures that a model was adapted to, without a prompt."""

from collections.abc import Sequence
from pathlib import Path

from synthfm3d.cli.prompt_files import PromptedObject
from synthfm3d.errors import InputError
from synthfm3d.evaluation.methods.models import ModelMethod
from synthfm3d.model.checkpoint import weights_path
from synthfm3d.segmentation.automatic import (
    GUIDES_FILE,
    UNLIKE,
    StructureGuide,
    find_structure,
    read_guides,
)
from synthfm3d.volume import Volume


def chosen_guides(model: str, structures: Sequence[str]) -> dict[str, StructureGuide]:
    """Guides of structures that a model was adapted to; InputError where it knows none of that name."""
    path = weights_path(model)
    guides = read_guides((Path(model) if path is None else path.parent) / GUIDES_FILE)
    for name in structures:
        if name not in guides:
            raise InputError(f"{model}: was not adapted to {name!r}; it knows {', '.join(guides)}.")
    return {name: guides[name] for name in dict.fromkeys(structures)}


def found_objects(
    method: ModelMethod, scan: Volume, guides: dict[str, StructureGuide]
) -> tuple[list[PromptedObject], list[str]]:
    """An object for each structure, prompted by the box that was found, and what is doubtful about it."""
    objects, doubts = [], []
    for label, (name, guide) in enumerate(guides.items(), 1):
        box, unlike = find_structure(method.segmenter, scan, guide)
        objects.append(PromptedObject(label=label, name=name, prompts=(box,)))
        if unlike >= UNLIKE:
            doubts.append(
                f"{name}: nothing in this scan looks like the labelled ones ({guide.scans} scans); check the "
                "mask, or give a prompt."
            )
    return objects, doubts
