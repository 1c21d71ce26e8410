"""Work that is kept: sessions and prompts as files, label maps as objects, and calls that are cancelled."""

import gzip
import io
import json
import shutil
import threading
import time
import zipfile

import nibabel as nib
import numpy as np
import pytest
from pydicom.data import get_testdata_file
from scaled import Scaled

from synthfm3d.cli.prompt_files import prompted_objects, read_prompt_file
from synthfm3d.io.nifti import nifti_bytes, write_nifti
from synthfm3d.prompts.prompt import Point
from synthfm3d.segmentation.predictor import Segmenter


def opened(client, number=0):
    return client.post("/api/scans", json={"scan": number}).json()


def click(client, scan, position_mm, label=1, positive=True):
    prompt = {"type": "point", "position_mm": list(position_mm), "positive": positive}
    return client.post(f"/api/scans/{scan['id']}/prompts", json={"label": label, "prompts": [prompt]})


def labels_of(client, scan):
    content = client.get(f"/api/scans/{scan['id']}/labels.nii.gz").content
    return np.asarray(nib.Nifti1Image.from_bytes(gzip.decompress(content)).dataobj).T


def saved(client, scan, name="session.zip"):
    answer = client.get(f"/api/scans/{scan['id']}/{name}")
    assert answer.status_code == 200, answer.text
    return answer.content


# ---------------------------------------------------------------- sessions as files


def test_a_saved_session_restores_masks_prompts_and_names_on_the_scan_opened_again(client, scan, phantom):
    click(client, scan, phantom.centres_mm[0])
    click(client, scan, phantom.centres_mm[1], label=2)
    client.patch(f"/api/scans/{scan['id']}/objects/2", json={"name": "ball"})
    session, before = saved(client, scan), labels_of(client, scan)
    again = opened(client)
    state = client.put(f"/api/scans/{again['id']}/session", content=session).json()
    assert [one["name"] for one in state["objects"]] == ["Object 1", "ball"]
    assert state["objects"][0]["prompts"][0]["position_mm"] == pytest.approx(phantom.centres_mm[0])
    assert np.array_equal(labels_of(client, again), before)
    assert state["can_undo"]


def test_an_object_that_began_with_an_outline_keeps_it_in_the_file(client, scan, phantom):
    outline = np.zeros(phantom.scan.grid.shape, np.uint8)
    outline[10] = phantom.balls[0][10]
    content = nifti_bytes(phantom.scan.with_voxels(outline), 1)
    client.put(f"/api/scans/{scan['id']}/objects/1/mask", content=content)
    session, before = saved(client, scan), labels_of(client, scan)
    again = opened(client)
    state = client.put(f"/api/scans/{again['id']}/session", content=session).json()
    assert [one["type"] for one in state["objects"][0]["prompts"]] == ["mask"]
    assert np.array_equal(labels_of(client, again), before)


def test_strokes_and_lassos_come_back_from_the_file(client, scan, phantom):
    ring = [(10, 20 + 9 * np.sin(t), 11 + 9 * np.cos(t)) for t in np.linspace(0, 6, 12)]
    lasso = {"type": "lasso", "positions_mm": phantom.scan.grid.to_mm(np.array(ring)).tolist()}
    line = phantom.scan.grid.to_mm(np.array([[10.0, 20.0, 9.0], [10.0, 20.0, 13.0]])).tolist()
    stroke = {"type": "scribble", "positions_mm": line, "positive": True}
    address = f"/api/scans/{scan['id']}/prompts"
    state = client.post(address, json={"label": 1, "prompts": [stroke, lasso]}).json()
    again = opened(client)
    loaded = client.put(f"/api/scans/{again['id']}/session", content=saved(client, scan)).json()
    assert loaded["objects"][0]["prompts"] == state["objects"][0]["prompts"]
    assert loaded["objects"][0]["voxels"] == state["objects"][0]["voxels"]


def test_the_prompts_are_a_prompts_file_of_the_command_line(client, scan, phantom, tmp_path):
    click(client, scan, phantom.centres_mm[0])
    click(client, scan, phantom.centres_mm[1], positive=False)
    path = tmp_path / "prompts.json"
    path.write_bytes(saved(client, scan, "prompts.json"))
    file = read_prompt_file(path)
    (found,) = prompted_objects(file, file.objects, phantom.scan, path)
    assert found.label == 1
    first, second = found.prompts
    assert isinstance(first, Point)
    assert first.position_mm == pytest.approx(phantom.centres_mm[0])
    assert not second.positive


def test_a_prompts_file_in_voxels_is_segmented_anew(client, scan, phantom):
    form = {"objects": [{"name": "ball", "points": [{"at": [11, 20, 10]}]}]}
    state = client.put(f"/api/scans/{scan['id']}/session", content=json.dumps(form)).json()
    (found,) = state["objects"]
    place = phantom.scan.grid.to_index(np.array(found["prompts"][0]["position_mm"]))
    assert np.allclose(place, [10, 20, 11])
    assert found["name"] == "ball"
    assert found["voxels"] > 0


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"no session", "no prompts file"),
        (b'{"objects": []}', "no prompts file"),
        (b'{"objects": [{"masks": ["/etc/passwd"]}]}', "does not hold"),
        (b'{"objects": [{"label": 300, "points": [{"at": [1, 1, 1]}]}]}', "label 300"),
        (b"PK\x03\x04 broken", "damaged"),
    ],
)
def test_a_file_that_is_no_session_changes_nothing(client, scan, content, word):
    answer = client.put(f"/api/scans/{scan['id']}/session", content=content)
    assert answer.status_code == 422
    assert word in answer.json()["detail"]
    assert client.get(f"/api/scans/{scan['id']}").json()["revision"] == 0


def test_a_session_that_unpacks_to_more_than_the_limit_is_refused(client, scan):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("prompts.json", b"{}" + b" " * 2**30)
        archive.writestr("masks/1.nii.gz", b" ")
    answer = client.put(f"/api/scans/{scan['id']}/session", content=buffer.getvalue())
    assert answer.status_code == 422
    assert "larger" in answer.json()["detail"]


# ---------------------------------------------------------------- label maps


def test_a_label_map_is_recognised_and_its_labels_become_objects(serve, scan_file, phantom, tmp_path):
    labels = np.zeros(phantom.scan.grid.shape, np.uint8)
    labels[phantom.balls[0]], labels[phantom.balls[1]] = 1, 5
    path = tmp_path / "labels.nii.gz"
    write_nifti(path, phantom.scan.with_voxels(labels))
    client = serve(scans=(scan_file, path))
    scan, map_ = opened(client, 0), opened(client, 1)
    assert not scan["looks_like_labels"]
    assert map_["looks_like_labels"]
    state = client.post(f"/api/scans/{scan['id']}/labels/{map_['id']}").json()
    assert [one["label"] for one in state["objects"]] == [1, 5]
    assert np.array_equal(labels_of(client, scan), labels)


def test_grey_values_of_few_bits_are_no_label_map(client, phantom):
    noise = np.random.default_rng(0).integers(0, 16, phantom.scan.grid.shape).astype(np.uint8)
    answer = client.post("/api/uploads", content=nifti_bytes(phantom.scan.with_voxels(noise), 1))
    assert not answer.json()["looks_like_labels"]


# ---------------------------------------------------------------- what a file leaves open


def four_dimensional(path):
    nib.save(
        nib.Nifti1Image(np.random.default_rng(0).normal(size=(9, 8, 7, 3)).astype("f4"), np.eye(4)), path
    )
    return path


def test_a_4_d_file_lists_its_frames_and_opens_with_one(serve, tmp_path):
    client = serve(scans=(four_dimensional(tmp_path / "beats.nii.gz"),))
    asked = client.post("/api/scans", json={"scan": 0})
    assert asked.status_code == 422
    assert asked.json()["frames"] == 3
    scan = client.post("/api/scans", json={"scan": 0, "frame": 2}).json()
    assert scan["shape"] == [7, 8, 9]
    assert scan["source"] == {"scan": 0, "path": None, "frame": 2, "series": None}


def test_a_folder_of_two_series_lists_them(serve, tmp_path):
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(get_testdata_file(name), tmp_path / name)
    client = serve(scans=(tmp_path,))
    asked = client.post("/api/scans", json={"scan": 0})
    assert asked.status_code == 422
    assert len(asked.json()["series"]) == 2
    assert client.post("/api/scans", json={"scan": 0, "series": "1"}).status_code == 201


def test_modality_and_model_can_be_changed_and_objects_stay(client, scan, phantom):
    click(client, scan, phantom.centres_mm[0])
    address = f"/api/scans/{scan['id']}"
    changed = client.patch(address, json={"modality": "us"}).json()
    assert changed["modality"] == "us"
    assert len(changed["objects"]) == 1
    assert client.patch(address, json={"modality": "unknown"}).json()["modality"] is None
    assert client.patch(address, json={"model": "none of ours"}).status_code == 422


def test_another_offered_model_answers_from_then_on(serve, phantom):
    client = serve(other_models=("grow-cut",))
    assert client.get("/healthz").json()["models"] == ["default", "grow-cut"]
    scan = opened(client)
    assert client.patch(f"/api/scans/{scan['id']}", json={"model": "grow-cut"}).json()["model"] == "grow-cut"
    assert click(client, scan, phantom.centres_mm[0]).status_code == 200


# ---------------------------------------------------------------- waiting


class Held(Scaled):
    """Waits in its second look until it is let go."""

    def __init__(self):
        super().__init__()
        self.is_looking, self.goes_on = threading.Event(), threading.Event()

    def prepare(self, channels, spacing_mm):
        if self.looks == 1:
            self.is_looking.set()
            assert self.goes_on.wait(30)
        return super().prepare(channels, spacing_mm)


@pytest.fixture
def held(serve, phantom):
    """A prompt that is being answered: client, scan, model, and the answers to come."""
    model = Held()
    client = serve(Segmenter(model))
    scan = opened(client)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(click(client, scan, phantom.centres_mm[0])))
    thread.start()
    assert model.is_looking.wait(30)

    def finish():
        model.goes_on.set()
        thread.join(30)
        return answers[0]

    yield client, scan, finish
    model.goes_on.set()
    thread.join(30)


def test_a_cancelled_prompt_changes_nothing(held, phantom):
    client, scan, finish = held
    assert client.post(f"/api/scans/{scan['id']}/cancel").status_code == 204
    answer = finish()
    assert answer.status_code == 409
    state = client.get(f"/api/scans/{scan['id']}").json()
    assert (state["objects"], state["revision"]) == ([], 0)
    assert click(client, scan, phantom.centres_mm[0]).status_code == 200


def test_the_clicked_slice_is_seen_before_the_answer(held, phantom):
    client, scan, finish = held
    preview = client.get(f"/api/scans/{scan['id']}/preview").json()
    rows, columns = preview["shape"]
    assert (rows, columns) == phantom.scan.grid.shape[1:]
    z_of_origin = phantom.scan.grid.to_index(np.array(preview["affine"])[:3, 3])
    assert np.allclose(z_of_origin, [10, 0, 0], atol=1e-6)
    later = client.get(f"/api/scans/{scan['id']}/preview", params={"after": preview["number"]})
    assert later.status_code == 204
    assert finish().status_code == 200
    assert client.get(f"/api/scans/{scan['id']}/preview").status_code == 204


def test_opening_a_scan_warms_the_model_up_once_for_scans_of_its_kind(serve, phantom):
    model = Scaled()
    client = serve(Segmenter(model), warm_up=True)
    opened(client)
    state = client.app.state.shared
    client.portal.call(state.model.do, lambda: None)  # stands in line behind it
    assert model.looks > 0
    looks = model.looks
    opened(client)
    client.portal.call(state.model.do, lambda: None)
    assert model.looks == looks


class Slow(Scaled):
    """Says that it looks, and takes two seconds for each look."""

    def __init__(self):
        super().__init__()
        self.is_looking = threading.Event()

    def prepare(self, channels, spacing_mm):
        self.is_looking.set()
        time.sleep(2)
        return super().prepare(channels, spacing_mm)


def test_a_server_that_is_stopped_does_not_wait_for_a_whole_segmentation(serve):
    model = Slow()
    client = serve(Segmenter(model), warm_up=True)
    opened(client)
    assert model.is_looking.wait(30)
    client.__exit__(None, None, None)
    assert model.looks == 1  # the look under way, of eight or more
    client.__enter__()  # for the fixture, which stops it once more
