"""``run_demo``: the whole project on one page, in minutes, without a network or a GPU.

Synthetic volumes are generated, and the model that was trained on such volumes segments a real human
scan, which ships inside nibabel, from one click.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthfm3d import __version__
from synthfm3d.files import write_atomically
from synthfm3d.generate import LabelledVolume, generate
from synthfm3d.intensity import windows_of
from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.reading import example
from synthfm3d.pictures import Cross, Layer, contact_sheet, data_uri, png_bytes, three_planes
from synthfm3d.pipeline import gallery
from synthfm3d.pipeline.pages import filled
from synthfm3d.prompts.prompt import Point
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.result import Segmentation
from synthfm3d.volume import Array, Volume

PAGE = "index.html"
HEAD = "head.nii.gz"
"""The real scan, so that the first lines of Python can be tried on it."""
CLICK_IJK = (65, 46, 17)
"""Voxel (i, j, k) of example4d.nii.gz in the body of the lateral ventricles, chosen from anatomy."""
_WARM_UP = 3  # volumes rendered before timing: kernels are compiled once per machine


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """Path of the page, volume of the object, and times in seconds."""

    page: Path
    volume_ml: float
    seconds_per_volume: float
    seconds_to_segment: float


def run_demo(
    folder: Path,
    *,
    seed: int = 0,
    volumes: int = 6,
    model: str = "default",
    device: str = "auto",
    report: Callable[[str], None] = lambda sentence: None,
) -> DemoResult:
    """Generate a gallery, segment a real scan from one click, write ``folder/index.html``.

    The volumes, the real scan and its mask are written beside the page. ``report`` is called with a sentence
    before each step.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report(f"Generating {volumes} synthetic volumes.")
    made, seconds = _timed_volumes(seed, volumes)
    sheet = _write_gallery(folder, made)

    report("Segmenting a real MR scan of a head from one click.")
    scan = example()
    r, a, s = (float(v) for v in scan.grid.to_mm(np.array(CLICK_IJK[::-1])))
    click = Point(position_mm=(r, a, s))
    segmenter = Segmenter.from_pretrained(model, device)
    start = time.perf_counter()
    result = segmenter.segment_with_details(scan, [click])
    seconds_to_segment = time.perf_counter() - start
    write_nifti(folder / HEAD, scan)
    write_nifti(folder / "head_mask.nii.gz", result.mask)

    page = folder / PAGE
    html = _page(
        gallery_picture=sheet.picture(),
        head_picture=_head_picture(scan, click, result),
        click=click,
        result=result,
        model=segmenter.model.name,
        seed=seed,
        seconds_per_volume=seconds,
        seconds_to_segment=seconds_to_segment,
    )
    write_atomically(page, html.encode())
    return DemoResult(
        page=page,
        volume_ml=result.volume_ml,
        seconds_per_volume=seconds,
        seconds_to_segment=seconds_to_segment,
    )


def _write_gallery(folder: Path, volumes: Sequence[LabelledVolume]) -> gallery.ContactSheet:
    sheet = gallery.ContactSheet()
    for volume in volumes:
        gallery.write_volume(gallery.volume_folder(folder, volume.scene.index), volume)
        sheet.add(volume)
    sheet.write(folder)
    return sheet


def _timed_volumes(seed: int, volumes: int) -> tuple[list[LabelledVolume], float]:
    """The volumes, and the seconds that one took; the first calls, which compile, are not timed."""
    for index in range(_WARM_UP):
        generate(seed, index)
    start = time.perf_counter()
    made = [generate(seed, index, threads=2) for index in range(volumes)]
    return made, (time.perf_counter() - start) / volumes


def _head_picture(scan: Volume, click: Point, result: Segmentation) -> Array:
    """Three planes through the click, without and with the mask."""
    layer = Layer(labels=result.mask, colour=(213, 94, 0), fill=0.4, outline_px=2)
    plain, masked = (
        three_planes(
            scan,
            click.position_mm,
            windows_of(scan).bounds[0],
            layers=layers,
            marks=[Cross(position_mm=click.position_mm)] if not layers else [],
            field_of_view_mm=200.0,
            height_px=300,
        )
        for layers in ([], [layer])
    )
    return contact_sheet([[plain], [masked]], [["the scan and the click"], ["the mask"]])


def _page(*, gallery_picture: Array, head_picture: Array, **facts: object) -> str:
    return filled(
        "demo.html.jinja",
        gallery_uri=data_uri(png_bytes(gallery_picture)),
        head_uri=data_uri(png_bytes(head_picture)),
        version=__version__,
        **facts,
    )
