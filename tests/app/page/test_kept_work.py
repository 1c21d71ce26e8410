"""Work is never lost, and what a file leaves open is asked for on the page: with real mouse and keys."""

import io

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from synthfm3d.io.nifti import write_nifti


@pytest.fixture(scope="module")
def folder(tmp_path_factory, phantom):
    """A 4-D scan and a label map of the phantom."""
    folder = tmp_path_factory.mktemp("offered")
    beats = np.random.default_rng(0).normal(size=(12, 11, 10, 3)).astype(np.float32)
    nib.save(nib.Nifti1Image(beats, np.eye(4)), folder / "beats.nii.gz")
    labels = np.zeros(phantom.scan.grid.shape, np.uint8)
    labels[phantom.balls[0]], labels[phantom.balls[1]] = 1, 2
    write_nifti(folder / "labels.nii.gz", phantom.scan.with_voxels(labels))
    return folder


@pytest.fixture(scope="module")
def several(start_server, folder):
    """Address of a server that offers all three."""
    return start_server(str(folder / "beats.nii.gz"), str(folder / "labels.nii.gz"))


@pytest.fixture
def guest(new_visitor, several):
    visitor = new_visitor()
    visitor.open(several)
    return visitor


def click(visitor, mm, revision):
    visitor.page.mouse.click(*visitor.place(mm))
    visitor.revision(revision)


def open_on_server(visitor, name):
    visitor.page.click("#browse")
    visitor.page.locator("#listing button", has_text=name).click()


def shows(visitor, name):
    visitor.wait_for(
        f"synthfm3d.workbench.scan?.name === '{name}' && document.getElementById('working').hidden"
    )
    visitor.settle()


def test_undo_in_the_field_of_a_name_takes_back_letters_and_not_the_object(visitor, phantom):
    click(visitor, phantom.centres_mm[0], 1)
    visitor.page.get_by_label("Name of object 1").click()
    visitor.page.keyboard.type("x")
    visitor.page.keyboard.press("Control+Z")
    visitor.page.keyboard.type("?")  # a letter there, no key of the page
    visitor.settle()
    assert len(visitor.scan["objects"]) == 1
    assert not visitor.see("document.getElementById('help-dialog').open")
    assert visitor.scan["revision"] == 1


def test_the_question_mark_shows_the_keys_from_anywhere(visitor):
    visitor.page.locator("#undo").focus()
    visitor.page.keyboard.press("?")
    assert "Alt + click" in visitor.page.inner_text("#help-dialog")


def test_another_scan_and_back_keeps_the_objects(guest, phantom):
    assert guest.scan["name"] == "ball.nii.gz"
    click(guest, phantom.centres_mm[0], 1)
    open_on_server(guest, "labels.nii.gz")
    shows(guest, "labels.nii.gz")
    assert "1 object" in guest.page.inner_text("#open-scans")
    guest.page.locator("#open-scans button", has_text="ball.nii.gz").click()
    shows(guest, "ball.nii.gz")
    assert len(guest.scan["objects"]) == 1
    open_on_server(guest, "ball.nii.gz")
    guest.page.get_by_role("button", name="Go on with it").click()
    shows(guest, "ball.nii.gz")
    assert len(guest.scan["objects"]) == 1


def test_a_scan_with_objects_is_closed_only_after_a_question(guest, phantom):
    click(guest, phantom.centres_mm[0], 1)
    open_on_server(guest, "labels.nii.gz")
    shows(guest, "labels.nii.gz")
    guest.page.get_by_role("button", name="Close ball.nii.gz").click()
    guest.page.get_by_role("button", name="Keep it open").click()
    assert "ball.nii.gz" in guest.page.inner_text("#open-scans")
    guest.page.get_by_role("button", name="Close ball.nii.gz").click()
    guest.page.get_by_role("button", name="Close it", exact=True).click()
    guest.wait_for("!document.getElementById('open-scans').textContent.includes('ball')")


def test_a_session_is_saved_as_a_file_and_loaded_again(visitor, phantom, tmp_path):
    click(visitor, phantom.centres_mm[0], 1)
    voxels = visitor.scan["objects"][0]["voxels"]
    with visitor.page.expect_download() as download:
        visitor.page.click("#save-session")
    path = tmp_path / "session.zip"
    download.value.save_as(path)
    visitor.page.click("#reset")
    visitor.revision(2)
    visitor.page.set_input_files("#session-file", path)
    visitor.revision(3)
    (found,) = visitor.scan["objects"]
    assert found["voxels"] == voxels
    assert [one["type"] for one in found["prompts"]] == ["point"]


def test_a_4_d_file_asks_for_its_frame_where_it_was_chosen(guest, new_visitor):
    open_on_server(guest, "beats.nii.gz")
    guest.wait_for("!document.getElementById('choices').hidden")
    assert "4-D with 3 frames" in guest.page.inner_text("#open-error")
    guest.page.select_option("#choice", "2")
    guest.page.click("#choose")
    shows(guest, "beats.nii.gz")
    assert guest.scan["source"]["frame"] == 2
    assert guest.page.inner_text("#open-error") == ""
    assert all("422" in one for one in new_visitor.complaints)  # the browser's own words
    new_visitor.complaints.clear()


def test_a_label_map_is_recognised_and_its_labels_become_objects(guest):
    open_on_server(guest, "labels.nii.gz")
    shows(guest, "labels.nii.gz")
    guest.page.get_by_role("button", name="Show on ball.nii.gz").click()
    guest.wait_for("synthfm3d.workbench.objects.length === 2")
    shows(guest, "ball.nii.gz")
    assert "labels.nii.gz" not in guest.page.inner_text("#open-scans-box")


def test_model_and_modality_are_named_and_can_be_changed(visitor, phantom):
    assert visitor.page.input_value("#model") == "default"
    assert visitor.page.input_value("#modality") == "mr" if visitor.scan["modality"] else "unknown"
    visitor.page.select_option("#modality", "us")
    visitor.revision(1)
    visitor.page.select_option("#model", "random-walker")
    visitor.revision(2)
    click(visitor, phantom.centres_mm[0], 3)
    assert visitor.scan["modality"] == "us"
    assert visitor.scan["model"] == "random-walker"


def test_escape_cancels_and_nothing_is_changed(visitor, new_visitor, phantom):
    visitor.page.mouse.click(*visitor.place(phantom.centres_mm[0]))
    visitor.page.keyboard.press("Escape")
    visitor.wait_for("document.getElementById('working').hidden")
    visitor.settle()
    done = visitor.scan["revision"]  # 0, but for a machine that was faster than the key
    assert len(visitor.scan["objects"]) == done
    assert done or visitor.status.startswith("Cancelled")
    assert visitor.see("synthfm3d.workbench.pending.length") == 0
    assert all("409" in one for one in new_visitor.complaints)
    new_visitor.complaints.clear()


def test_nothing_of_the_former_scan_is_left_on_the_next(guest, phantom):
    click(guest, phantom.centres_mm[0], 1)
    guest.page.mouse.move(*guest.place(phantom.centres_mm[0]))
    before = guest.page.inner_text("#position")
    open_on_server(guest, "labels.nii.gz")
    shows(guest, "labels.nii.gz")
    assert guest.page.inner_text("#position") != before
    assert guest.see("synthfm3d.workbench.objects.length") == 0
    x, y = guest.place(phantom.centres_mm[0])
    red, green, blue = guest.colour_at(x + 5, y - 5)  # where the mark of the click had its rim
    assert max(red, green, blue) - min(red, green, blue) < 30


def test_the_lasso_outlines_what_it_encloses(visitor, phantom):
    grid = phantom.scan.grid
    visitor.page.locator("label", has_text="Lasso").click()
    around = [(10, 20 + 9 * np.sin(t), 11 + 9 * np.cos(t)) for t in np.linspace(0, 2 * np.pi, 13)]
    places = [visitor.place(grid.to_mm(np.array(one))) for one in around]
    visitor.page.mouse.move(*places[0])
    visitor.page.mouse.down()
    for place in places[1:]:
        visitor.page.mouse.move(*place, steps=2)
    visitor.page.mouse.up()
    visitor.revision(1)
    (found,) = visitor.scan["objects"]
    assert found["voxels"] > 0
    (prompt,) = found["prompts"]
    assert prompt["type"] == "lasso"
    index = grid.to_index(np.array(prompt["positions_mm"]))
    assert np.abs(index[:, 0] - 10).max() < 0.6


def test_the_eye_hides_an_object_and_shows_it_again(visitor, phantom):
    x, y = visitor.place(phantom.centres_mm[0])
    visitor.page.mouse.click(x, y)
    visitor.revision(1)
    visitor.page.get_by_role("button", name="Hide Object 1").click()
    visitor.settle()
    red, green, _ = visitor.colour_at(x + 20, y + 14)
    assert abs(red - green) < 20
    visitor.page.get_by_role("button", name="Show Object 1").click()
    visitor.settle()
    red, green, _ = visitor.colour_at(x + 20, y + 14)
    assert red > green + 40


# ---------------------------------------------------------------- layout


@pytest.mark.parametrize("size", [(1440, 900), (1024, 600), (390, 844)])
def test_the_axial_plane_is_at_the_top_left_and_larger_and_no_quarter_is_black(new_visitor, address, size):
    visitor = new_visitor(viewport={"width": size[0], "height": size[1]})
    visitor.open(address)
    pictures = {
        name: visitor.see(f"synthfm3d.viewer.pictureOf({axis})")
        for axis, name in enumerate(("sagittal", "coronal", "axial"))
    }
    _, _, width, height = pictures["axial"]
    stage = visitor.see(
        "(({left, top, width, height}) => [left, top, width, height])"
        "(document.getElementById('viewer').getBoundingClientRect())"
    )
    first = visitor.see("synthfm3d.viewer.panes[0]")
    assert first["name"] == "axial"
    assert first["cell"][:2] == [0, 0]
    assert width * height >= max(w * h for _, _, w, h in pictures.values())
    clip = dict(zip(("x", "y", "width", "height"), stage, strict=True))
    path = visitor.page.screenshot(clip=clip)
    grey = np.asarray(Image.open(io.BytesIO(path)).convert("L"))
    rows, columns = grey.shape[0] // 2, grey.shape[1] // 2
    for quarter in (
        grey[:rows, :columns],
        grey[:rows, columns:],
        grey[rows:, :columns],
        grey[rows:, columns:],
    ):
        assert (quarter > 25).mean() > 0.08
    assert visitor.see("document.documentElement.scrollWidth <= innerWidth")
    assert visitor.see("document.documentElement.scrollHeight <= innerHeight")
    assert visitor.see(_CUT_OFF) == []


_CUT_OFF = """["#panel button", "#panel .button", "#panel .segments span", "header button"]
    .flatMap(what => [...document.querySelectorAll(what)])
    .filter(one => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1)
    .map(one => one.textContent)"""


def test_sagittal_planes_show_anterior_on_the_left(visitor, phantom):
    grid = phantom.scan.grid
    places = [grid.to_mm(np.array([10, y, 20])) for y in (10, 30)]
    front, back = sorted(places, key=lambda mm: -mm[1])
    assert visitor.place(front, "sagittal")[0] < visitor.place(back, "sagittal")[0]


def test_the_crosshair_can_be_hidden(visitor):
    visitor.page.locator("#marks").focus()
    visitor.page.keyboard.press("c")
    visitor.settle()
    assert visitor.see("synthfm3d.viewer.nv.opts.crosshairWidth") == 0
    assert not visitor.page.is_checked("#crosshair")
