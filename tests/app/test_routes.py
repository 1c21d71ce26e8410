"""Every route of the server, on a phantom with a known answer."""

import gzip
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from scaled import Scaled

from synthfm3d.app.answers import without_options
from synthfm3d.io.nifti import nifti_bytes
from synthfm3d.prompts.prompt import Lasso, Scribble
from synthfm3d.segmentation.predictor import Segmenter
from synthfm3d.segmentation.session import Session


def point(position_mm, positive=True):
    return {"type": "point", "position_mm": list(position_mm), "positive": positive}


def voxels_of(content):
    """Array (z, y, x) and affine for it of a gzipped NIfTI file, by nibabel alone."""
    image = nib.Nifti1Image.from_bytes(gzip.decompress(content))
    return np.asarray(image.dataobj).T, image.affine[:, [2, 1, 0, 3]]


def dice(found, truth):
    return 2 * np.count_nonzero((found > 0) & truth) / (np.count_nonzero(found) + np.count_nonzero(truth))


def add(client, scan, prompts, label=1):
    return client.post(f"/api/scans/{scan['id']}/prompts", json={"label": label, "prompts": prompts})


def labels_of(client, scan, name="labels.nii.gz"):
    answer = client.get(f"/api/scans/{scan['id']}/{name}")
    assert answer.status_code == 200, answer.text
    return voxels_of(answer.content)


# ---------------------------------------------------------------- scans


def test_health_names_model_and_version(client, scan):
    told = client.get("/healthz").json()
    assert told["status"] == "ok"
    assert told["model"] == "default"
    assert told["open_scans"] == 1
    assert told["waiting"] == 0


def test_the_description_of_the_interface_holds_every_route(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert {
        "/api/models", "/api/adaptations", "/api/adaptations/{identifier}", "/api/scans/{identifier}/patient",
        "/healthz", "/api/login", "/api/files", "/api/scans", "/api/uploads", "/api/scans/{identifier}",
        "/api/scans/{identifier}/image.nii.gz", "/api/scans/{identifier}/prompts",
        "/api/scans/{identifier}/segment", "/api/scans/{identifier}/objects/{label}",
        "/api/scans/{identifier}/objects/{label}/mask",
        "/api/scans/{identifier}/objects/{label}/alternative",
        "/api/scans/{identifier}/objects/{label}/prompts/{position}",
        "/api/scans/{identifier}/undo", "/api/scans/{identifier}/redo", "/api/scans/{identifier}/reset",
        "/api/scans/{identifier}/labels.nii.gz", "/api/scans/{identifier}/labels.dcm",
        "/api/playground", "/api/scans/{identifier}/truth.nii.gz",
        "/api/scans/{identifier}/simulated-click", "/api/scans/{identifier}/cancel",
        "/api/scans/{identifier}/preview", "/api/scans/{identifier}/session.zip",
        "/api/scans/{identifier}/prompts.json", "/api/scans/{identifier}/session",
        "/api/scans/{identifier}/labels", "/api/scans/{identifier}/labels/{other}",
    } == set(paths)  # fmt: skip


def test_the_page_and_its_viewer_come_from_the_server_itself(client):
    page = client.get("/")
    assert page.status_code == 200
    assert "SynthFM-3D" in page.text
    assert client.get("/vendor/niivue.umd.js").status_code == 200
    assert client.get("/favicon.svg").headers["content-type"].startswith("image/svg")


def test_an_opened_scan_tells_its_geometry_and_comes_back_voxel_by_voxel(client, scan, phantom):
    assert scan["shape"] == list(phantom.scan.grid.shape)
    assert np.allclose(scan["affine"], phantom.scan.affine, atol=1e-4)
    assert scan["objects"] == []
    answer = client.get(f"/api/scans/{scan['id']}/image.nii.gz")
    voxels, affine = voxels_of(answer.content)
    assert np.array_equal(voxels, phantom.scan.voxels)
    assert np.allclose(affine, phantom.scan.affine, atol=1e-4)


def test_named_scans_are_listed_and_open_scans_stand_in_the_visitors_list(client, scan):
    assert [entry["name"] for entry in client.get("/api/files").json()["scans"]] == ["ball.nii.gz"]
    assert [one["id"] for one in client.get("/api/scans").json()] == [scan["id"]]


def test_another_visitor_does_not_see_them_listed(serve, scan, client):
    client.cookies.clear()
    assert client.get("/api/scans").json() == []


def test_an_upload_is_opened_under_its_plain_name(client, phantom):
    content = nifti_bytes(phantom.scan, 1)
    headers = {"X-File-Name": quote("../Müller/scan ü.nii.gz")}
    answer = client.post("/api/uploads?modality=mr", content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == "scan ü.nii.gz"
    assert answer.json()["modality"] == "mr"
    voxels, _ = voxels_of(client.get(f"/api/scans/{answer.json()['id']}/image.nii.gz").content)
    assert np.array_equal(voxels, phantom.scan.voxels)


def test_a_file_that_is_no_scan_is_refused_by_name_and_without_the_servers_paths(client):
    answer = client.post("/api/uploads", content=b"hello" * 100, headers={"X-File-Name": "notes.txt"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("notes.txt: ")
    assert "/tmp" not in answer.text
    assert "upload" not in answer.text


def test_doubts_about_a_file_reach_the_visitor_without_the_servers_paths(client, phantom):
    dented = phantom.scan.voxels.copy()
    dented[0, 0, 0] = np.nan
    content = nifti_bytes(phantom.scan.with_voxels(dented), 1)
    told = client.post("/api/uploads", content=content, headers={"X-File-Name": "dented.nii.gz"}).json()
    assert any(w.startswith("dented.nii.gz: ") and "NaN" in w for w in told["warnings"])
    assert "/tmp" not in str(told)


def test_a_closed_scan_is_gone(client, scan):
    assert client.delete(f"/api/scans/{scan['id']}").status_code == 204
    for path in ("", "/image.nii.gz", "/labels.nii.gz"):
        assert client.get(f"/api/scans/{scan['id']}{path}").status_code == 404
    assert client.get("/api/scans").json() == []


def test_frames_of_a_sequence_come_as_a_stack_for_the_page_and_as_time_for_the_file(client, phantom):
    cine = replace(phantom.scan, third_axis="time")
    told = client.post(
        "/api/uploads", content=nifti_bytes(cine, 1), headers={"X-File-Name": "c.nii.gz"}
    ).json()
    assert told["third_axis"] == "time"
    for query, dimensions in (("", 4), ("?stack=true", 3)):
        content = client.get(f"/api/scans/{told['id']}/image.nii.gz{query}").content
        assert len(nib.Nifti1Image.from_bytes(gzip.decompress(content)).shape) == dimensions


# ---------------------------------------------------------------- objects


def test_a_click_lists_answers_of_other_sizes_and_another_can_be_taken(serve, phantom):
    client = serve(Segmenter(Scaled()))
    scan = client.post("/api/scans", json={"scan": 0}).json()
    state = add(client, scan, [point(phantom.centres_mm[0])]).json()
    offered = state["objects"][0]["alternatives"]
    assert len(offered) > 1
    assert [one["chosen"] for one in offered] == [True] + [False] * (len(offered) - 1)
    expected = [one["predicted_dice"] for one in offered]
    assert expected == sorted(expected, reverse=True)
    address = f"/api/scans/{scan['id']}/objects/1/alternative"
    changed = client.post(address, json={"position": 1}).json()
    assert changed["objects"][0]["alternatives"][1]["chosen"]
    larger = offered[1]["diameter_mm"] > offered[0]["diameter_mm"]
    assert (changed["objects"][0]["voxels"] > state["objects"][0]["voxels"]) is larger
    assert changed["can_undo"]
    assert client.post(address, json={"position": 9}).status_code == 422
    assert client.post(address.replace("/1/", "/7/"), json={"position": 0}).status_code == 404


def test_a_click_in_millimetres_marks_the_ball_on_an_oblique_scan(client, scan, phantom):
    state = add(client, scan, [point(phantom.centres_mm[0])]).json()
    voxels, affine = labels_of(client, scan)
    assert dice(voxels == 1, phantom.balls[0]) > 0.7
    assert np.allclose(affine, phantom.scan.affine, atol=1e-4)
    (found,) = state["objects"]
    assert found["voxels"] == np.count_nonzero(voxels)
    assert found["volume_ml"] == pytest.approx(found["voxels"] * 3 * 2 * 2 / 1000)
    assert found["prompts"] == [point(phantom.centres_mm[0])]
    assert state["revision"] == 1


def test_objects_undo_redo_rename_discard_and_reset(client, scan, phantom):
    path = f"/api/scans/{scan['id']}"
    add(client, scan, [point(phantom.centres_mm[0])], label=1)
    add(client, scan, [point(phantom.centres_mm[1])], label=2)
    both, _ = labels_of(client, scan)
    assert set(np.unique(both)) == {0, 1, 2}
    assert dice(both == 2, phantom.balls[1]) > 0.7

    undone = client.post(f"{path}/undo").json()
    assert [one["label"] for one in undone["objects"]] == [1]
    assert undone["can_redo"]
    assert not labels_of(client, scan)[0][both == 2].any()
    client.post(f"{path}/redo")
    assert np.array_equal(labels_of(client, scan)[0], both)

    assert client.patch(f"{path}/objects/2", json={"name": "right"}).json()["objects"][1]["name"] == "right"
    assert [one["label"] for one in client.delete(f"{path}/objects/1").json()["objects"]] == [2]
    assert client.post(f"{path}/reset").json()["objects"] == []
    assert not labels_of(client, scan)[0].any()
    assert client.delete(f"{path}/objects/1").status_code == 404
    assert client.patch(f"{path}/objects/1", json={"name": "x"}).status_code == 404


def test_a_prompt_can_be_removed_by_its_place(client, scan, phantom):
    path = f"/api/scans/{scan['id']}/objects/1/prompts"
    add(client, scan, [point(phantom.centres_mm[0])])
    alone, _ = labels_of(client, scan)
    add(client, scan, [point(phantom.centres_mm[1], positive=False)])
    client.delete(f"{path}/1")
    assert np.array_equal(labels_of(client, scan)[0], alone)
    assert client.delete(f"{path}/7").status_code == 404
    assert client.delete(f"{path}/0").json()["objects"] == []


def test_a_box_and_a_scribble_mark_the_ball(client, scan, phantom):
    grid = phantom.scan.grid
    low, high = (tuple(map(float, grid.to_mm(np.array(c)))) for c in ([10, 12, 3], [10, 28, 19]))
    assert add(client, scan, [{"type": "box", "corner_mm": low, "opposite_mm": high}]).status_code == 200
    stroke = [tuple(map(float, grid.to_mm(np.array([10, 20, x])))) for x in range(29, 38)]
    told = add(client, scan, [{"type": "scribble", "positions_mm": stroke}], label=2).json()
    (shown,) = told["objects"][1]["prompts"]
    assert shown == {"type": "scribble", "positions_mm": [list(mm) for mm in stroke], "positive": True}
    labels, _ = labels_of(client, scan)
    assert dice(labels == 1, phantom.balls[0]) > 0.7
    assert dice(labels == 2, phantom.balls[1]) > 0.7


def test_scribbles_and_lassos_mean_the_same_over_the_wire_as_in_python(client, scan, phantom, segmenter):
    def mm(*voxels):
        return tuple(tuple(map(float, phantom.scan.grid.to_mm(np.array(voxel)))) for voxel in voxels)

    lasso, stroke = mm([10, 10, 2], [10, 30, 2], [10, 30, 20], [10, 10, 20]), mm([10, 8, 30], [10, 4, 38])
    sent = [{"type": "lasso", "positions_mm": lasso}]
    told = add(client, scan, sent).json()
    assert told["objects"][0]["prompts"] == [{"type": "lasso", "positions_mm": [list(p) for p in lasso]}]
    add(client, scan, [{"type": "scribble", "positions_mm": stroke, "positive": False}])
    session = Session(segmenter, phantom.scan)
    session.add(Lasso(positions_mm=lasso))
    session.add(Scribble(positions_mm=stroke, positive=False))
    found, _ = labels_of(client, scan)
    assert found.any()
    assert np.array_equal(found, session.label_map().voxels)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ({"type": "lasso", "positions_mm": [[0, 0, 0], [1, 1, 1]]}, "at least 3 items"),
        ({"type": "scribble", "positions_mm": []}, "at least 1 item"),
        ({"type": "scribble", "positions_mm": [[9e3, 0, 0]]}, "outside the scan"),
    ],
)
def test_a_scribble_or_lasso_that_cannot_be_used_is_refused(client, scan, prompt, message):
    answer = add(client, scan, [prompt])
    assert answer.status_code in (400, 422)
    assert message in answer.text


def test_an_outline_is_sent_as_a_file(client, scan, phantom):
    outline = np.zeros(phantom.scan.grid.shape, np.uint8)
    outline[10] = phantom.balls[0][10]
    path = f"/api/scans/{scan['id']}/objects/1/mask"
    told = client.put(path, content=nifti_bytes(phantom.scan.with_voxels(outline), 1))
    assert told.status_code == 200, told.text
    assert told.json()["objects"][0]["prompts"] == [{"type": "mask"}]
    assert dice(labels_of(client, scan)[0] == 1, phantom.balls[0]) > 0.7
    affine = phantom.scan.affine.copy()
    affine[0, 3] += 25.0
    shifted = replace(phantom.scan.with_voxels(outline), affine=affine)
    refused = client.put(path, content=nifti_bytes(shifted, 1))
    assert refused.status_code == 422
    assert "voxels of the scan" in refused.json()["detail"]


def test_a_label_map_is_an_outline_if_one_value_of_it_is_named(client, scan, phantom):
    both = phantom.balls[0].astype(np.uint8) + 2 * phantom.balls[1].astype(np.uint8)
    content = nifti_bytes(phantom.scan.with_voxels(both), 1)
    path = f"/api/scans/{scan['id']}/objects/1/mask"
    refused = client.put(path, content=content)
    assert refused.status_code == 422
    assert "holds the labels 1, 2" in refused.json()["detail"]
    assert "--" not in refused.json()["detail"]
    assert client.put(f"{path}?value=2", content=content).status_code == 200
    assert dice(labels_of(client, scan)[0] == 1, phantom.balls[1]) > 0.7


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "is 4-D: choose one from 0 to 4 (--frame), or save one.",
            "is 4-D: choose one from 0 to 4, or save one.",
        ),
        ("give their spacing (--spacing X,Y,Z).", "give their spacing."),
        ("choose one with --frame 0 to --frame 3.", "choose one with frame 0 to frame 3."),
        ("interpolate with --allow-gaps.", "interpolate with allow_gaps."),
    ],
)
def test_visitors_are_told_of_fields_and_not_of_options(said, shown):
    assert without_options(said) == shown


def test_a_file_that_leaves_something_open_is_answered_without_options(client, phantom):
    four = np.stack([phantom.scan.voxels.T] * 2, axis=-1)
    content = gzip.compress(nib.Nifti1Image(four, np.eye(4)).to_bytes())
    answer = client.post("/api/uploads", content=content)
    assert answer.status_code == 422
    assert "2 frames" in answer.json()["detail"]
    assert "--" not in answer.json()["detail"]


def test_segment_takes_everything_at_once_and_answers_with_the_label_map(client, scan, phantom):
    objects = [
        {"label": n, "name": name, "prompts": [point(centre)]}
        for n, name, centre in zip((3, 9), ("left", "right"), phantom.centres_mm, strict=True)
    ]
    answer = client.post(f"/api/scans/{scan['id']}/segment", json={"objects": objects})
    voxels, _ = voxels_of(answer.content)
    assert set(np.unique(voxels)) == {0, 3, 9}
    assert dice(voxels == 9, phantom.balls[1]) > 0.7
    told = client.get(f"/api/scans/{scan['id']}").json()
    assert [one["name"] for one in told["objects"]] == ["left", "right"]
    twice = {"objects": [objects[0], objects[0]]}
    assert client.post(f"/api/scans/{scan['id']}/segment", json=twice).status_code == 422


@pytest.mark.parametrize(
    ("prompts", "word"),
    [
        ([point((1e5, 0, 0))], "outside"),
        ([point((30.0, 60.0, -40.0), positive=False)], "positive"),
        ([], "prompts"),
        ([{"type": "point", "position_mm": [1, 2]}], "position_mm"),
        ([{"type": "ball"}], "type"),
        ([{"type": "point", "position_mm": [1, 2, 3], "colour": "red"}], "colour"),
    ],
)
def test_a_prompt_that_cannot_be_used_is_refused_and_changes_nothing(client, scan, prompts, word):
    answer = add(client, scan, prompts)
    assert answer.status_code == 422
    assert word in answer.text
    assert client.get(f"/api/scans/{scan['id']}").json()["revision"] == 0


def test_not_a_number_is_no_position(client, scan):
    body = '{"prompts": [{"type": "point", "position_mm": [NaN, 0, 0]}]}'
    headers = {"Content-Type": "application/json"}
    path = f"/api/scans/{scan['id']}/prompts"
    assert client.post(path, content=body, headers=headers).status_code == 422


def test_a_label_map_of_no_dicom_scan_is_no_dicom_segmentation(client, scan):
    answer = client.get(f"/api/scans/{scan['id']}/labels.dcm")
    assert answer.status_code == 422
    assert "NIfTI" in answer.json()["detail"]


def test_an_unknown_scan_and_a_missing_choice_are_told(client):
    assert client.get("/api/scans/nobody").status_code == 404
    assert client.post("/api/scans", json={"scan": 5}).status_code == 422
    assert client.post("/api/scans", json={}).status_code == 422


# ---------------------------------------------------------------- failures


class Fragile:
    """A model that fails as long as it is told to; otherwise the model that it stands in front of."""

    def __init__(self, model):
        self.model, self.grid_shape, self.name, self.fails = model, model.grid_shape, "fragile", False

    def prepare(self, channels, spacing_mm):
        if self.fails:
            raise RuntimeError("patient Miller breaks everything")
        return self.model.prepare(channels, spacing_mm)

    def logits(self, features, prompts, previous=None):
        return self.model.logits(features, prompts, previous)


def test_a_call_that_crashes_answers_500_tells_no_secrets_and_the_session_lives_on(
    serve, segmenter, phantom, caplog
):
    model = Fragile(segmenter.model)
    client = serve(model=Segmenter(model))
    scan = client.post("/api/scans", json={"scan": 0}).json()
    add(client, scan, [point(phantom.centres_mm[0])])
    before, _ = labels_of(client, scan)
    model.fails = True
    crashed = add(client, scan, [point(phantom.centres_mm[1])], label=2)
    assert crashed.status_code == 500
    assert "unchanged" in crashed.json()["detail"]
    assert "Miller" not in crashed.text + caplog.text
    assert "RuntimeError" in caplog.text
    model.fails = False
    assert np.array_equal(labels_of(client, scan)[0], before)
    assert add(client, scan, [point(phantom.centres_mm[1])], label=2).status_code == 200


# ---------------------------------------------------------------- DICOM


def test_an_uploaded_dicom_file_gives_a_dicom_segmentation_without_the_patient(client):
    path = get_testdata_file("CT_small.dcm")
    source = pydicom.dcmread(path)
    content = Path(path).read_bytes()
    scan = client.post("/api/uploads", content=content, headers={"X-File-Name": "CT_small.dcm"}).json()
    assert scan["dicom"]
    assert scan["modality"] == "ct"
    mm = np.array(scan["affine"]) @ [0, 64, 64, 1]
    assert add(client, scan, [point(mm[:3])]).status_code == 200
    client.patch(f"/api/scans/{scan['id']}/objects/1", json={"name": "spleen"})
    answer = client.get(f"/api/scans/{scan['id']}/labels.dcm")
    assert answer.status_code == 200, answer.text
    segmentation = pydicom.dcmread(BytesIO(answer.content))
    assert segmentation.Modality == "SEG"
    assert segmentation.StudyInstanceUID == source.StudyInstanceUID
    assert segmentation.SegmentSequence[0].SegmentLabel == "spleen"
    assert str(segmentation.PatientName) == ""
    assert str(source.PatientName).encode() not in answer.content


def test_a_dicom_segmentation_is_a_mask_on_its_scan(client):
    content = Path(get_testdata_file("CT_small.dcm")).read_bytes()
    scan = client.post("/api/uploads", content=content, headers={"X-File-Name": "CT_small.dcm"}).json()
    mm = np.array(scan["affine"]) @ [0, 64, 64, 1]
    add(client, scan, [point(mm[:3])])
    before, _ = labels_of(client, scan)
    segmentation = client.get(f"/api/scans/{scan['id']}/labels.dcm").content
    answer = client.put(f"/api/scans/{scan['id']}/objects/2/mask", content=segmentation)
    assert answer.status_code == 200, answer.text
    after, _ = labels_of(client, scan)
    assert np.count_nonzero(after) >= np.count_nonzero(before)
