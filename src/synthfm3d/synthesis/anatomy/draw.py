"""``draw_anatomy``: the first axis, put together. The order of structures is the order of painting."""

from dataclasses import replace

from synthfm3d.synthesis.anatomy.arrangements import draw_abdomen, draw_heart
from synthfm3d.synthesis.anatomy.body import draw_body, draw_surroundings
from synthfm3d.synthesis.anatomy.bones import draw_bones
from synthfm3d.synthesis.anatomy.cine import draw_beating_heart
from synthfm3d.synthesis.anatomy.extras import draw_lesions, draw_sheet
from synthfm3d.synthesis.anatomy.frame import Frame, Labels
from synthfm3d.synthesis.anatomy.organs import draw_fillers, draw_organs
from synthfm3d.synthesis.anatomy.vessels import draw_vessels
from synthfm3d.synthesis.draw import Draw, rounded
from synthfm3d.synthesis.scanner import ZYX
from synthfm3d.synthesis.scene import LAYOUTS, Anatomy, Layout, Structure
from synthfm3d.synthesis.settings import AnatomySettings, FamilyShares
from synthfm3d.volume import Modality

_PLAIN_FAMILIES = FamilyShares(ellipsoid=1.0, stack=0.0, star=0.0, superquadric=0.0, sausage=0.0)


def draw_layout(seed: int, place: str | int, settings: AnatomySettings) -> Layout:
    """The layout of an anatomy: it bounds the field of view, so it comes first.

    Where anatomy is switched off, the field of view stays that of the layout which it would have had.
    """
    draw = Draw(seed, place, "layout")
    return draw.pick(LAYOUTS, [getattr(settings.layouts, name) for name in LAYOUTS])


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
    layout = "free" if settings.mode == "off" else draw_layout(seed, place, settings)
    labels = Labels()
    body, frame, cavity_depth = draw_body(
        Draw(seed, place, "body"), modality, layout, size_mm, pixel_mm, labels
    )
    structures = [body]
    if layout != "head":
        structures += draw_fillers(Draw(seed, place, "fillers"), frame, settings)
    main = _main_organs(seed, place, layout, frame, settings, labels)
    structures += main
    if cavity_depth > 0 and layout in ("trunk", "abdomen", "heart"):
        structures += draw_bones(Draw(seed, place, "bones"), frame, labels)
    structures += draw_vessels(Draw(seed, place, "vessels"), frame, settings, labels)
    structures += draw_lesions(Draw(seed, place, "lesions"), frame, settings, main, labels)
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


def _main_organs(
    seed: int, place: str | int, layout: Layout, frame: Frame, settings: AnatomySettings, labels: Labels
) -> list[Structure]:
    """The organs that make a layout, each of which may have lesions."""
    if layout == "abdomen":
        return draw_abdomen(Draw(seed, place, "abdomen"), frame, settings, labels)
    if layout == "heart":
        return draw_heart(Draw(seed, place, "heart"), frame, labels)
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
    )
