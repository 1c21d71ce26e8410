"""Many scans in one go: a bad one is told and left out, what is done is not done again."""

import json
import sys

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from synthfm3d.cli import main
from synthfm3d.randomness import stream

SHAPE = (40, 40, 16)
CENTRE = (20, 18, 8)


def values(seed):
    index = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    inside = (((index - np.array(CENTRE)) / [8, 8, 5]) ** 2).sum(axis=-1) <= 1
    return (100 + 100 * inside + stream(seed, "folder").normal(0, 8, SHAPE)).astype(np.int16)


@pytest.fixture
def scans(tmp_path):
    """Three scans, of which b is cut short, and prompts that fit all of them."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for seed, name in enumerate("abc"):
        nib.save(nib.Nifti1Image(values(seed), np.eye(4)), folder / f"{name}.nii.gz")
    content = (folder / "b.nii.gz").read_bytes()
    (folder / "b.nii.gz").write_bytes(content[: len(content) // 2])
    (folder / "notes.txt").write_text("no scan")
    (folder / "._a.nii.gz").write_bytes(b"\0\5\x16\7")
    (tmp_path / "prompts.json").write_text(json.dumps({"objects": [{"points": [{"at": CENTRE}]}]}))
    return folder


@pytest.fixture
def run(scans, capsys):
    def segment(*words):
        out = scans.parent / "masks"
        prompts = scans.parent / "prompts.json"
        words = ["--prompts", str(prompts), "-o", str(out), "--model", "random-walker", *words]
        code = main(["segment", str(scans), *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return segment


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_bad_scan_is_told_and_the_others_are_segmented(run, scans):
    code, out, err = run()
    assert code == 1
    assert files(scans.parent / "masks") == ["a.json", "a.nii.gz", "c.json", "c.nii.gz"]
    assert "Failed: b:" in err
    assert "truncated" in err
    assert "2 scans segmented, 0 were segmented before, 1 failed." in err
    assert out.count("\n") == 2
    mask = np.asanyarray(nib.load(scans.parent / "masks" / "a.nii.gz").dataobj)
    assert mask[CENTRE] == 1


def test_all_good_is_exit_code_0_and_json_has_every_report(run, scans):
    (scans / "b.nii.gz").unlink()
    code, out, _ = run("--json", "--quiet")
    assert code == 0
    found = json.loads(out)
    assert set(found["masks"]) == {"a", "c"}
    assert found["failed"] == {}


def test_what_is_done_is_not_done_again_unless_the_prompts_changed(run, scans):
    (scans / "b.nii.gz").unlink()
    run()
    masks = scans.parent / "masks"
    before = {name: (masks / name).stat().st_mtime_ns for name in files(masks)}
    (masks / "c.nii.gz").unlink()
    assert "1 scans segmented, 1 were segmented before" in run("--resume")[2]
    assert (masks / "a.nii.gz").stat().st_mtime_ns == before["a.nii.gz"]
    moved = {"objects": [{"points": [{"at": [20, 19, 8]}]}]}
    (scans.parent / "prompts.json").write_text(json.dumps(moved))
    assert "2 scans segmented, 0 were segmented before" in run("--resume")[2]
    assert "2 scans segmented, 0 were segmented before" in run("--resume", "--modality", "mr")[2]


def test_each_scan_may_have_its_own_prompts(run, scans):
    cases = {"a": {"objects": [{"points": [{"at": CENTRE}]}]},
             "c.nii.gz": {"objects": [{"points": [{"at": [99, 0, 0]}]}]},
             "d": {"objects": [{"points": [{"at": CENTRE}]}]}}  # fmt: skip
    (scans.parent / "prompts.json").write_text(json.dumps({"cases": cases}))
    code, _, err = run()
    assert code == 1
    assert "Failed: d:" in err
    assert "no scan of the name d" in err
    assert "is outside the scan" in err
    assert files(scans.parent / "masks") == ["a.json", "a.nii.gz"]


@pytest.mark.slow
def test_two_processes_give_the_masks_of_one(run, scans):
    run()
    alone = {name: (scans.parent / "masks" / name).read_bytes() for name in ("a.nii.gz", "c.nii.gz")}
    for path in (scans.parent / "masks").iterdir():
        path.unlink()
    code, _, err = run("--jobs", "2")
    assert code == 1
    assert "2 scans segmented, 0 were segmented before, 1 failed." in err
    assert {name: (scans.parent / "masks" / name).read_bytes() for name in alone} == alone


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--point", "1,1,1"], "--prompts FILE"),
        (["--format", "png"], "must end in one of"),
    ],
)
def test_options_that_do_not_fit_many_scans_are_refused(run, scans, words, told):
    code, _, err = run(*words)
    assert code == 2
    assert told in err
    assert not (scans.parent / "masks").exists()


# ---------------------------------------------------------------- DICOM from end to end


@pytest.fixture
def series(tmp_path):
    """A folder of CT slices of a patient called DOE^JOHN."""
    folder = tmp_path / "DOE_JOHN"
    folder.mkdir()
    study, uid, frame_of_reference = generate_uid(), generate_uid(), generate_uid()
    for k in range(SHAPE[2]):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = CTImageStorage
        dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID = (
            generate_uid(),
            uid,
            study,
        )
        dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = frame_of_reference, ""
        dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "DOE^JOHN", "ID-4711", "19600102"
        dataset.PatientSex, dataset.StudyID, dataset.StudyDate, dataset.StudyTime = "M", "1", "20260101", "10"
        dataset.AccessionNumber, dataset.ReferringPhysicianName = "ACC-99", "HOUSE"
        dataset.Manufacturer, dataset.Modality, dataset.SeriesNumber = "", "CT", 1
        dataset.InstanceNumber, dataset.ImageType = k + 1, ["ORIGINAL", "PRIMARY"]
        dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, 2 * k], [1, 0, 0, 0, 1, 0]
        dataset.PixelSpacing, dataset.SliceThickness = [1, 1], 2
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = SHAPE[1], SHAPE[0], 1
        dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        stored = (values(0)[:, :, k].T + 924).astype(np.uint16)
        stored[:3] = 0  # air
        dataset.PixelData = stored.tobytes()
        dataset.save_as(folder / f"DOE_{k}.dcm", enforce_file_format=True)
    return folder


@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.dcm"])
def test_nothing_that_is_written_or_said_tells_who_the_patient_is(series, tmp_path, capsys, name):
    click = ",".join(str(v) for v in CENTRE)
    words = ["segment", str(series), "--point", click, "-o", str(tmp_path / name), "--model", "random-walker"]
    assert main(words) == 0, capsys.readouterr().err
    told = capsys.readouterr()
    content = (tmp_path / name).read_bytes() + (tmp_path / "mask.json").read_bytes()
    said = (told.out + told.err).replace(str(series), "")  # the path that the user typed comes back
    for identity in ("DOE", "JOHN", "ID-4711", "19600102", "ACC-99", "HOUSE"):
        assert identity.encode() not in content
        assert identity not in said
    assert json.loads((tmp_path / "mask.json").read_text())["scan"].startswith("DICOM ")


def test_the_patient_is_kept_if_asked_for(series, tmp_path, capsys):
    click = ",".join(str(v) for v in CENTRE)
    words = ["segment", str(series), "--point", click, "--model", "random-walker", "--keep-identity"]
    assert main([*words, "-o", str(tmp_path / "mask.dcm")]) == 0, capsys.readouterr().err
    assert pydicom.dcmread(tmp_path / "mask.dcm").PatientID == "ID-4711"
    assert json.loads((tmp_path / "mask.json").read_text())["scan"] == str(series)


def test_a_folder_of_folders_of_slices_is_many_scans(series, tmp_path, capsys):
    (tmp_path / "scans").mkdir()
    series.rename(tmp_path / "scans" / "first")
    (tmp_path / "prompts.json").write_text(json.dumps({"objects": [{"points": [{"at": CENTRE}]}]}))
    words = ["--prompts", str(tmp_path / "prompts.json"), "-o", str(tmp_path / "out"), "--format", "dcm"]
    code = main(["segment", str(tmp_path / "scans"), *words, "--model", "random-walker"])
    assert code == 0, capsys.readouterr().err
    assert files(tmp_path / "out") == ["first.dcm", "first.json"]


@pytest.mark.parametrize("module", ["pydicom", "highdicom"])
def test_a_missing_extra_is_named(series, tmp_path, capsys, monkeypatch, module):
    for name in [n for n in sys.modules if n.startswith("synthfm3d.io.dicom")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    out = tmp_path / "mask.dcm"
    assert main(["segment", str(series), "--point", "1,5,1", "-o", str(out), "--model", "random-walker"]) == 2
    assert "pip install 'synthfm3d[dicom]'" in capsys.readouterr().err
