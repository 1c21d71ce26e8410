"""An error of the user's input is made of its parts, and can be told under another name of the file."""

import pickle
from pathlib import Path

import pytest

from synthfm3d.errors import ChoiceNeeded, InputError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            InputError("is empty", "copy it again.", path=Path("scan.nii")),
            "scan.nii: is empty: copy it again.",
        ),
        (InputError("is empty.", path="scan.nii"), "scan.nii: is empty."),
        (InputError("there is no model", "name another."), "there is no model: name another."),
        (InputError("name a scan."), "name a scan."),
    ],
)
def test_the_text_is_the_file_what_is_wrong_and_the_way_out(error, text):
    assert str(error) == text


def test_an_error_is_told_under_the_name_that_the_user_knows():
    error = InputError("is empty", "copy it again.", path="/srv/uploads/4711")
    assert str(error.about("scan.nii")) == "scan.nii: is empty: copy it again."
    assert str(InputError("is empty.").about("scan.nii")) == "scan.nii: is empty."


def test_the_parts_of_an_error_reach_another_process():
    error = pickle.loads(pickle.dumps(InputError("is empty", "copy it again.", path="scan.nii")))
    assert str(error) == "scan.nii: is empty: copy it again."
    assert (error.path, error.what, error.way_out) == ("scan.nii", "is empty", "copy it again.")


def test_a_choice_stays_a_choice_under_another_name_and_in_another_process():
    error = ChoiceNeeded("holds 3 frames", "choose one.", path="/srv/uploads/4711", frames=3, series=("CT",))
    for same in (error.about("scan.nii"), pickle.loads(pickle.dumps(error.about("scan.nii")))):
        assert str(same) == "scan.nii: holds 3 frames: choose one."
        assert (type(same), same.frames, same.series) == (ChoiceNeeded, 3, ("CT",))
