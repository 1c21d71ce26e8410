"""``draw_anatomy``: the first axis. Structures are painted in the order in which they are listed."""

from dataclasses import replace

from synthfm3d.synthesis.anatomy.arrangements import draw_abdomen, draw_heart
from synthfm3d.synthesis.anatomy.body import draw_body, draw_surroundings
from synthfm3d.synthesis.anatomy.bones import draw_bones, draw_spine
from synthfm3d.synthesis.anatomy.chest import draw_chest, draw_rib_cage
from synthfm3d.synthesis.anatomy.cine import draw_beating_heart
from synthfm3d.synthesis.anatomy.crowd import draw_crowd, is_crowded
from synthfm3d.synthesis.anatomy.extras import draw_lesions, draw_sheet
from synthfm3d.synthesis.anatomy.field_of_view import FieldOfView, Labels
from synthfm3d.synthesis.anatomy.neighbours import Neighbours, draw_neighbours
from synthfm3d.synthesis.anatomy.organs import draw_fillers, draw_organs
from synthfm3d.synthesis.anatomy.pelvis import draw_pelvic_bones, draw_pelvis
from synthfm3d.synthesis.anatomy.shapes import FamilyShares
from synthfm3d.synthesis.anatomy.vessels import draw_vessels
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.settings import AnatomySettings, CrowdSettings
from synthfm3d.synthesis.structures import LAYOUTS, ZYX, Anatomy, Layout, Structure
from synthfm3d.volume import Modality

_PLAIN_FAMILIES = FamilyShares.only("ellipsoid")


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
    body, view, cavity_depth = draw_body(
        Draw(seed, place, "body"), modality, layout, size_mm, pixel_mm, labels, crowded=crowded
    )
    structures = [body]
    if layout != "head":
        fillers = replace(settings, fillers=settings.crowd.fillers) if crowded else settings
        structures += draw_fillers(Draw(seed, place, "fillers"), view, fillers)
        if crowded:
            structures += draw_crowd(seed, place, view, settings.crowd, labels)
    main = _main_organs(seed, place, layout, view, settings, labels)
    bones = _bones(seed, place, view, crowded, labels) if cavity_depth > 0 else []
    vessels = draw_vessels(Draw(seed, place, "vessels"), view, settings, labels)
    lesions = draw_lesions(Draw(seed, place, "lesions"), view, settings, main, labels)
    around = Neighbours()
    if crowded:
        hosts = [*main, *vessels]
        around = draw_neighbours(Draw(seed, place, "neighbours"), view, settings.crowd, hosts, labels)
    structures += [*around.under, *main, *bones, *vessels, *lesions, *around.over]
    sheet = Draw(seed, place, "sheet")
    if sheet.chance(settings.sheet_share):
        structures += [draw_sheet(sheet, view, labels, n) for n in range(1, sheet.whole(1, 3) + 1)]
    if settings.mode == "off":
        structures = [replace(structure, roughness_mm=(0.0, 0.0)) for structure in structures]
    return Anatomy(
        layout=layout,
        structures=tuple(structures),
        cavity_depth_mm=cavity_depth,
        shape_noise_mm=_shape_noise(plan, settings, view),
        warp_mm=rounded(0.12 * view.scale_mm),
        warp_amplitude_mm=rounded(view.scale_mm * plan.uniform(*settings.warp)),
    )


def _bones(seed: int, place: str | int, view: FieldOfView, crowded: bool, labels: Labels) -> list[Structure]:
    """The skeleton of a whole body."""
    draw = Draw(seed, place, "bones")
    if view.layout == "pelvis":
        return draw_pelvic_bones(draw, view, labels)
    if view.layout == "chest":
        return [*draw_spine(draw, view, labels, crowded), *draw_rib_cage(draw, view, labels)]
    if view.layout in ("trunk", "abdomen", "heart"):
        return draw_bones(draw, view, labels, crowded=crowded)
    return []


def _main_organs(
    seed: int, place: str | int, layout: Layout, view: FieldOfView, settings: AnatomySettings, labels: Labels
) -> list[Structure]:
    """The organs that make a layout, each of which may have lesions."""
    if layout == "abdomen":
        return draw_abdomen(Draw(seed, place, "abdomen"), view, settings, labels)
    if layout == "heart":
        return draw_heart(Draw(seed, place, "heart"), view, labels)
    if layout == "chest":
        return draw_chest(Draw(seed, place, "chest"), view, settings, labels)
    if layout == "pelvis":
        return draw_pelvis(Draw(seed, place, "pelvis"), view, settings, labels)
    organs = Draw(seed, place, "organs")
    return draw_organs(organs, view, settings, organs.whole(*settings.organs), labels)


def _shape_noise(draw: Draw, settings: AnatomySettings, view: FieldOfView) -> tuple[float, float]:
    coarse = view.scale_mm * draw.log_uniform(*settings.shape_noise)
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
    body, view = draw_surroundings(Draw(seed, place, "body"), modality, size_mm, pixel_mm)
    structures = [body, *draw_beating_heart(Draw(seed, place, "heart"), view, labels)]
    warp = plan.uniform(*settings.warp)
    if settings.mode == "off":
        structures = [replace(structure, roughness_mm=(0.0, 0.0)) for structure in structures]
        warp = 0.0
    return Anatomy(
        layout="heart",
        structures=tuple(structures),
        cavity_depth_mm=0.0,
        shape_noise_mm=_shape_noise(plan, settings, view),
        warp_mm=rounded(0.12 * view.scale_mm),
        warp_amplitude_mm=rounded(view.scale_mm * warp),
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
