"""Features of a scene: layout, families of shapes, and all effects that only some scenes have."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields

from synthfm3d.synthesis.scene import Scene

_EFFECTS = {
    "noise_peak_per_mm": "coloured noise",
    "slice_correlation": "noise across slices",
    "ring_hu": "rings",
    "streak_hu": "metal streaks",
    "kept": "Gibbs ringing",
    "ghost": "ghosts",
    "motion_share": "motion",
    "fade": "fading boundaries",
    "rim": "rims",
}
"""Parameters whose default means that an effect is off, and what the effect is called."""
_DETAILS = ("_mm", "_pixels", "_period")
"""Endings of parameters that only describe an effect which another parameter switches on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How often something occurs among scenes, most frequent first.

    Parameters
    ----------
    layout, modality, contrast
        Shares of scenes; each adds up to 1.
    family
        Kinds of parts, as shares of the labelled structures that have one of the kind.
    effect
        Shares of the scenes that could have it: those whose acquisition knows the parameter.
    """

    layout: dict[str, float]
    modality: dict[str, float]
    contrast: dict[str, float]
    family: dict[str, float]
    effect: dict[str, float]


def shares_of(scenes: Iterable[Scene]) -> Shares:
    """Shares of layouts, modalities, families and effects."""
    scenes = list(scenes)
    labelled = [
        {type(part).__name__ for part in structure.parts}
        for scene in scenes
        for structure in scene.anatomy.structures
        if any(layer.label for layer in structure.layers)
    ]
    effects = [effects_of(scene) for scene in scenes]
    possible = Counter(name for each in effects for name in each)
    present = Counter(name for each in effects for name, is_on in each.items() if is_on)
    return Shares(
        layout=_shares(Counter(scene.anatomy.layout for scene in scenes), len(scenes)),
        modality=_shares(Counter(scene.modality for scene in scenes), len(scenes)),
        contrast=_shares(Counter(scene.contrast.kind for scene in scenes), len(scenes)),
        family=_shares(Counter(kind for kinds in labelled for kind in kinds), len(labelled)),
        effect={name: round(present[name] / possible[name], 4) for name in sorted(possible)},
    )


def effects_of(scene: Scene) -> dict[str, bool]:
    """Each effect that the scene could have, and whether it has it.

    An effect is a number of the boundary or the acquisition that has a default: the default is its
    off. One without a name here goes by the name of its parameter, so a new effect shows at once.
    """
    found: dict[str, bool] = {}
    if scene.modality != "us":  # speckle crosses boundaries
        found["texture shield"] = scene.boundary.texture_shield_mm > 0
    parts: tuple[object, ...] = (scene.boundary, scene.acquisition)
    for part in parts:
        for field in fields(part):  # type: ignore[arg-type]
            value = getattr(part, field.name)
            if field.default is MISSING or isinstance(value, tuple):
                continue
            if field.name in _EFFECTS or not field.name.endswith(_DETAILS):
                name = _EFFECTS.get(field.name, field.name.replace("_", " "))
                found[name] = bool(value != field.default)
    return found


def _shares(counts: "Counter[str]", total: int) -> dict[str, float]:
    return {name: round(count / total, 4) for name, count in counts.most_common()}
