"""Vessels: trunks that pass through the slices, and trees of tapering tubes.

Bifurcations follow Murray's law, r0^3 = r1^3 + r2^3 (Murray, PNAS 12:207, 1926).
"""

from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.anatomy.shapes import bent, shifted
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import AnatomySettings
from synthfm3d.synthesis.structures import ZYX, Layer, Stack, Structure, Tube

_THINNEST = 0.004
"""Radius, as a share of the field of view, below which a branch ends."""
_MOST_TUBES = 24
_STRAND_RADIUS = (0.007, 0.011)
"""Radius of the thickest vessel of a strand, 2 to 4 mm in a body."""


def draw_vessels(draw: Draw, view: FieldOfView, settings: AnatomySettings, labels: Labels) -> list[Structure]:
    """Trunks through the slices, and trees."""
    trunks = [
        Structure(
            name=f"vessel {number}",
            parts=(_trunk(draw, view),),
            layers=_filling(f"vessel {number}", labels.new()),
        )
        for number in range(1, draw.whole(*settings.trunks) + 1)
    ]
    trees = [
        Structure(
            name=f"vessel tree {number}",
            parts=tuple(_tree(draw, view)),
            layers=_filling(f"vessel tree {number}", labels.new() if draw.chance(0.6) else 0),
            blend_mm=rounded(0.004 * view.scale_mm),
        )
        for number in range(1, draw.whole(*settings.trees) + 1)
    ]
    return trunks + trees


def _filling(name: str, label: int) -> tuple[Layer, ...]:
    return (Layer(name=name, depth_mm=0.0, label=label, material="blood"),)


def _trunk(draw: Draw, view: FieldOfView) -> Stack:
    radius = view.scale_mm * draw.log_uniform(0.015, 0.05)
    depth = view.size_mm[0]
    start, end = (-0.5 * depth, 1.5 * depth)
    if draw.chance(0.3):  # one that begins or ends within the volume
        start = draw.uniform(0.1, 0.5) * depth
    centre = (
        rounded(view.centre_mm[0] + draw.uniform(-0.5, 0.6) * view.cavity_mm[0]),
        rounded(view.centre_mm[1] + draw.uniform(-0.5, 0.5) * view.cavity_mm[1]),
    )
    wander = 0.03 * view.scale_mm
    return Stack(
        centre_mm=centre,
        semi_axes_mm=(rounded(radius * draw.uniform(0.6, 1.0)), rounded(radius)),
        direction=_pair(draw),
        scale=((rounded(start), draw.uniform(0.7, 1.1)), (rounded(end), draw.uniform(0.7, 1.1))),
        drift_mm=tuple((draw.normal(wander), draw.normal(wander)) for _ in range(7)),
    )


def _pair(draw: Draw) -> tuple[float, float]:
    cosine, sine = draw.direction(2)
    return cosine, sine


def draw_strands(draw: Draw, view: FieldOfView, count: int) -> list[Structure]:
    """Unlabelled trees of thin vessels, as in the fat between organs."""
    return [
        Structure(
            name=f"strands {number}",
            parts=tuple(_tree(draw, view, _STRAND_RADIUS)),
            layers=_filling(f"strands {number}", 0),
            like=None if number == 1 else "strands 1",
        )
        for number in range(1, count + 1)
    ]


def _tree(draw: Draw, view: FieldOfView, radii: tuple[float, float] = (0.012, 0.03)) -> list[Tube]:
    root = (
        rounded(view.size_mm[0] * draw.uniform(0.1, 0.9)),
        rounded(view.centre_mm[0] + draw.uniform(-0.5, 0.5) * view.cavity_mm[0]),
        rounded(view.centre_mm[1] + draw.uniform(-0.5, 0.5) * view.cavity_mm[1]),
    )
    tubes: list[Tube] = []
    branches = [(root, draw.direction(3), view.scale_mm * draw.log_uniform(*radii))]
    while branches and len(tubes) < _MOST_TUBES:
        point, heading, radius = branches.pop(0)
        for _ in range(draw.whole(1, 4)):
            heading = bent(heading, draw.direction(3), 0.4)
            ahead: ZYX = shifted(point, heading, view.scale_mm * draw.uniform(0.03, 0.08))
            after = radius * draw.uniform(0.85, 1.0)
            tubes.append(
                Tube(
                    start_mm=point,
                    end_mm=ahead,
                    start_radius_mm=rounded(radius),
                    end_radius_mm=rounded(after),
                )
            )
            point, radius = ahead, after
        share = draw.uniform(0.2, 0.5)  # of r0^3 that the smaller branch takes
        for part in (1.0 - share, share):
            branch = radius * part ** (1.0 / 3.0)
            if branch > _THINNEST * view.scale_mm:
                branches.append((point, bent(heading, draw.direction(3), 0.8), branch))
    return tubes
