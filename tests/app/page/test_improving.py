"""A model learns from the masks of the page, is offered when it is better, and can be cancelled."""

import json

import pytest

PATIENCE_S = 400
FIRST = "document.querySelector('#adaptations li')?.textContent ?? ''"


@pytest.fixture
def guest(new_visitor, start_server, tiny_model, tmp_path):
    """At the page of a server with a tiny model, with a mask of the first object."""
    visitor = new_visitor()
    visitor.open(start_server("--model", tiny_model, "--adapted-models", str(tmp_path / "new")))
    return visitor


def choose_model(visitor, name):
    visitor.page.select_option("#model", name)
    visitor.wait_for(f"synthfm3d.workbench.scan.model === '{name}'")
    visitor.settle()


def segment(visitor, phantom, model):
    """A mask that another model made: the tiny one has learnt nothing yet."""
    choose_model(visitor, "random-walker")
    visitor.page.mouse.click(*visitor.place(phantom.centres_mm[0]))
    visitor.wait_for("synthfm3d.workbench.objects.length === 1")
    visitor.settle()
    choose_model(visitor, model)


def ask(visitor, name, minutes="20"):
    visitor.page.click("#improve")
    visitor.page.keyboard.type(name)  # the field has the focus
    visitor.page.fill("#improve-minutes", minutes)
    visitor.page.keyboard.press("Enter")


def in_miniature(visitor, **said):
    """Let the page ask for a few steps instead of minutes; all the rest is real."""

    def shorten(route):
        if route.request.method != "POST":
            return route.continue_()
        return route.continue_(post_data=json.dumps(json.loads(route.request.post_data) | said))

    visitor.page.route("**/api/adaptations", shorten)


def test_the_masks_of_the_page_teach_a_model_that_can_be_chosen(guest, phantom, tiny_model, tmp_path):
    assert guest.page.locator("#improve").is_disabled()
    segment(guest, phantom, tiny_model)
    in_miniature(guest, steps=6, synthetic_share=0)
    guest.page.click("#improve")
    assert "1 mask on 1 open scan" in guest.page.inner_text("#improve-dialog")
    guest.page.keyboard.press("Escape")
    ask(guest, "ball")
    guest.wait_for("document.querySelector('#adaptations progress') !== null")
    guest.wait_for(f"/is better|not better|failed/.test({FIRST})", PATIENCE_S)
    assert "is better" in guest.see(FIRST)
    guest.page.get_by_role("button", name="Use it").click()
    guest.wait_for(f"synthfm3d.workbench.scan.model === '{tmp_path / 'new' / 'ball'}'")
    guest.settle()
    assert guest.page.input_value("#model") == str(tmp_path / "new" / "ball")
    guest.page.get_by_role("button", name="Dismiss").click()
    guest.wait_for("document.querySelector('#adaptations li') === null")


def test_it_can_be_cancelled_and_a_wrong_name_is_told_in_the_dialog(
    guest, new_visitor, phantom, tiny_model, tmp_path
):
    (tmp_path / "new" / "taken").mkdir(parents=True)
    segment(guest, phantom, tiny_model)
    ask(guest, "taken")
    guest.wait_for("document.getElementById('improve-error').textContent !== ''")
    assert "choose another name" in guest.page.inner_text("#improve-error")
    guest.page.fill("#improve-name", "other")
    guest.page.keyboard.press("Enter")
    guest.page.get_by_role("button", name="Cancel: ").click()
    guest.wait_for(f"{FIRST}.includes('was cancelled')")
    assert all("422" in one for one in new_visitor.complaints)  # the browser's own words
    new_visitor.complaints.clear()


def test_scans_of_another_kind_are_named_and_left_out_unless_wanted(
    guest, phantom, tiny_model, scan_file, tmp_path
):
    segment(guest, phantom, tiny_model)
    guest.page.select_option("#modality", "mr")
    guest.wait_for("synthfm3d.workbench.scan.modality === 'mr'")
    guest.settle()
    first = guest.scan["id"]
    other = tmp_path / "other.nii.gz"
    other.write_bytes(scan_file.read_bytes())
    guest.page.set_input_files("#file", str(other))
    guest.wait_for(f"synthfm3d.workbench.scan.id !== '{first}'")
    guest.settle()
    segment(guest, phantom, tiny_model)
    guest.page.select_option("#modality", "ct")
    guest.wait_for("synthfm3d.workbench.scan.modality === 'ct'")
    guest.settle()
    guest.page.click("#improve")
    dialog = guest.page.locator("#improve-dialog")
    assert "of different kinds: MR, CT" in dialog.inner_text()
    assert "1 mask on 1 open scan" in dialog.inner_text()
    guest.page.get_by_label("Learn only from scans of this kind: CT").uncheck()
    assert "2 masks on 2 open scans" in dialog.inner_text()
    guest.page.get_by_label("Learn only from scans of this kind: CT").check()
    guest.page.fill("#improve-name", "ct-only")
    guest.page.keyboard.press("Enter")
    guest.page.get_by_role("button", name="Cancel: ").click()
    guest.wait_for(f"{FIRST}.includes('was cancelled')")
    asked = guest.page.request.get(guest.page.url.split("?")[0].rstrip("/") + "/api/adaptations").json()
    assert [one["scans"] for one in asked] == [1]
