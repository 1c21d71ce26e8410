"""Boundary definition: the point spread of slice and pixel, and where texture stops."""

from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scene import Boundary, Position
from synthfm3d.volume import Modality

_BOX_STD = 0.2887
"""Standard deviation of a slice profile of unit width, 1 / sqrt(12)."""
_SHIELDED = 0.7
"""Share of volumes whose texture fades out towards boundaries (arXiv 2603.00985)."""


def draw_boundary(draw: Draw, modality: Modality, spacing_mm: Position) -> Boundary:
    """Slices 0.8-1.3 times as thick as their distance; in-plane spread 0.35-1.1 pixels."""
    thickness = spacing_mm[0] * draw.uniform(0.8, 1.3)
    pixel = spacing_mm[1]
    shielded = modality != "us" and draw.chance(_SHIELDED)
    return Boundary(
        psf_mm=(
            rounded(max(_BOX_STD * thickness, 0.3 * pixel)),
            rounded(pixel * draw.log_uniform(0.35, 1.1)),
        ),
        texture_shield_mm=rounded(pixel * draw.uniform(2.0, 4.0)) if shielded else 0.0,
    )
