"""Fetch the sample scans from their public sources, and convert them for ``synthfm3d evaluate --samples``.

    python tools/fetch_samples.py -o samples
    python tools/fetch_samples.py -o samples --copy camus=/data/CAMUS_public --copy chaos=/data/CHAOS
    synthfm3d evaluate --samples samples --model default -o report

Five scans are downloaded. Three belong to collections that you get from their owners under their terms; name
your copies with --copy. Two cannot be made by this script, and it says why. Nothing is written unless the
volumes of the labelled structures are those of the frozen list, so another edition of a source is noticed.
"""

import argparse
import json
import sys
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
from PIL import Image
from scipy.ndimage import zoom

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.registry import DATASETS
from synthfm3d.io.nifti import write_nifti
from synthfm3d.io.read import ReadOptions, read, read_labels
from synthfm3d.volume import Array, Grid, Volume

TOLERANCE = 0.02
"""Of a structure's volume: the list has one decimal, and small structures lose digits."""
LEAST_ML = 0.1

_STILL = ReadOptions(cine=True)
"""Of a 2-D file: a sequence of one frame."""
Labelled = tuple[Volume, Volume]
"""Image and label map on one grid."""
_GITHUB = "https://raw.githubusercontent.com"
_TOTALSEGMENTATOR = f"{_GITHUB}/wasserth/TotalSegmentator/master/tests/reference_files"
_SUNNYBROOK = f"{_GITHUB}/mshunshin/SegNetCMR/master/Data/Test"
_SPINE = f"{_GITHUB}/spinalcordtoolbox/sct_testing_data/master/data/t2"
_VOXELMORPH = f"{_GITHUB}/voxelmorph/voxelmorph/legacy/data"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a scan comes from, and what makes it of the files.

    Parameters
    ----------
    urls
        Files to download, by the name that they get; a name that ends in ``?`` may be missing.
    copy
        Name of the collection of which the user has a copy; the folder is then the only file, ``copy``.
    convert
        Image and label map of files by name. Several answers are tried in turn: sources have editions.
    """

    case: str
    licence: str
    convert: Callable[[Mapping[str, Path]], Iterable[Labelled]]
    urls: Mapping[str, str]
    copy: str | None = None


def of_pair(found: Mapping[str, Path]) -> Iterable[Labelled]:
    """An image, with each label map that there is."""
    image = read(found["image.nii.gz"])
    for name in sorted(name for name in found if name.startswith("labels")):
        yield image, read_labels(found[name])


def of_voxelmorph(found: Mapping[str, Path]) -> Iterable[Labelled]:
    """Arrays (x, y, z) of a brain at 1 mm, intensities from 0 to 1."""
    with np.load(found["scan.npz"]) as stored:
        voxels, labels = stored["vol"].T, stored["seg"].T
    grid = _plain_grid(voxels.shape, (1.0, 1.0, 1.0))
    grey = np.rint(voxels * 255).astype(np.uint8)
    yield grid_volume(grid, grey), grid_volume(grid, labels.astype(np.uint8))


def of_pictures(found: Mapping[str, Path]) -> Iterable[Labelled]:
    """Slices as pictures (rows are y), 1.4 x 1.4 x 8 mm, and pictures that are black outside the object."""
    images = _stacked(found[name] for name in sorted(found) if name.startswith("image"))
    labels = _stacked(found[name] for name in sorted(found) if name.startswith("label")) > 0
    grid = _plain_grid(images.shape, (8.0, 1.4, 1.4))
    yield grid_volume(grid, images), grid_volume(grid, labels.astype(np.uint8))


def of_camus(found: Mapping[str, Path]) -> Iterable[Labelled]:
    """End of diastole and end of systole of patient 2, four chambers; the third axis is time."""
    folder = next((p for p in found["copy"].rglob("patient0002") if p.is_dir()), None)
    if folder is None:
        raise InputError(f"{found['copy']}: holds no folder patient0002: name the folder of CAMUS.")
    frames = [read(_still(folder, moment), _STILL) for moment in ("ED", "ES")]
    labels = [read_labels(_still(folder, f"{moment}_gt"), _STILL) for moment in ("ED", "ES")]
    _, y, x = frames[0].spacing_mm
    grid = _plain_grid((2, *frames[0].voxels.shape[1:]), (1.54, y, x))
    images, truths = (np.concatenate([one.voxels for one in some]) for some in (frames, labels))
    yield grid_volume(grid, images.astype(np.uint8)), grid_volume(grid, truths.astype(np.uint8))


def of_chaos(found: Mapping[str, Path]) -> Iterable[Labelled]:
    """T2 SPIR of case 13, on pixels of 1.25 mm; grey values of its labels become 1 to 4."""
    image, labels = _case("chaos-mr", found["copy"], "MR_13_", "T2")
    values = {"liver": 1, "kidney_right": 2, "kidney_left": 3, "spleen": 4}
    renamed = _renamed(labels, DATASETS["chaos-mr"].labels.structures, values)
    yield resampled(image, 1.25, order=1), resampled(renamed, 1.25, order=0)


def of_acdc(found: Mapping[str, Path]) -> Iterable[Labelled]:
    """End of systole (frame 11) of patient 22; the left cavity becomes 1, and the right one 3.

    The scan that was scored came from a copy with normalised grey values; models normalise them themselves.
    """
    image, labels = _case("acdc", found["copy"], "patient022", "ES")
    values = {"left_ventricle_cavity": 1, "left_ventricle_myocardium": 2, "right_ventricle_cavity": 3}
    yield image, _renamed(labels, DATASETS["acdc"].labels.structures, values)


SLICES = range(7, 268, 20)
"""Numbers of the slices of one moment of a Sunnybrook case; a step of 20 is one slice further."""
SOURCES = (
    Source(
        case="ct_ts_torso",
        licence="Apache-2.0 repository",
        convert=of_pair,
        urls={
            "image.nii.gz": f"{_TOTALSEGMENTATOR}/example_ct.nii.gz",
            "labels.nii.gz": f"{_TOTALSEGMENTATOR}/example_seg_fast.nii.gz",
            "labels_2.nii.gz?": f"{_TOTALSEGMENTATOR}/example_seg.nii.gz",
        },
    ),
    Source(
        case="mr_ts_abdomen",
        licence="Apache-2.0 repository",
        convert=of_pair,
        urls={
            "image.nii.gz": f"{_TOTALSEGMENTATOR}/example_mr_sm.nii.gz",
            "labels.nii.gz": f"{_TOTALSEGMENTATOR}/example_seg_mr.nii.gz",
        },
    ),
    Source(
        case="mr_scd_hfi09_a",
        licence="public domain (Sunnybrook Cardiac Data)",
        convert=of_pictures,
        urls={
            f"{kind}_{n:04d}.png": (
                f"{_SUNNYBROOK}/{folder}/Sunnybrook_Part3/SC-HF-I-09-IM-0001-{n:04d}.dcm.png"
            )
            for kind, folder in (("image", "Images"), ("label", "Labels"))
            for n in SLICES
        },
    ),
    Source(
        case="mr_sct_t2",
        licence="MIT repository",
        convert=of_pair,
        urls={"image.nii.gz": f"{_SPINE}/t2.nii.gz", "labels.nii.gz": f"{_SPINE}/t2_seg_manual.nii.gz"},
    ),
    Source(
        case="mr_vxm_brain",
        licence="Apache-2.0 repository",
        convert=of_voxelmorph,
        urls={"scan.npz": f"{_VOXELMORPH}/test_scan.npz"},
    ),
    Source(case="us_camus_p0002_4ch", licence="CC BY-NC-SA 4.0", convert=of_camus, urls={}, copy="camus"),
    Source(case="mr_chaos_t2_13", licence="CC BY-SA 4.0", convert=of_chaos, urls={}, copy="chaos"),
    Source(case="mr_acdc_022_f11", licence="CC BY-NC-SA 4.0", convert=of_acdc, urls={}, copy="acdc"),
)
NOT_MADE = {
    "us_liver_sweep": "its outline of the liver was drawn for this project and is not published.",
    "ct_ibsi_sarcoma003": "its outline is a DICOM RT structure set, which this package does not read.",
}


def main(words: Sequence[str] | None = None) -> int:
    """Fetch and convert; returns 0, or 1 where a scan could not be made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--copy", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--only", action="append", metavar="CASE", help="this case; may be repeated")
    given = parser.parse_args(words)
    copies = {name: Path(folder) for name, _, folder in (word.partition("=") for word in given.copy)}
    failed = 0
    for source in SOURCES:
        if given.only and source.case not in given.only:
            continue
        try:
            place = make(source, given.output, copies)
            told = place or f"needs your copy: --copy {source.copy}=FOLDER"
            print(f"{source.case}: {told} ({source.licence})")
        except (InputError, OSError) as error:
            failed += 1
            print(f"{source.case}: {error}", file=sys.stderr)
    for case, reason in NOT_MADE.items():
        print(f"{case}: not made: {reason}")
    return 1 if failed else 0


def make(source: Source, output: Path, copies: Mapping[str, Path]) -> Path | None:
    """The folder of a scan, made of its source; None where the user has named no copy of a collection."""
    folder = output / source.case
    if source.copy is not None:
        if source.copy not in copies:
            return None
        found = {"copy": copies[source.copy]}
    else:
        found = fetched(source.urls, output / "downloads" / source.case)
    image, labels = checked(source.case, source.convert(found))
    folder.mkdir(parents=True, exist_ok=True)
    write_nifti(folder / "image.nii.gz", image)
    write_nifti(folder / "labels.nii.gz", labels)
    return folder


def fetched(urls: Mapping[str, str], folder: Path) -> dict[str, Path]:
    """The files of addresses by name, downloaded once; one whose name ends in ``?`` may be missing."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Path] = {}
    for name, url in urls.items():
        path = folder / name.removesuffix("?")
        if not path.exists():
            try:
                with urllib.request.urlopen(quote(url, safe=":/"), timeout=60) as answer:
                    content = answer.read()
            except OSError as error:
                if name.endswith("?"):
                    continue
                raise InputError(f"{url}: cannot be downloaded ({error}): try again later.") from error
            path.write_bytes(content)
        found[path.name] = path
    return found


def checked(case: str, answers: Iterable[Labelled]) -> Labelled:
    """The first answer whose structures have the volumes of the frozen list; InputError if there is none."""
    complaint = "there is no label map in its source"
    for image, labels in answers:
        wrong = differences(case, labels)
        if not wrong:
            return image, labels
        complaint = "; ".join(wrong[:3])
    raise InputError(f"{case}: is not the scan that was scored ({complaint}): its source has changed.")


def differences(case: str, labels: Volume) -> list[str]:
    """Structures whose volume is not that of the frozen list, in words."""
    wrong = []
    for row in frozen_targets():
        if row["case"] == case:
            ml = np.count_nonzero(labels.voxels == row["label"]) * labels.grid.voxel_ml
            if abs(ml - row["ml"]) > max(LEAST_ML, TOLERANCE * row["ml"]):
                wrong.append(f"{row['structure']} has {ml:.1f} ml instead of {row['ml']:.1f}")
    return wrong


def frozen_targets() -> list[dict[str, Any]]:
    """The frozen list of structures that are scored."""
    path = next(Path(str(files("synthfm3d"))).rglob("sample_targets.json"))
    rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return rows


def resampled(volume: Volume, pixel_mm: float, *, order: Literal[0, 1]) -> Volume:
    """The same volume on pixels of another size in the plane; the first pixel stays where it is."""
    _, y, x = volume.spacing_mm
    factors = (1.0, y / pixel_mm, x / pixel_mm)
    voxels = zoom(volume.voxels, factors, order=order, mode="nearest", grid_mode=True)
    affine = volume.affine.copy()
    for axis in (1, 2):
        affine[:3, axis] /= factors[axis]
        affine[:3, 3] += (affine[:3, axis] - volume.affine[:3, axis]) / 2
    return Volume(voxels=voxels, affine=affine, modality=volume.modality)


def grid_volume(grid: Grid, voxels: Array) -> Volume:
    """Voxels on a grid."""
    return Volume(voxels=voxels, affine=grid.affine)


def _plain_grid(shape: Sequence[int], spacing_mm: tuple[float, float, float]) -> Grid:
    """A grid along the axes of the world, for files that do not say how the patient lies."""
    z, y, x = spacing_mm
    affine = np.array([[0.0, 0, x, 0], [0, y, 0, 0], [z, 0, 0, 0], [0, 0, 0, 1]])
    return Grid((shape[0], shape[1], shape[2]), affine)


def _stacked(paths: Iterable[Path]) -> Array:
    pictures = []
    for path in paths:
        with Image.open(path) as picture:
            pictures.append(np.asarray(picture.convert("L")))
    return np.stack(pictures)


def _still(folder: Path, moment: str) -> Path:
    path = folder / f"{folder.name}_4CH_{moment}.nii.gz"
    if not path.is_file():
        raise InputError(
            f"{path}: there is no such file: name the folder of CAMUS in the form of NIfTI files."
        )
    return path


def _case(dataset: str, folder: Path, *words: str) -> Labelled:
    """The only case of a dataset whose name holds all words."""
    found = [
        case
        for case in DATASETS[dataset].listing(folder).cases
        if all(word in case.name.removeprefix(f"{dataset}/") for word in words)
    ]
    if len(found) != 1:
        raise InputError(
            f"{folder}: {len(found)} cases of {dataset} are called {' '.join(words)}, one is needed."
        )
    case = found[0].read()
    return case.image, case.label_map


def _renamed(labels: Volume, meant: Mapping[str, Sequence[int]], values: Mapping[str, int]) -> Volume:
    """A label map with other values for its structures; a structure of several values is all of them."""
    voxels = np.zeros(labels.voxels.shape, np.uint8)
    for name, value in values.items():
        voxels[np.isin(labels.voxels, list(meant[name]))] = value
    return labels.with_voxels(voxels)


if __name__ == "__main__":
    sys.exit(main())
