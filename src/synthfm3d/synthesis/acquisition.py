"""Noise and acquisition: what the scanner adds."""

from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scene import (
    Acquisition,
    CtAcquisition,
    MrAcquisition,
    Position,
    UltrasoundAcquisition,
)
from synthfm3d.volume import Modality


def draw_acquisition(draw: Draw, modality: Modality, size_mm: Position, pixel_mm: float) -> Acquisition:
    """Acquisition parameters for a field of view (z, y, x) in mm and a pixel size in mm."""
    if modality == "ct":
        return CtAcquisition(noise_hu=draw.log_uniform(4.0, 40.0), correlated_share=draw.uniform(0.2, 0.8))
    if modality == "mr":
        return MrAcquisition(noise=draw.log_uniform(0.005, 0.07), bias=draw.uniform(0.0, 0.3))
    return _ultrasound(draw, size_mm, pixel_mm)


def _ultrasound(draw: Draw, size_mm: Position, pixel_mm: float) -> UltrasoundAcquisition:
    """A phased array (apex at the skin), a curved array (apex behind it) or a linear one."""
    _, height, width = size_mm
    middle = width * draw.uniform(0.45, 0.55)
    kind = draw.pick(("phased", "curved", "linear"), (0.35, 0.4, 0.25))
    if kind == "phased":
        apex, near, half_width = 0.02 * height, 0.02 * height, draw.uniform(0.6, 0.95)
    elif kind == "curved":
        behind = height * draw.uniform(0.25, 0.6)
        apex, near, half_width = -behind, behind + 0.02 * height, draw.uniform(0.45, 0.8)
    else:
        behind = 40.0 * height
        apex, near, half_width = -behind, behind + 0.01 * height, 0.5 * width / (behind + height)
    axial = pixel_mm * draw.uniform(0.55, 1.1)
    return UltrasoundAcquisition(
        apex_mm=(rounded(apex), rounded(middle)),
        near_mm=rounded(near),
        far_mm=rounded(-apex + height * draw.uniform(0.9, 1.02)),
        half_width=rounded(half_width),
        speckle_mm=(
            rounded(axial),
            rounded(axial * draw.uniform(1.3, 3.0)),
            rounded(axial * draw.uniform(1.5, 4.0)),
        ),
        dynamic_range_db=draw.uniform(45.0, 70.0),
        gain_db=draw.uniform(-18.0, -2.0),
        attenuation_db=draw.uniform(-6.0, 12.0),
        shadow=draw.uniform(0.02, 0.25),
    )
