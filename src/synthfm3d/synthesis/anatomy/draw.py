"""``draw_anatomy``: the first axis, put together. The order of structures is the order of painting."""

from dataclasses import replace

from synthfm3d.synthesis.anatomy.arrangements import draw_abdomen, draw_heart
from synthfm3d.synthesis.anatomy.body import draw_body, draw_surroundings
from synthfm3d.synthesis.anatomy.bones import draw_bones, draw_spine
from synthfm3d.synthesis.anatomy.chest import draw_chest, draw_rib_cage
from synthfm3d.synthesis.anatomy.cine import draw_beating_heart
from synthfm3d.synthesis.anatomy.crowd import draw_crowd, is_crowded
from synthfm3d.synthesis.anatomy.extras import draw_lesions, draw_sheet
from synthfm3d.synthesis.anatomy.frame import Frame, Labels
from synthfm3d.synthesis.anatomy.neighbours import Neighbours, draw_neighbours
from synthfm3d.synthesis.anatomy.organs import draw_fillers, draw_organs
from synthfm3d.synthesis.anatomy.pelvis import draw_pelvic_bones, draw_pelvis
from synthfm3d.synthesis.anatomy.vessels import draw_vessels
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import AnatomySettings, CrowdSettings, FamilyShares
from synthfm3d.synthesis.structures import LAYOUTS, ZYX, Anatomy, Layout, Structure
from synthfm3d.volume import Modality

_PLAIN_FAMILIES = FamilyShares(ellipsoid=1.0, stack=0.0, star=0.0, superquadric=0.0, sausage=0.0)


def draw_layout(seed: int, place: str | int, modality: Modality, settings: AnatomySettings) -> Layout:
    """The layout of an anatomy: it bounds the field of view, so it comes first.

    Where anatomy is switched off, the field of view stays that of the layout which it would have had.
    """
    draw = Draw(seed, place, "layout")
    shares = settings.layouts
    if modality == "us":
        shares = replace(
            shares,
            trunk=shares.trunk + shares.chest,
            abdomen=shares.abdomen + shares.pelvis,
            chest=0.0,
            pelvis=0.0,
        )
    return draw.pick(LAYOUTS, [getattr(shares, name) for name in LAYOUTS])


def draw_anatomy(
    seed: int,
    place: str | int,
    modality: Modality,
    settings: AnatomySettings,
    size_mm: ZYX,
    pixel_mm: float,
) -> Anatomy:
    """Structures for a field of view (z, y, x) in mm. ``place`` names the streams.

    Switched off, anatomy is smooth ellipsoids in the free layout: no walls, twins, lesions, vessels,
    sheets, noise or warp.
    """
    if settings.mode == "off":
        settings = _switched_off(settings)
    plan = Draw(seed, place, "anatomy")
    layout = "free" if settings.mode == "off" else draw_layout(seed, place, modality, settings)
    crowded = is_crowded(seed, place, modality, settings.crowd)
    labels = Labels()
    body, frame, cavity_depth = draw_body(
        Draw(seed, place, "body"), modality, layout, size_mm, pixel_mm, labels, crowded=crowded
    )
    structures = [body]
    if layout != "head":
        fillers = replace(settings, fillers=settings.crowd.fillers) if crowded else settings
        structures += draw_fillers(Draw(seed, place, "fillers"), frame, fillers)
        if crowded:
            structures += draw_crowd(seed, place, frame, settings.crowd, labels)
    main = _main_organs(seed, place, layout, frame, settings, labels)
    bones = _bones(seed, place, frame, crowded, labels) if cavity_depth > 0 else []
    vessels = draw_vessels(Draw(seed, place, "vessels"), frame, settings, labels)
    lesions = draw_lesions(Draw(seed, place, "lesions"), frame, settings, main, labels)
    around = Neighbours()
    if crowded:
        hosts = [*main, *vessels]
        around = draw_neighbours(Draw(seed, place, "neighbours"), frame, settings.crowd, hosts, labels)
    structures += [*around.under, *main, *bones, *vessels, *lesions, *around.over]
    sheet = Draw(seed, place, "sheet")
    if sheet.chance(settings.sheet_share):
        structures += [draw_sheet(sheet, frame, labels, n) for n in range(1, sheet.whole(1, 3) + 1)]
    if settings.mode == "off":
        structures = [replace(structure, roughness_mm=(0.0, 0.0)) for structure in structures]
    return Anatomy(
        layout=layout,
        structures=tuple(structures),
        cavity_depth_mm=cavity_depth,
        shape_noise_mm=_shape_noise(plan, settings, frame),
        warp_mm=rounded(0.12 * frame.scale_mm),
        warp_amplitude_mm=rounded(frame.scale_mm * plan.uniform(*settings.warp)),
    )


def _bones(seed: int, place: str | int, frame: Frame, crowded: bool, labels: Labels) -> list[Structure]:
    """The skeleton of a whole body."""
    draw = Draw(seed, place, "bones")
    if frame.layout == "pelvis":
        return draw_pelvic_bones(draw, frame, labels)
    if frame.layout == "chest":
        return [*draw_spine(draw, frame, labels, crowded), *draw_rib_cage(draw, frame, labels)]
    if frame.layout in ("trunk", "abdomen", "heart"):
        return draw_bones(draw, frame, labels, crowded=crowded)
    return []


def _main_organs(
    seed: int, place: str | int, layout: Layout, frame: Frame, settings: AnatomySettings, labels: Labels
) -> list[Structure]:
    """The organs that make a layout, each of which may have lesions."""
    if layout == "abdomen":
        return draw_abdomen(Draw(seed, place, "abdomen"), frame, settings, labels)
    if layout == "heart":
        return draw_heart(Draw(seed, place, "heart"), frame, labels)
    if layout == "chest":
        return draw_chest(Draw(seed, place, "chest"), frame, settings, labels)
    if layout == "pelvis":
        return draw_pelvis(Draw(seed, place, "pelvis"), frame, settings, labels)
    organs = Draw(seed, place, "organs")
    return draw_organs(organs, frame, settings, organs.whole(*settings.organs), labels)


def _shape_noise(draw: Draw, settings: AnatomySettings, frame: Frame) -> tuple[float, float]:
    coarse = frame.scale_mm * draw.log_uniform(*settings.shape_noise)
    return rounded(coarse), rounded(0.4 * coarse)


def draw_cine(
    seed: int,
    place: str | int,
    modality: Modality,
    settings: AnatomySettings,
    size_mm: ZYX,
    pixel_mm: float,
) -> Anatomy:
    """A beating heart for a field of view (y, x) in mm over ``size_mm[0]`` frames.

    Switched off, it beats without roughness and warp.
    """
    plan = Draw(seed, place, "anatomy")
    labels = Labels()
    body, frame = draw_surroundings(Draw(seed, place, "body"), modality, size_mm, pixel_mm)
    structures = [body, *draw_beating_heart(Draw(seed, place, "heart"), frame, labels)]
    warp = plan.uniform(*settings.warp)
    if settings.mode == "off":
        structures = [replace(structure, roughness_mm=(0.0, 0.0)) for structure in structures]
        warp = 0.0
    return Anatomy(
        layout="heart",
        structures=tuple(structures),
        cavity_depth_mm=0.0,
        shape_noise_mm=_shape_noise(plan, settings, frame),
        warp_mm=rounded(0.12 * frame.scale_mm),
        warp_amplitude_mm=rounded(frame.scale_mm * warp),
    )


def _switched_off(settings: AnatomySettings) -> AnatomySettings:
    return replace(
        settings,
        families=_PLAIN_FAMILIES,
        neighbourhood_share=0.0,
        wall_share=0.0,
        twin_share=0.0,
        lesion_share=0.0,
        fillers=(0, 0),
        trunks=(0, 0),
        trees=(0, 0),
        sheet_share=0.0,
        warp=(0.0, 0.0),
        crowd=CrowdSettings(share=0.0),
    )
