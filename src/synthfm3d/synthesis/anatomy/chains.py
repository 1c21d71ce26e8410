"""Chains: like objects in a row, as bones of a hand, nodes, teeth, or vertebrae in a narrow field of view."""

from synthfm3d.synthesis.anatomy.frame import Frame, Labels
from synthfm3d.synthesis.anatomy.organs import draw_place
from synthfm3d.synthesis.anatomy.planes import in_plane
from synthfm3d.synthesis.anatomy.shapes import bent, shifted
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import CrowdSettings
from synthfm3d.synthesis.structures import Ellipsoid, Layer, Material, Part, Structure, Superquadric

_LINK_SIZE = (0.03, 0.09)
_MATERIALS: tuple[Material, ...] = ("parenchyma", "cortical bone", "blood", "fluid")
_MATERIAL_SHARES = (0.45, 0.35, 0.1, 0.1)


def draw_chain(draw: Draw, frame: Frame, crowd: CrowdSettings, labels: Labels) -> list[Structure]:
    """Four to nine objects of one shape and signal in a row along the body or, less often, across it.

    They touch, are parted by a plane, or lie some way apart; each has a label, or none has.
    """
    place = draw_place(draw, frame, [], _LINK_SIZE, 0.0)
    heading: tuple[float, ...] = (1.0, 0.0, 0.0) if draw.chance(0.7) else draw.direction(3)
    labelled = draw.chance(0.5 + 0.5 * crowd.labelled_share)
    material = draw.pick(_MATERIALS, _MATERIAL_SHARES)
    squareness, width = draw.uniform(0.0, 1.0), draw.uniform(0.7, 1.3)
    pitch = 2.0 * draw.uniform(0.9, 1.25)
    parted = draw.chance(crowd.plane_share)
    count = draw.whole(4, 9)
    centre = shifted(place.centre_mm, heading, -0.5 * pitch * count * place.radius_mm)
    links: list[Structure] = []
    for number in range(1, count + 1):
        name = f"link {number}"
        layers: tuple[Layer, ...]
        layers = (Layer(name=name, depth_mm=0.0, label=labels.new() if labelled else 0, material=material),)
        if material == "cortical bone":
            shell = rounded(place.radius_mm * draw.uniform(0.1, 0.2))
            layers += (Layer(name=name, depth_mm=shell, label=layers[0].label, material="marrow"),)
        if parted:
            layers = in_plane(draw, frame, crowd, layers)
        semi = (place.radius_mm, width * place.radius_mm, place.radius_mm)
        axes = tuple(rounded(axis * draw.log_uniform(0.9, 1.1)) for axis in semi)
        turned = (1.0, draw.normal(0.08), draw.normal(0.08), draw.normal(0.08))
        part: Part
        if squareness > 0.3:
            part = Superquadric(
                centre_mm=centre,
                semi_axes_mm=(axes[0], axes[1], axes[2]),
                quaternion=turned,
                squareness=squareness,
                taper=draw.uniform(-0.15, 0.15),
                bend=0.0,
            )
        else:
            part = Ellipsoid(centre_mm=centre, semi_axes_mm=(axes[0], axes[1], axes[2]), quaternion=turned)
        rough = rounded(0.06 * place.radius_mm)
        links.append(
            Structure(
                name=name,
                parts=(part,),
                layers=layers,
                roughness_mm=(rough, 0.0),
                like=None if number == 1 else "link 1",
            )
        )
        heading = bent(heading, draw.direction(3), 0.08)
        centre = shifted(centre, heading, pitch * place.radius_mm)
    return links
