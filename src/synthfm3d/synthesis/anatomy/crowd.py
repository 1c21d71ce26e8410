"""Structures between the organs of a crowded body, in the order of painting, and chains of objects."""

from synthfm3d.synthesis.anatomy.bowel import draw_bowels
from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.anatomy.muscles import draw_bundle, draw_muscles
from synthfm3d.synthesis.anatomy.neighbours import in_plane
from synthfm3d.synthesis.anatomy.organs import draw_location
from synthfm3d.synthesis.anatomy.shapes import bent, shifted
from synthfm3d.synthesis.anatomy.vessels import draw_strands
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import CrowdSettings
from synthfm3d.synthesis.structures import Ellipsoid, Layer, Material, Part, Structure, Superquadric
from synthfm3d.volume import Modality

_WITH_BUNDLES = ("heart", "free")
_WITH_BOWEL = ("trunk", "abdomen", "pelvis", "free")
_LINK_SIZE = (0.03, 0.09)
_MATERIALS: tuple[Material, ...] = ("parenchyma", "cortical bone", "blood", "fluid")
_MATERIAL_SHARES = (0.45, 0.35, 0.1, 0.1)


def is_crowded(seed: int, place: str | int, modality: Modality, crowd: CrowdSettings) -> bool:
    """Whether a volume is crowded; ultrasound never is."""
    return modality != "us" and Draw(seed, place, "crowd").chance(crowd.share)


def draw_crowd(
    seed: int, place: str | int, view: FieldOfView, crowd: CrowdSettings, labels: Labels
) -> list[Structure]:
    """Thin vessels in the fat, muscles, bowels and chains, which organs cover."""
    strands = Draw(seed, place, "strands")
    found = draw_strands(strands, view, strands.whole(*crowd.strands))
    muscles = Draw(seed, place, "muscles")
    if view.layout in _WITH_BUNDLES:
        for number in range(1, muscles.whole(*crowd.bundles) + 1):
            found += draw_bundle(muscles, view, crowd, labels, number)
    else:
        found += draw_muscles(muscles, view, crowd, labels)
    if view.layout in _WITH_BOWEL:
        found += draw_bowels(Draw(seed, place, "bowels"), view, crowd, labels)
    chain = Draw(seed, place, "chain")
    if chain.chance(crowd.chain_share):
        found += draw_chain(chain, view, crowd, labels)
    return found


def draw_chain(draw: Draw, view: FieldOfView, crowd: CrowdSettings, labels: Labels) -> list[Structure]:
    """Four to nine objects of one shape and signal in a row along the body or, less often, across it.

    They are like the bones of a hand, lymph nodes, teeth, or vertebrae in a narrow field of view.

    They touch, are separated by a plane, or lie apart; each has a label, or none has.
    """
    location = draw_location(draw, view, [], _LINK_SIZE, 0.0)
    heading: tuple[float, ...] = (1.0, 0.0, 0.0) if draw.chance(0.7) else draw.direction(3)
    labelled = draw.chance(0.5 + 0.5 * crowd.labelled_share)
    material = draw.pick(_MATERIALS, _MATERIAL_SHARES)
    squareness, width = draw.uniform(0.0, 1.0), draw.uniform(0.7, 1.3)
    pitch = 2.0 * draw.uniform(0.9, 1.25)
    parted = draw.chance(crowd.plane_share)
    count = draw.whole(4, 9)
    centre = shifted(location.centre_mm, heading, -0.5 * pitch * count * location.radius_mm)
    links: list[Structure] = []
    for number in range(1, count + 1):
        name = f"link {number}"
        layers: tuple[Layer, ...]
        layers = (Layer(name=name, depth_mm=0.0, label=labels.new() if labelled else 0, material=material),)
        if material == "cortical bone":
            shell = rounded(location.radius_mm * draw.uniform(0.1, 0.2))
            layers += (Layer(name=name, depth_mm=shell, label=layers[0].label, material="marrow"),)
        if parted:
            layers = in_plane(draw, view, crowd, layers)
        semi = (location.radius_mm, width * location.radius_mm, location.radius_mm)
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
        rough = rounded(0.06 * location.radius_mm)
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
        centre = shifted(centre, heading, pitch * location.radius_mm)
    return links
