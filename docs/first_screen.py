"""Make docs/images/first_screen.png, the picture of the README."""

from pathlib import Path

import numpy as np
from PIL import Image

from synthfm3d.generate import generate
from synthfm3d.intensity import windows_of
from synthfm3d.io.reading import example
from synthfm3d.pictures import contact_sheet, grey, overlay, png_bytes, with_cross
from synthfm3d.pipeline.demo import CLICK_IJK
from synthfm3d.prompts.prompt import Point
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.synthesis.presets import PRESETS
from synthfm3d.volume import Array, Volume

SIDE_PX = 260
SEED = 5
VOLUMES = (("ct", 2, "synthetic CT"), ("mr", 0, "synthetic MR"), ("us", 2, "synthetic ultrasound"))


def slice_pair(image: Volume, labels: Volume, z: int, click: tuple[int, int] | None = None) -> list[Array]:
    """An axial slice as a square picture, and the same with its labels."""
    plain = _square(grey(image.voxels[z], windows_of(image).bounds[0]), Image.Resampling.BICUBIC)
    marked = overlay(plain, _square(labels.voxels[z].astype(np.uint8), Image.Resampling.NEAREST))
    plain = np.repeat(plain[..., None], 3, axis=2)
    if click is not None:
        plain = with_cross(plain, click)
    return [plain, marked]


def _square(pixels: Array, method: Image.Resampling) -> Array:
    side = max(pixels.shape)
    padded = np.zeros((side, side), pixels.dtype)
    top, left = ((side - n) // 2 for n in pixels.shape)
    padded[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return np.asarray(Image.fromarray(padded).resize((SIDE_PX, SIDE_PX), method))


def main() -> None:
    columns = []
    for preset, index, _ in VOLUMES:
        volume = generate(SEED, index, PRESETS[preset])
        z = int((volume.labels.voxels > 0).sum(axis=(1, 2)).argmax())
        columns.append(slice_pair(volume.image, volume.labels, z))
    scan = example()
    r, a, s = (float(v) for v in scan.grid.to_mm(np.array(CLICK_IJK[::-1])))
    mask = Segmenter.from_pretrained(device="cpu").segment(scan, [Point(position_mm=(r, a, s))])
    axial, axial_mask = scan.axial(), mask.axial()
    z, y, x = axial.grid.to_index(np.array([r, a, s]))
    scale, top = SIDE_PX / max(axial.voxels.shape[1:]), (axial.voxels.shape[2] - axial.voxels.shape[1]) / 2
    columns.append(
        slice_pair(axial, axial_mask, round(z), (round((x + 0.5) * scale), round((y + top + 0.5) * scale)))
    )
    captions = [*(name for _, _, name in VOLUMES), "real MR, one click"]
    marked = [*(["its labels"] * len(VOLUMES)), "the mask it gave"]
    rows = [[column[n] for column in columns] for n in range(2)]
    target = Path(__file__).parent / "images" / "first_screen.png"
    target.write_bytes(png_bytes(contact_sheet(rows, [captions, marked])))


if __name__ == "__main__":
    main()
