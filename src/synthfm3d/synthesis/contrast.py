"""Contrast: which signal each tissue gives.

CT draws Hounsfield units in the ranges of real tissues; MR, whose signal depends on the sequence,
and half of what ultrasound shows draw random mixtures, since appearance randomised beyond realism
generalises better than one tuned to it (Zalevskyi et al., arXiv 2411.06842).
"""

from dataclasses import dataclass

from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scene import TEXTURES, Tissue
from synthfm3d.volume import Modality

_TEXTURE_PROFILE = (0.35, 0.5, 0.7, 0.8)
"""How strong each texture field may be, fine to coarse: sub-clusters are coarse, grain is fine."""

_CT_ORGANS_HU = (
    (0.55, 20.0, 150.0),  # parenchyma, plain to portal venous
    (0.14, -10.0, 25.0),  # fluid
    (0.13, 130.0, 420.0),  # enhanced blood, urine, oral contrast
    (0.10, -930.0, -650.0),  # lung and gas
    (0.08, -110.0, 0.0),  # fatty
)
_ULTRASOUND_ORGANS = (
    (0.60, 0.10, 0.60),  # parenchyma and muscle: -20 to -4 dB
    (0.30, 0.008, 0.05),  # blood and fluid: -42 to -26 dB
    (0.10, 0.60, 1.20),  # fat, sinus, calcium
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The contrast of one volume: its modality and the size of its textures.

    Parameters
    ----------
    texture
        Standard deviation of the textures: HU for CT, relative signal for MR, share of the mean
        echo amplitude for ultrasound.
    span
        Range of mean signals over the volume (MR only).
    base
        Middle of that range.
    least_difference
        Smallest difference between an organ's mean and its background's.
    """

    modality: Modality
    texture: float
    span: float = 1.0
    base: float = 0.5
    least_difference: float = 0.0


def draw_contrast(draw: Draw, modality: Modality) -> Contrast:
    if modality == "ct":
        return Contrast(modality=modality, texture=draw.log_uniform(1.5, 14.0), least_difference=12.0)
    if modality == "mr":
        span = draw.uniform(0.45, 1.0)
        base = draw.uniform(span / 2, 1.05 - span / 2)
        return Contrast(
            modality=modality,
            texture=rounded(span * draw.log_uniform(0.01, 0.08)),
            span=span,
            base=base,
            least_difference=rounded(0.08 * span),
        )
    return Contrast(modality=modality, texture=draw.uniform(0.05, 0.4))


def tissue(draw: Draw, contrast: Contrast, mean: float, texture: float = 1.0) -> Tissue:
    """Tissue of a given mean with random textures; ``texture`` scales them."""
    scale = contrast.texture * texture * (mean if contrast.modality == "us" else 1.0)
    weights = tuple(rounded(draw.normal(1.0) * scale * _TEXTURE_PROFILE[n]) for n in range(TEXTURES))
    return Tissue(mean=mean, texture=(weights[0], weights[1], weights[2], weights[3]))


def organ_mean(draw: Draw, contrast: Contrast, background: float) -> float:
    """Mean signal of an organ that differs from its background by what can be seen."""
    for _ in range(20):
        mean = _any_organ_mean(draw, contrast)
        if contrast.modality == "us":
            visible = max(mean, background) >= 1.4 * min(mean, background)  # 3 dB
        else:
            visible = abs(mean - background) >= contrast.least_difference
        if visible:
            break
    return mean


def _any_organ_mean(draw: Draw, contrast: Contrast) -> float:
    if contrast.modality == "mr":
        return draw.uniform(max(0.02, contrast.base - contrast.span / 2), contrast.base + contrast.span / 2)
    table = _CT_ORGANS_HU if contrast.modality == "ct" else _ULTRASOUND_ORGANS
    _, low, high = draw.pick(table, [row[0] for row in table])
    return draw.uniform(low, high) if contrast.modality == "ct" else draw.log_uniform(low, high)


def fat_mean(draw: Draw, contrast: Contrast) -> float:
    if contrast.modality == "ct":
        return draw.uniform(-120.0, -70.0)
    return _any_organ_mean(draw, contrast) if contrast.modality == "mr" else draw.log_uniform(0.2, 0.9)


def muscle_mean(draw: Draw, contrast: Contrast) -> float:
    if contrast.modality == "ct":
        return draw.uniform(30.0, 75.0)
    return _any_organ_mean(draw, contrast) if contrast.modality == "mr" else draw.log_uniform(0.12, 0.5)


def blood_mean(draw: Draw, contrast: Contrast) -> float:
    if contrast.modality == "ct":
        return draw.uniform(35.0, 60.0) if draw.chance(0.3) else draw.uniform(90.0, 350.0)
    return _any_organ_mean(draw, contrast) if contrast.modality == "mr" else draw.log_uniform(0.008, 0.05)


def cortical_bone_mean(draw: Draw, contrast: Contrast) -> float:
    if contrast.modality == "ct":
        return draw.uniform(350.0, 1300.0)
    return draw.uniform(0.01, 0.12) if contrast.modality == "mr" else draw.uniform(1.5, 4.0)


def marrow_mean(draw: Draw, contrast: Contrast) -> float:
    if contrast.modality == "ct":
        return draw.uniform(80.0, 320.0)
    return _any_organ_mean(draw, contrast) if contrast.modality == "mr" else draw.uniform(0.05, 0.2)


def air_mean(contrast: Contrast) -> float:
    return {"ct": -1000.0, "mr": 0.0, "us": 0.01}[contrast.modality]
