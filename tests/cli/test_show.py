"""``synthfm3d show``: a stored scene renders to the same bytes; what is no scene is refused."""

import json

import pytest

from synthfm3d.cli import main


@pytest.fixture
def made(tmp_path):
    """One volume of each preset, as ``generate`` wrote them."""
    (tmp_path / "out").mkdir()
    for number, preset in enumerate(("ct", "mr", "us", "cine-us", "paper")):
        command = ["generate", "-n", "1", "--first", str(number), "--preset", preset]
        assert main([*command, "-o", str(tmp_path / preset), "--shape", "10,48,48", "--quiet"]) == 0
        name = f"volume_{number:05d}"
        (tmp_path / preset / name).rename(tmp_path / "out" / name)
    return tmp_path / "out"


def test_every_scene_renders_again_to_the_same_bytes(made, tmp_path):
    folders = sorted(made.glob("volume_*"))
    assert len(folders) == 5
    for folder in folders:
        assert main(["show", str(folder / "scene.json"), "-o", str(tmp_path / "again"), "--quiet"]) == 0
        for name in ("image.nii.gz", "labels.nii.gz", "scene.json"):
            again = tmp_path / "again" / folder.name / name
            assert again.read_bytes() == (folder / name).read_bytes()


def test_a_number_changed_by_hand_changes_the_volume(made, tmp_path):
    path = made / "volume_00000" / "scene.json"
    scene = json.loads(path.read_text())
    scene["acquisition"]["noise_hu"] += 20.0
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(scene))
    assert main(["show", str(edited), "-o", str(tmp_path / "again"), "--quiet"]) == 0
    noisy = tmp_path / "again" / "volume_00000"
    assert (noisy / "labels.nii.gz").read_bytes() == (path.parent / "labels.nii.gz").read_bytes()
    assert (noisy / "image.nii.gz").read_bytes() != (path.parent / "image.nii.gz").read_bytes()


@pytest.mark.parametrize("content", ["not json", "[1, 2]", '{"seed": 1}', "{}"])
def test_what_is_no_scene_is_refused_in_one_line(tmp_path, capsys, content):
    path = tmp_path / "scene.json"
    path.write_text(content)
    assert main(["show", str(path), "-o", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "scene.json" in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_scene_is_named(tmp_path, capsys):
    assert main(["show", str(tmp_path / "none.json"), "-o", str(tmp_path / "out")]) == 2
    assert "none.json" in capsys.readouterr().err
