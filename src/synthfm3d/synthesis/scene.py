"""The scene: all parameters of one synthetic volume, as numbers that can be printed and stored.

A scene is drawn once (``synthesis.sampler``) and rendered any number of times, whole or slice by slice
(``rendering``). Its anatomy stands in ``synthesis.structures``, the acquisition of each modality in
``synthesis.ct``, ``synthesis.mr`` and ``synthesis.ultrasound``.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from synthfm3d.synthesis.ct import CtAcquisition
from synthfm3d.synthesis.mr import MrAcquisition
from synthfm3d.synthesis.structures import MOST_LABELS, ZYX, Anatomy
from synthfm3d.synthesis.ultrasound import UltrasoundAcquisition
from synthfm3d.volume import Modality, ThirdAxis

TEXTURES = 4
"""How many texture fields, from fine to coarse, a tissue mixes."""

Acquisition = CtAcquisition | MrAcquisition | UltrasoundAcquisition
ACQUISITIONS: dict[Modality, type] = {"ct": CtAcquisition, "mr": MrAcquisition, "us": UltrasoundAcquisition}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """Signal of a tissue: Hounsfield units (CT), relative signal (MR), echo amplitude (ultrasound).

    An MR signal may be negative: its magnitude is taken after tissues have mixed. ``texture`` weighs the
    texture fields (unit variance), in the same unit as ``mean``. ``cluster`` is half the step between two
    kinds of patches inside the tissue, which follow the sign of the coarsest texture field.
    """

    mean: float
    texture: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    cluster: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Second axis: the signal of every layer.

    Parameters
    ----------
    kind
        How signals were drawn: ``"tissues"`` (Hounsfield tables, MR signal equations, echogenicity)
        or ``"mixture"`` (random).
    outside
        Signal around the body.
    tissues
        One for each layer of each structure, in the order of the anatomy.
    texture_mm
        Correlation lengths of the texture fields, fine to coarse.
    """

    kind: Literal["tissues", "mixture"]
    outside: Tissue
    tissues: tuple[tuple[Tissue, ...], ...]
    texture_mm: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """How sharp a boundary is.

    Parameters
    ----------
    psf_mm
        Standard deviation of the point spread through the slices and in their plane.
    sub_slices
        How many thinner slices each slice is the average of, an odd number; their labels are those of the
        middle one. 1: the point spread along z stands for the whole thickness, which is exact for plane
        boundaries and approximate for structures thinner than a slice.
    texture_shield_mm
        Width of the band at boundaries in which texture fades out; 0 where texture reaches them.
    fade
        Factor by which boundaries are wider where they fade, less one; 0 where none does.
    rim, rim_mm
        Height of a rim along boundaries over the contrast across them, and its width.
    """

    psf_mm: tuple[float, float]
    sub_slices: int = 1
    texture_shield_mm: float
    fade: float = 0.0
    rim: float = 0.0
    rim_mm: float = 1.0

    def __post_init__(self) -> None:
        if self.sub_slices < 1 or self.sub_slices % 2 == 0:
            raise ValueError(f"sub_slices must be an odd number, got {self.sub_slices}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One synthetic volume before it is rendered.

    Parameters
    ----------
    seed, index
        Origin of the scene; they also select the noise that rendering adds.
    shape, spacing_mm
        Voxels and their distances along (z, y, x).
    third_axis
        Meaning of z. For ``"time"``, slices are frames with a nominal distance of 1 mm.
    anatomy, contrast, boundary, acquisition
        The four axes of variability.
    """

    seed: int
    index: int
    generator_version: int
    modality: Modality
    shape: tuple[int, int, int]
    spacing_mm: ZYX
    anatomy: Anatomy
    contrast: Contrast
    boundary: Boundary
    acquisition: Acquisition
    third_axis: ThirdAxis = "space"

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or min(self.spacing_mm) <= 0:
            raise ValueError(f"shape and spacing_mm must be positive, got {self.shape}, {self.spacing_mm}.")
        layers = [len(structure.layers) for structure in self.anatomy.structures]
        if not layers or layers != [len(tissues) for tissues in self.contrast.tissues]:
            raise ValueError("contrast.tissues must have one tissue for each layer of each structure.")
        labels = [layer.label for structure in self.anatomy.structures for layer in structure.layers]
        if not 0 <= min(labels) <= max(labels) <= MOST_LABELS:
            raise ValueError(f"labels must lie within 0 and {MOST_LABELS}, got up to {max(labels)}.")
        if not isinstance(self.acquisition, ACQUISITIONS[self.modality]):
            raise ValueError(
                f"a scene of modality {self.modality} cannot have a {type(self.acquisition).__name__}."
            )

    def label_names(self) -> dict[int, str]:
        """Label value -> name of the layer that carries it (the first, where layers share it)."""
        names: dict[int, str] = {}
        for structure in self.anatomy.structures:
            for layer in structure.layers:
                if layer.label:
                    names.setdefault(layer.label, layer.name)
        return dict(sorted(names.items()))

    def to_dict(self) -> dict[str, Any]:
        """The scene as plain JSON types; each part and the acquisition say their ``kind``."""
        plain = asdict(self)
        plain["acquisition"]["kind"] = type(self.acquisition).__name__
        for structure, written in zip(self.anatomy.structures, plain["anatomy"]["structures"], strict=True):
            for part, part_written in zip(structure.parts, written["parts"], strict=True):
                part_written["kind"] = type(part).__name__
        plain["label_names"] = {str(value): name for value, name in self.label_names().items()}
        return plain
