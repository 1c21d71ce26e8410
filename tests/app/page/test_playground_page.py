"""The playground in a real browser: sliders change the picture, and a segmentation is scored."""

import numpy as np
import pytest
import yaml


@pytest.fixture
def playground(visitor):
    visitor.page.click("#tab-playground")
    visitor.wait_for("Object.keys(synthfm3d.workbench.scan.structures).length > 0")
    visitor.settle()
    return visitor


def picture(visitor):
    """Grey values that the viewer holds."""
    return np.array(visitor.see("[...synthfm3d.viewer.nv.volumes[0].img].filter((_, n) => n % 97 === 0)"))


def move_slider(visitor, axis, value):
    before = visitor.scan["id"]
    visitor.page.locator(f"#axis-{axis}").fill(str(value))
    visitor.wait_for(f"synthfm3d.workbench.scan.id !== '{before}'")
    visitor.settle()


def test_a_volume_is_drawn_at_once_with_its_truth(playground):
    assert playground.scan["shape"] == [96, 96, 96]
    assert playground.see("synthfm3d.viewer.truth !== null")
    assert "drawn in" in playground.page.inner_text("#drawn")
    playground.page.click("#legend-box summary")
    assert len(playground.page.locator("#legend li").all()) == len(playground.scan["structures"])


def test_the_noise_slider_changes_the_noise_and_nothing_else(playground):
    truth = playground.see("[...synthfm3d.viewer.truth.img].filter((_, n) => n % 97 === 0)")
    before = picture(playground)
    move_slider(playground, "noise", 0)
    silent = picture(playground)
    assert not np.array_equal(before, silent)
    assert truth == playground.see("[...synthfm3d.viewer.truth.img].filter((_, n) => n % 97 === 0)")
    assert playground.page.inner_text("label:has(#axis-noise) output") == "off"


def test_the_next_volume_has_the_next_seed(playground):
    before = playground.scan["name"]
    playground.page.click("#draw")
    playground.wait_for(f"synthfm3d.workbench.scan.name !== '{before}'")
    playground.settle()
    assert playground.page.input_value("#seed") == "1"


def test_segment_this_marks_a_structure_and_shows_its_dice(playground):
    playground.page.click("#simulate")
    playground.revision(1)
    (found,) = playground.scan["objects"]
    assert f"Dice {found['dice']:.3f} with the drawn {found['structure']}" in playground.page.inner_text(
        "#objects"
    )


def test_the_copied_yaml_is_that_of_the_sliders(playground):
    playground.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    move_slider(playground, "anatomy", 0)
    playground.page.click("#yaml")
    playground.wait_for("document.getElementById('status').textContent.startsWith('Copied')")
    settings = yaml.safe_load(playground.see("navigator.clipboard.readText()"))
    assert settings["anatomy"]["mode"] == "off"
    assert settings["shape"] == [96, 96, 96]


def test_going_back_and_forth_keeps_what_each_tab_shows(playground):
    drawn = playground.scan["id"]
    playground.page.click("#tab-segment")
    playground.wait_for("synthfm3d.workbench.scan.name === 'ball.nii.gz'")
    playground.settle()
    assert playground.see("synthfm3d.viewer.truth === null")
    playground.page.click("#tab-playground")
    playground.wait_for(f"synthfm3d.workbench.scan.id === '{drawn}'")
    playground.settle()
    assert playground.see("synthfm3d.viewer.truth !== null")
