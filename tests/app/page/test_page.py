"""Real clicks and drags in a real browser: what a person sees, and what the downloaded mask holds."""

import gzip

import nibabel as nib
import numpy as np
import pytest

from synthfm3d.io.nifti import nifti_bytes


def downloaded_labels(visitor):
    with visitor.page.expect_download() as download:
        visitor.page.click("#download")
    content = gzip.decompress(download.value.path().read_bytes())
    image = nib.Nifti1Image.from_bytes(content)
    return np.asarray(image.dataobj).T, image.affine[:, [2, 1, 0, 3]]


def mostly_inside(mask, truth):
    return np.count_nonzero(mask & truth) > 0.5 * np.count_nonzero(mask) > 0


def is_reddish(colour):
    red, green, blue = colour
    return red > green + 40 and red > blue + 40


def test_a_click_paints_the_ball_red_and_the_mask_holds_its_voxels(visitor, phantom):
    x, y = visitor.place(phantom.centres_mm[0])
    beside = (x + 20, y + 14)
    assert not is_reddish(visitor.colour_at(*beside))
    visitor.page.mouse.click(x, y)
    visitor.revision(1)
    assert is_reddish(visitor.colour_at(*beside))
    labels, affine = downloaded_labels(visitor)
    assert np.allclose(affine, phantom.scan.affine, atol=1e-4)
    assert mostly_inside(labels == 1, phantom.balls[0])
    assert "ml" in visitor.page.inner_text("#objects")


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_what_is_sent_is_the_place_in_the_world_on_an_oblique_scan(visitor, phantom, plane):
    # NiiVue's own voxel indices are those of other axes, and its mm ignore how the scan is turned.
    wanted = phantom.scan.grid.to_mm(np.array([7, 14, 9]))
    visitor.page.mouse.click(*visitor.place(wanted, plane))
    visitor.revision(1)
    (prompt,) = visitor.scan["objects"][0]["prompts"]
    index = phantom.scan.grid.to_index(np.array(prompt["position_mm"]))
    assert np.abs(index - [7, 14, 9]).max() < 0.6
    assert prompt["positive"]


def test_right_and_alt_clicks_remove_and_remove_makes_every_click_do_so(visitor, phantom):
    x, y = visitor.place(phantom.centres_mm[0])
    visitor.page.mouse.click(x, y)
    visitor.revision(1)
    visitor.page.mouse.click(x + 60, y, button="right")
    visitor.revision(2)
    visitor.page.keyboard.down("Alt")
    visitor.page.mouse.click(x, y + 60)
    visitor.page.keyboard.up("Alt")
    visitor.revision(3)
    visitor.page.locator("label", has_text="Remove").click()
    visitor.page.mouse.click(x, y - 60)
    visitor.revision(4)
    assert [one["positive"] for one in visitor.scan["objects"][0]["prompts"]] == [True, False, False, False]


def test_undo_and_redo_by_button_and_key_change_the_picture(visitor, phantom):
    x, y = visitor.place(phantom.centres_mm[0])
    visitor.page.mouse.click(x, y)
    visitor.revision(1)
    beside = (x + 20, y + 14)
    visitor.page.click("#undo")
    visitor.revision(2)
    assert not is_reddish(visitor.colour_at(*beside))
    assert visitor.scan["objects"] == []
    visitor.page.keyboard.press("Control+Shift+Z")
    visitor.revision(3)
    assert is_reddish(visitor.colour_at(*beside))
    visitor.page.keyboard.press("Control+Z")
    visitor.revision(4)
    assert not is_reddish(visitor.colour_at(*beside))
    assert visitor.page.locator("#undo").is_disabled()


def test_keys_and_buttons_step_through_answers_of_other_sizes(visitor, phantom):
    # Nothing but noise lies here, so that what is found is a matter of the scale.
    visitor.page.mouse.click(*visitor.place(phantom.scan.grid.to_mm(np.array([10, 35, 22]))))
    visitor.revision(1)
    offered = visitor.scan["objects"][0]["alternatives"]
    assert len(offered) > 1
    sizes = sorted(one["diameter_mm"] for one in offered)

    def place():
        (chosen,) = (one for one in visitor.scan["objects"][0]["alternatives"] if one["chosen"])
        return sizes.index(chosen["diameter_mm"])

    first = place()
    key, back, step = ("]", "Smaller", 1) if first + 1 < len(sizes) else ("[", "Larger", -1)
    visitor.page.keyboard.press(key)
    visitor.revision(2)
    assert place() == first + step
    assert f"{first + step + 1} of {len(sizes)}" in visitor.page.inner_text("#objects")
    visitor.page.get_by_role("button", name=back).click()
    visitor.revision(3)
    assert place() == first


def test_a_drag_draws_a_box_on_the_slice(visitor, phantom):
    grid = phantom.scan.grid
    first, last = (visitor.place(grid.to_mm(np.array([10, *c]))) for c in ([11, 2], [29, 20]))
    visitor.page.mouse.move(*first)
    visitor.page.mouse.down()
    visitor.page.mouse.move(*last, steps=6)
    visitor.page.mouse.up()
    visitor.revision(1)
    (prompt,) = visitor.scan["objects"][0]["prompts"]
    assert prompt["type"] == "box"
    corners = grid.to_index(np.array([prompt["corner_mm"], prompt["opposite_mm"]]))
    expected = [[10, 11, 2], [10, 29, 20]]
    assert np.abs(np.sort(corners, axis=0) - expected).max() < 0.6
    labels, _ = downloaded_labels(visitor)
    assert mostly_inside(labels == 1, phantom.balls[0])


def test_the_brush_paints_a_scribble(visitor, phantom):
    grid = phantom.scan.grid
    visitor.page.locator("label", has_text="Brush").click()
    places = [visitor.place(grid.to_mm(np.array([10, 20, x]))) for x in (29, 33, 37)]
    visitor.page.mouse.move(*places[0])
    visitor.page.mouse.down()
    for place in places[1:]:
        visitor.page.mouse.move(*place, steps=5)
    visitor.page.mouse.up()
    visitor.revision(1)
    (prompt,) = visitor.scan["objects"][0]["prompts"]
    assert prompt["type"] == "scribble"
    index = grid.to_index(np.array(prompt["positions_mm"]))
    assert np.abs(index[:, :2] - [10, 20]).max() < 0.6
    assert index[:, 2].min() > 28
    assert index[:, 2].max() < 38
    labels, _ = downloaded_labels(visitor)
    assert mostly_inside(labels == 1, phantom.balls[1])


def test_a_second_object_has_its_own_colour_name_and_label(visitor, phantom):
    page = visitor.page
    page.mouse.click(*visitor.place(phantom.centres_mm[0]))
    visitor.revision(1)
    page.click("#new-object")
    x, y = visitor.place(phantom.centres_mm[1])
    page.mouse.click(x, y)
    visitor.revision(2)
    labels, _ = downloaded_labels(visitor)
    assert mostly_inside(labels == 1, phantom.balls[0])
    assert mostly_inside(labels == 2, phantom.balls[1])
    red, _, blue = visitor.colour_at(x + 20, y + 14)
    assert blue > red + 40

    page.get_by_label("Name of object 2").fill("spleen")
    page.keyboard.press("Tab")
    visitor.wait_for("synthfm3d.workbench.objects[1].name === 'spleen'")
    page.get_by_label("Hide spleen").click()
    visitor.settle()
    red, _, blue = visitor.colour_at(x + 20, y + 14)
    assert abs(blue - red) < 20
    page.get_by_label("Delete spleen").click()
    visitor.revision(3)
    assert [one["label"] for one in visitor.scan["objects"]] == [1]


def test_slices_window_and_crosshair_follow_wheel_slider_and_keys(visitor, phantom):
    page = visitor.page
    x, y = visitor.place(phantom.centres_mm[0])
    before = visitor.see("synthfm3d.viewer.slices")
    page.mouse.move(x, y)
    page.mouse.wheel(0, -100)
    visitor.settle()
    assert visitor.see("synthfm3d.viewer.slices")[2] == before[2] + 1
    page.locator("#slice-0").fill("3")
    page.locator("#marks").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("PageDown")
    visitor.settle()
    assert visitor.see("synthfm3d.viewer.slices") == [3, before[1] + 1, before[2]]
    assert page.inner_text("#at-0") == "4 / 44"

    page.select_option("#window", "All values")
    wide = page.input_value("#width")
    page.keyboard.down("Shift")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert float(page.input_value("#width")) < float(wide)
    assert visitor.scan["revision"] == 0


def test_the_keyboard_alone_can_segment(visitor, phantom):
    visitor.place(phantom.centres_mm[1])
    visitor.page.locator("#marks").focus()
    visitor.page.keyboard.press("Enter")
    visitor.revision(1)
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.keyboard.press("Shift+Enter")
    visitor.revision(2)
    assert [one["positive"] for one in visitor.scan["objects"][0]["prompts"]] == [True, False]


def test_the_patients_right_is_on_the_left_of_the_picture(visitor, phantom):
    grid = phantom.scan.grid
    corners = [grid.to_mm(np.array([10, 20, x])) for x in (8, 36)]
    right, left = sorted(corners, key=lambda mm: -mm[0])
    assert visitor.place(right)[0] < visitor.place(left)[0]
    assert visitor.see("synthfm3d.viewer.nv.opts.isRadiologicalConvention")


def test_a_dropped_file_is_opened_and_a_wrong_one_is_told(visitor, phantom, tmp_path):
    dented = phantom.scan.voxels.copy()
    dented[0, 0, 0] = np.nan
    path = tmp_path / "dented.nii.gz"
    path.write_bytes(nifti_bytes(phantom.scan.with_voxels(dented), 1))
    drop(visitor.page, path)
    visitor.wait_for("synthfm3d.workbench.scan.name === 'dented.nii.gz'")
    visitor.settle()
    assert "NaN" in visitor.page.inner_text("#scan-warnings")


def drop(page, path):
    """Let a file fall onto the page, as a file manager does."""
    content = list(path.read_bytes())
    page.evaluate(
        """([name, content]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(content)], name));
            for (const type of ["dragover", "drop"])
                document.body.dispatchEvent(
                    new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        [path.name, content],
    )


def test_a_file_that_is_no_scan_is_told_and_the_open_scan_stays(visitor, new_visitor, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no scan " * 100)
    visitor.page.set_input_files("#file", path)
    visitor.wait_for("document.getElementById('status').classList.contains('error')")
    assert visitor.status.startswith("notes.txt: ")
    assert visitor.scan["name"] == "ball.nii.gz"
    # The browser itself reports the refusal.
    assert new_visitor.complaints
    assert all("422" in one for one in new_visitor.complaints)
    new_visitor.complaints.clear()


def test_a_reload_keeps_what_was_done_and_another_visitor_sees_nothing_of_it(
    visitor, new_visitor, phantom, address
):
    visitor.page.mouse.click(*visitor.place(phantom.centres_mm[0]))
    visitor.revision(1)
    visitor.open(address)
    assert len(visitor.scan["objects"]) == 1
    other = new_visitor()
    other.open(address)
    assert other.scan["objects"] == []
    assert other.scan["id"] != visitor.scan["id"]


# ---------------------------------------------------------------- looks


@pytest.mark.parametrize("size", [(1280, 720), (1024, 600), (700, 900), (360, 740)])
def test_nothing_sticks_out_of_the_window(new_visitor, address, size):
    visitor = new_visitor(viewport={"width": size[0], "height": size[1]})
    visitor.open(address)
    assert visitor.see("document.documentElement.scrollWidth <= innerWidth")
    assert visitor.see("document.documentElement.scrollHeight <= innerHeight")
    width = visitor.see("document.getElementById('viewer').getBoundingClientRect().width")
    assert width >= 0.6 * size[0]


@pytest.mark.parametrize("shift", [0.0, 0.7, 1.9])
def test_both_lines_of_the_crosshair_are_seen_in_a_narrow_window(new_visitor, address, phantom, shift):
    visitor = new_visitor(viewport={"width": 390, "height": 844})
    visitor.open(address)
    for plane in ("axial", "coronal", "sagittal"):
        x, y = visitor.place(np.asarray(phantom.centres_mm[0]) + shift, plane)
        colours = {
            "upright": [visitor.colour_at(x + step, y - 12) for step in range(-2, 3)],
            "level": [visitor.colour_at(x + 12, y + step) for step in range(-2, 3)],
        }
        for line, seen in colours.items():
            assert any(blue > red + 25 for red, _, blue in seen), (plane, line, seen)


def test_the_list_of_keys_opens_at_its_beginning_on_a_phone(new_visitor, address):
    visitor = new_visitor(viewport={"width": 360, "height": 740})
    visitor.open(address)
    visitor.page.click("#help")
    assert visitor.see("document.getElementById('help-dialog').scrollTop") == 0


def test_dark_and_light_follow_the_system_and_the_button(new_visitor, address):
    visitor = new_visitor(color_scheme="dark")
    visitor.open(address)
    page = visitor.page
    assert sum(visitor.colour_at(640, 22)) < 150
    page.click("#theme")
    assert sum(visitor.colour_at(640, 22)) > 600
    page.emulate_media(color_scheme="light")
    page.click("#theme")
    assert sum(visitor.colour_at(640, 22)) < 150


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_and_every_control_has_a_name(new_visitor, address, scheme):
    visitor = new_visitor(color_scheme=scheme)
    visitor.open(address)
    nameless = visitor.see(
        """[...document.querySelectorAll("button, input, select, a.button, canvas[tabindex='0']")]
            .filter(one => !(one.ariaLabel || one.textContent.trim() || one.labels?.[0]?.textContent.trim()))
            .map(one => one.outerHTML)"""
    )
    assert nameless == []
    for foreground, background in visitor.see(_COLOURS_OF_TEXT):
        assert contrast(foreground, background) >= 4.5, (foreground, background)


_COLOURS_OF_TEXT = """[...document.querySelectorAll("p, h1, h2, button, .button, label, output, span")]
    .filter(one => one.checkVisibility() && one.textContent.trim() && !one.disabled
        && one.ariaDisabled !== "true" && !one.closest("#stage"))
    .map(one => {
        let ground = one, colour;
        do { colour = getComputedStyle(ground).backgroundColor; ground = ground.parentElement; }
        while (ground && colour.endsWith(", 0)"));
        const numbers = text => text.match(/[0-9.]+/g).slice(0, 3).map(Number);
        return [numbers(getComputedStyle(one).color), numbers(colour)];
    })"""


def contrast(first, second):
    """Contrast ratio of two colours, WCAG 2.2."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(colour) / 255]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


# ---------------------------------------------------------------- token


def test_the_printed_address_logs_in_and_keeps_the_token_out_of_the_address_bar(new_visitor, start_server):
    address = start_server("--token", "random")
    visitor = new_visitor()
    visitor.open(address)
    assert visitor.scan["name"] == "ball.nii.gz"
    assert "token" not in visitor.page.url

    stranger = new_visitor()
    stranger.page.goto(address.split("#")[0])
    stranger.page.wait_for_selector("#login-dialog[open]")
    stranger.page.fill("#token", "this-is-not-the-token")
    stranger.page.click("#login-form button")
    stranger.wait_for("document.getElementById('login-error').textContent !== ''")
    stranger.page.fill("#token", address.split("token=")[1])
    stranger.page.click("#login-form button")
    stranger.wait_for("document.documentElement.dataset.ready === 'yes'")
    stranger.settle()
    assert stranger.scan["name"] == "ball.nii.gz"
    assert all("401" in one for one in new_visitor.complaints)  # the browser's own words
    new_visitor.complaints.clear()
