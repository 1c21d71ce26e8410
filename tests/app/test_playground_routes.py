"""The playground draws the volume that its YAML draws again, and scores a mask against its truth."""

import gzip
import time

import nibabel as nib
import numpy as np
import pytest

from synthfm3d.app.playground import DrawRequest, Strengths, settings_of
from synthfm3d.cli.settings import read_settings
from synthfm3d.generate import generate
from synthfm3d.synthesis.presets import PRESETS
from synthfm3d.synthesis.sampler import draw_scene
from synthfm3d.synthesis.settings import SynthesisSettings


def voxels_of(content):
    return np.asarray(nib.Nifti1Image.from_bytes(gzip.decompress(content)).dataobj).T


def draw(client, **said):
    answer = client.post("/api/playground", json=said)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_image_and_truth_are_those_of_the_yaml_that_is_shown(client, tmp_path):
    told = draw(client, preset="mr", seed=5, index=2, strengths={"noise": 0.4, "anatomy": 1.5})
    recipe = tmp_path / "this.yaml"
    recipe.write_text(told["yaml"])
    again = generate(5, 2, read_settings(SynthesisSettings, recipe))
    path = f"/api/scans/{told['scan']['id']}"
    assert np.array_equal(voxels_of(client.get(f"{path}/image.nii.gz").content), again.image.voxels)
    assert np.array_equal(voxels_of(client.get(f"{path}/truth.nii.gz").content), again.labels.voxels)
    assert told["scan"]["structures"] == {str(k): v for k, v in again.scene.label_names().items()}
    assert "--seed 5 --first 2" in told["yaml"].splitlines()[0]


def test_a_simulated_click_is_scored_against_the_structure_that_it_lies_in(client):
    told = draw(client, preset="ct", seed=1)
    path = f"/api/scans/{told['scan']['id']}"
    affine = np.array(told["scan"]["affine"])
    state = client.post(f"{path}/simulated-click").json()
    (found,) = state["objects"]
    truth = voxels_of(client.get(f"{path}/truth.nii.gz").content)
    mask = voxels_of(client.get(f"{path}/labels.nii.gz").content) == 1
    z, y, x, _ = np.rint(np.linalg.inv(affine) @ [*found["prompts"][0]["position_mm"], 1]).astype(int)
    reference = truth == truth[z, y, x]
    expected = 2 * np.count_nonzero(mask & reference) / (np.count_nonzero(mask) + np.count_nonzero(reference))
    assert found["dice"] == pytest.approx(expected)
    assert found["structure"] == told["scan"]["structures"][str(truth[z, y, x])]
    # The middle of a thick structure: three pixels on every side are part of it.
    assert reference[z, y - 3 : y + 4, x - 3 : x + 4].all()
    assert client.post(f"{path}/simulated-click?structure=250").status_code == 404


def test_a_scan_that_was_not_drawn_has_no_truth(client, scan):
    assert client.get(f"/api/scans/{scan['id']}/truth.nii.gz").status_code == 404
    assert client.post(f"/api/scans/{scan['id']}/simulated-click").status_code == 404


@pytest.mark.parametrize("preset", list(PRESETS))
def test_every_preset_can_be_drawn_at_both_ends_of_every_slider(preset):
    for axis in Strengths.model_fields:
        for strength in (0.0, 0.1, 2.0):
            request = DrawRequest(preset=preset, strengths=Strengths(**{axis: strength}))
            draw_scene(3, 0, settings_of(request))


def test_sliders_in_the_middle_leave_the_preset_and_at_zero_switch_an_axis_off():
    middle = settings_of(DrawRequest(preset="us"))
    assert middle.noise == PRESETS["us"].noise
    assert middle.anatomy == PRESETS["us"].anatomy
    assert settings_of(DrawRequest(strengths=Strengths(contrast=0))).contrast.mode == "off"


def test_a_slider_changes_one_scene_instead_of_drawing_another():
    quiet, loud = (
        draw_scene(7, 0, settings_of(DrawRequest(preset="ct", strengths=Strengths(noise=s))))
        for s in (0.5, 2)
    )
    assert quiet.anatomy == loud.anatomy
    assert loud.acquisition.noise_hu == pytest.approx(4 * quiet.acquisition.noise_hu, rel=1e-3)


def test_what_is_no_preset_or_no_strength_is_refused(client):
    assert client.get("/api/playground").json()["presets"] == list(PRESETS)
    assert client.post("/api/playground", json={"preset": "xray"}).status_code == 422
    assert client.post("/api/playground", json={"strengths": {"noise": 3}}).status_code == 422
    assert client.post("/api/playground", json={"seed": -1}).status_code == 422


@pytest.mark.slow
def test_a_new_volume_takes_less_than_a_second_of_each_of_two_cores(client):
    draw(client, seed=0)  # compiles
    start = time.process_time()
    for index in range(1, 7):
        draw(client, seed=0, index=index)
    assert (time.process_time() - start) / 6 < 2
