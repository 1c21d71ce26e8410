"""Feeds damaged files to the readers for as long as one likes.

    python tests/fuzz/readers.py --minutes 10
    python tests/fuzz/readers.py --minutes 10 --without dicom

Each case is a sound file with bytes changed, cut out, doubled or replaced, or words of its header exchanged,
most of them in its header; in DICOM files, elements are dropped, doubled, retyped and put out of range, too.
It must be refused with an InputError or read as finite numbers, within seconds and bounded memory; a file
whose voxels are all above zero must never be read as zeros. Files of prompts and label names must be read or
refused. What breaks this is kept, and how to repeat it is printed; exit code 1
says so.
"""

import argparse
import gzip
import io
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK
from dicom_damage import damaged_elements, sound_dicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless

from synthfm3d.cli.prompt_files import read_prompt_file
from synthfm3d.errors import InputError
from synthfm3d.io.nifti import read_label_names
from synthfm3d.io.read import ReadOptions, read, read_labels
from synthfm3d.randomness import stream

PROMPTS = """{"unit": "mm", "objects": [{"name": "liver", "points": [{"at": [61, 44, 8.5]}]},
 {"label": 5, "boxes": [{"first": [90, 40, 17], "last": [110, 66, 17]}], "masks": ["outline.nii.gz"]}]}"""
SECONDS = 20
MEMORY_BYTES = 6 << 30
VOXELS = stream(0, "fuzz").integers(1, 100, size=(6, 40, 48)).astype(np.int16)
WORDS = b"true 1 TRUE none nan -1 0 1e308 -inf 99999999999 ( ) (,) short gzip big domain LOCAL um".split()


class TooSlow(Exception):
    """A case took longer than ``SECONDS`` of the processor's time."""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--cases", type=int, default=10**9)
    arguments.add_argument("--first", type=int, default=0, help="number of the first case")
    arguments.add_argument("--only", default="", help="scans whose name begins so, such as dicom")
    arguments.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    arguments.add_argument("--without", default="", help="leave out sources whose name holds this")
    given = arguments.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGPROF, _too_slow)
    warnings.simplefilter("ignore")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    end = time.monotonic() + 60 * given.minutes
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        sound = [s for s in sound_scans(Path(folder) / "sound") if s.name.startswith(given.only)]
        sound = [s for s in sound if not given.without or given.without not in s.name]
        number = given.first
        while time.monotonic() < end and number < given.first + given.cases:
            work = Path(folder) / "case"
            outcomes[run(sound, number, work, given.keep)] += 1
            number += 1
    print(
        f"{sum(outcomes.values())} cases: " + ", ".join(f"{n} {what}" for what, n in outcomes.most_common())
    )
    return int(outcomes["BROKEN"] > 0)


def run(sound: list[Path], number: int, work: Path, keep: Path) -> str:
    """One case; what it did."""
    draw = stream(0, "fuzz", number)
    source = sound[int(draw.integers(len(sound)))]
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(source, work)
    files = sorted(path for path in work.rglob("*") if path.is_file())
    damaged = files[int(draw.integers(len(files)))]
    by_element = damaged.suffix == ".dcm" and draw.random() < 0.8
    damaged.write_bytes((damaged_elements if by_element else damage)(damaged.read_bytes(), draw))
    # A scan of one file is named; slices and headers with data beside them are read as a whole.
    scan = next((p for p in files if p.suffix in (".nhdr", ".mhd")), files[0] if len(files) == 1 else work)
    options = options_of(source.name)
    if draw.random() < 0.2 and "dicom" in source.name:
        options = replace(options, frame=1)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        if scan.suffix == ".json":
            read_json(scan)
            return "read"
        volume = read_labels(scan) if "-seg" in source.name else read(scan, options)
        assert np.isfinite(volume.voxels).all(), "numbers that are not finite"
        assert volume.voxels.any(), "silent zeros"
        return "read"
    except InputError:
        return "refused"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        traceback.print_exc()
        kept = keep / f"{number}-{source.name}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(work, kept, dirs_exist_ok=True)
        print(f"case {number} ({source.name}) broke: {kept}; repeat with --first {number} --cases 1")
        return "BROKEN"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def options_of(source: str) -> ReadOptions:
    """What a sound file of this source leaves open."""
    if source in ("npy", "npz", "png"):
        return ReadOptions(spacing_mm=(2.0, 1.0, 1.0))
    return ReadOptions(frame=1 if source.startswith("four") else None)


def read_json(path: Path) -> None:
    """Both kinds of JSON that a user writes."""
    for reader in (read_prompt_file, read_label_names):
        with suppress(InputError):
            reader(path)


def damage(content: bytes, draw: np.random.Generator) -> bytes:
    """Bytes changed in one to four places; of a gzip file, mostly what is inside."""
    if content.startswith(b"\x1f\x8b") and draw.random() < 0.8:
        return gzip.compress(damage(gzip.decompress(content), draw), 1)
    damaged = bytearray(content)
    for _ in range(int(draw.integers(1, 5))):
        if not damaged:
            break
        header = min(len(damaged), 1200)
        place = int(draw.integers(header if draw.random() < 0.85 else len(damaged)))
        length = int(draw.integers(1, 9))
        match int(draw.integers(8)):
            case 0:
                damaged[place] = int(draw.integers(256))
            case 1:
                damaged[place] ^= 1 << int(draw.integers(8))
            case 2:
                damaged[place : place + length] = draw.bytes(length)
            case 3:
                extreme = [b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", b"9" * 4, b"-1  ", b"\x80\0\0\0"]
                damaged[place : place + 4] = extreme[int(draw.integers(len(extreme)))]
            case 4:
                del damaged[place : place + length]
            case 5:
                damaged[place:place] = damaged[place : place + length]
            case 6:
                words = list(re.finditer(rb"[^\s:=]+", bytes(damaged[:header])))
                if words:
                    old = words[int(draw.integers(len(words)))]
                    damaged[old.start() : old.end()] = WORDS[int(draw.integers(len(WORDS)))]
            case _:
                del damaged[int(draw.integers(len(damaged))) :]
    return bytes(damaged)


def sound_scans(folder: Path) -> list[Path]:
    """One folder for each way to store the same voxels."""
    folder.mkdir(parents=True)

    def place(name: str) -> Path:
        (folder / name).mkdir()
        return folder / name

    affine = np.diag([-1.0, -1, 2, 1])
    nib.save(nib.Nifti1Image(VOXELS.T, affine), place("nifti") / "scan.nii")
    nib.save(nib.Nifti1Image(VOXELS.T, affine), place("nifti-gz") / "scan.nii.gz")
    nib.save(nib.Nifti2Image(VOXELS.T, affine), place("nifti-2") / "scan.nii")
    floats = VOXELS.astype(np.float32)
    nib.save(nib.Nifti1Image(floats.T, affine), place("nifti-float") / "scan.nii")
    forms = nib.Nifti1Image(VOXELS.T, affine)
    forms.set_sform(affine, 0), forms.set_qform(affine, 1)
    forms.header.set_xyzt_units("micron")
    nib.save(forms, place("nifti-qform-micron") / "scan.nii")
    (place("json-prompts") / "scan.json").write_text(PROMPTS, encoding="utf-8-sig")
    (place("json-names") / "scan.json").write_text('{"1": "liver", "2": "spleen"}', encoding="utf-16")
    image = SimpleITK.GetImageFromArray(VOXELS)
    series = SimpleITK.JoinSeries([image, image])
    for name in ("scan.nrrd", "scan.mha"):
        SimpleITK.WriteImage(series, str(place(f"four-{name[5:]}") / name), True)
    for name in ("scan.nrrd", "scan.nhdr", "scan.mha", "scan.mhd"):
        for packed in (False, True):
            SimpleITK.WriteImage(image, str(place(f"{name[5:]}-{packed}") / name), packed)
    np.save(place("npy") / "scan.npy", VOXELS)
    np.savez_compressed(place("npz") / "scan.npz", VOXELS)
    pictures = place("png")
    for z, values in enumerate(VOXELS[:3].astype(np.uint8)):
        Image.fromarray(values).save(pictures / f"{z}.png")
    for name, packed in (("dicom", False), ("dicom-j2k", True)):
        series = place(name)
        for z in range(len(VOXELS)):
            (series / f"{z}.dcm").write_bytes(a_slice(z, packed))
    (place("dicom-frames") / "scan.dcm").write_bytes(a_loop())
    sound_dicom(place, VOXELS)
    return sorted(folder.iterdir())


def a_slice(z: int, packed: bool) -> bytes:
    dataset = _dataset(f"1.2.3.{z + 1}")
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "CT", 1, z
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, 2 * z], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.RescaleSlope, dataset.RescaleIntercept = [1, 1], 1, 0
    dataset.Rows, dataset.Columns = VOXELS.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelData = VOXELS[z].astype(np.uint16).tobytes()
    if packed:
        dataset.compress(JPEG2000Lossless)
    return _stored(dataset)


def a_loop() -> bytes:
    dataset = _dataset("1.2.3.99")
    dataset.Modality, dataset.NumberOfFrames = "US", len(VOXELS)
    dataset.Rows, dataset.Columns = VOXELS.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelData = VOXELS.astype(np.uint8).tobytes()
    return _stored(dataset)


def _dataset(instance: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, instance
    dataset.SeriesInstanceUID = "1.2.3"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.PixelRepresentation = 0
    return dataset


def _stored(dataset: Dataset) -> bytes:
    content = io.BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    return content.getvalue()


def _too_slow(*_: object) -> None:
    raise TooSlow(f"more than {SECONDS} s")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
