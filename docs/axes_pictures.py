"""Make the pictures of docs/explanation/axes.md: one scene at a time, with one axis changed.

``python docs/axes_pictures.py`` writes them again after the generator has changed.
"""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from synthfm3d.generate import realise
from synthfm3d.intensity import windows_of
from synthfm3d.pictures import contact_sheet, grey, overlay
from synthfm3d.synthesis.modality import GreyMap
from synthfm3d.synthesis.presets import PRESETS
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.scene import Scene
from synthfm3d.synthesis.settings import LayoutShares, Mode, SynthesisSettings
from synthfm3d.synthesis.structures import LAYOUTS
from synthfm3d.volume import Array, Modality

FOLDER = Path(__file__).parent / "images"
SIDE_PX = 150
SHAPE = (24, 128, 128)
COLOURS = 32

Tile = tuple[Array, str]


def main() -> None:
    """Write all four."""
    for make in (anatomy, contrast, boundary, noise):
        (FOLDER / f"axis_{make.__name__}.png").write_bytes(sheet_png(make()))


def sheet_png(rows: list[list[Tile]]) -> bytes:
    """Rows of tiles with their captions as a PNG file of few colours."""
    sheet = contact_sheet(
        [[tile for tile, _ in row] for row in rows], [[text for _, text in row] for row in rows]
    )
    file = io.BytesIO()
    Image.fromarray(sheet).quantize(COLOURS, dither=Image.Dither.NONE).save(file, format="PNG", optimize=True)
    return file.getvalue()


def anatomy() -> list[list[Tile]]:
    """The layouts, and what is labelled in them."""
    plain: list[Tile] = []
    marked: list[Tile] = []
    for layout in LAYOUTS:
        scene = draw_scene(3, 0, settings("ct", layout))
        image, labels = rendered(scene)
        plain.append((image, layout))
        marked.append((overlay(image, labels), "labels"))
    return [plain, marked]


def contrast() -> list[list[Tile]]:
    """One anatomy under five contrasts."""
    kinds: tuple[tuple[Modality, float, Mode, str], ...] = (
        ("ct", 0.0, "off", "off"),
        ("ct", 0.0, "drawn", "CT, tissues"),
        ("ct", 1.0, "drawn", "CT, mixture"),
        ("mr", 0.0, "drawn", "MR, tissues"),
        ("mr", 1.0, "drawn", "MR, mixture"),
    )
    shown = []
    for modality, share, mode, caption in kinds:
        base = settings(modality, "abdomen")
        drawn = replace(base.contrast, mixture_share=share, mode=mode)
        scene = draw_scene(3, 0, replace(base, contrast=drawn, pixel_mm=(2.6, 2.6)))
        shown.append((rendered(scene)[0], caption))
    return [shown]


def boundary() -> list[list[Tile]]:
    """One anatomy with five boundaries, everything else kept."""
    base = draw_scene(3, 0, settings("ct", "abdomen"))
    pixel = base.spacing_mm[1]
    sharp = replace(
        base.boundary,
        psf_mm=(0.3 * pixel, 0.3 * pixel),
        sub_slices=1,
        texture_shield_mm=0.0,
        fade=0.0,
        rim=0.0,
    )
    shown = [
        (sharp, "off: sharp"),
        (replace(sharp, psf_mm=(0.3 * pixel, 1.5 * pixel)), "blur in the plane"),
        (replace(sharp, psf_mm=(6.0, 0.3 * pixel)), "thick slices"),
        (replace(sharp, psf_mm=(0.3 * pixel, 0.6 * pixel), fade=6.0), "fading"),
        (replace(sharp, rim=0.6, rim_mm=2 * pixel), "bright rims"),
    ]
    return [[(rendered(replace(base, boundary=one))[0], caption) for one, caption in shown]]


def noise() -> list[list[Tile]]:
    """What a CT scanner adds to one scene, what an MR scanner adds to another, and four probes."""
    ct = draw_scene(3, 0, settings("ct", "abdomen"))
    centre = (ct.shape[1] / 2 * ct.spacing_mm[1], ct.shape[2] / 2 * ct.spacing_mm[2])
    calm: Any = _changed(ct.acquisition, noise_hu=0.0, ring_hu=0.0, streak_hu=0.0, slice_correlation=0.0)
    metal = (ct.shape[0] / 2 * ct.spacing_mm[0], centre[0] * 1.2, centre[1] * 0.8)
    first = [
        (calm, "CT: off"),
        (replace(calm, noise_hu=25.0, noise_peak_per_mm=0.0), "white noise"),
        (replace(calm, noise_hu=25.0, noise_peak_per_mm=0.08), "of a soft kernel"),
        (replace(calm, noise_hu=8.0, ring_hu=15.0, ring_centre_mm=centre), "rings"),
        (
            replace(
                calm, noise_hu=8.0, streak_hu=60.0, metal_mm=metal, metal_radius_mm=6.0, metal_length_mm=20.0
            ),
            "metal",
        ),
    ]
    mr = draw_scene(3, 1, settings("mr", "abdomen"))
    still: Any = _changed(
        mr.acquisition,
        noise=0.0,
        bias=0.0,
        kept=1.0,
        ghost=0.0,
        motion_pixels=(0, 0),
        grey=GreyMap(),
    )
    second = [
        (still, "MR: off"),
        (replace(still, noise=0.06), "Rician noise"),
        (replace(still, bias=0.35), "receive field"),
        (replace(still, kept=0.5), "truncation"),
        (replace(still, ghost_period=4, ghost=0.9), "ghosts"),
    ]
    rows = [
        [(rendered(replace(base, acquisition=one))[0], caption) for one, caption in row]
        for base, row in ((ct, first), (mr, second))
    ]
    return [*rows, _ultrasound()]


def _ultrasound() -> list[Tile]:
    shown = []
    for probe in ("phased", "curved", "linear", "circular"):
        base = settings("us", "abdomen")
        chosen: Any = replace(base.noise, us=replace(base.noise.us, probes=(probe,)))
        shown.append((rendered(draw_scene(3, 2, replace(base, noise=chosen)))[0], f"ultrasound: {probe}"))
    cine = replace(PRESETS["cine-us"], shape=(8, 128, 128))
    shown.append((rendered(draw_scene(3, 2, cine))[0], "a beating heart"))
    return shown


def settings(modality: Modality, layout: str) -> SynthesisSettings:
    """Settings for one modality and one layout, slices not too thick."""
    shares = LayoutShares(**{name: float(name == layout) for name in LAYOUTS})
    base = SynthesisSettings(shape=SHAPE, modalities=(modality,), anisotropy=(2.0, 2.0))
    return replace(base, anatomy=replace(base.anatomy, layouts=shares))


def rendered(scene: Scene) -> tuple[Array, Array]:
    """The middle slice as a square picture, and its labels."""
    volume = realise(scene)
    z = scene.shape[0] // 2
    image = grey(volume.image.voxels[z], windows_of(volume.image).bounds[0])
    return _square(image, Image.Resampling.BICUBIC), _square(
        volume.labels.voxels[z], Image.Resampling.NEAREST
    )


def _changed(acquisition: Any, **changes: Any) -> Any:
    """Of whichever scanner it is."""
    return replace(acquisition, **changes)


def _square(pixels: Array, method: Image.Resampling) -> Array:
    return np.asarray(Image.fromarray(pixels).resize((SIDE_PX, SIDE_PX), method))


if __name__ == "__main__":
    main()
