"""``synthfm3d verify``: every fault that a dataset can have is found."""

import json
import shutil
import tarfile
from hashlib import sha256

import pytest

from synthfm3d import __version__
from synthfm3d.cli import main

COMMAND = [
    *["generate", "-n", "7", "--seed", "4", "--first", "10", "--shape", "12,48,48"],
    *["--format", "shards", "--per-shard", "3", "--workers", "1", "--quiet"],
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "shards"
    assert main([*COMMAND, "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "shards")


def verified(folder, capsys, *words):
    code = main(["verify", str(folder), "--json", "-q", *words])
    return code, json.loads(capsys.readouterr().out)


def rehashed(folder, number, old, new):
    """Change bytes of a shard and make its record agree: only making the volume again can tell."""
    path = folder / f"shard-0000{number}.tar"
    before = path.read_bytes()
    assert before.count(old)
    assert len(old) == len(new)
    after = before.replace(old, new, 1)
    path.write_bytes(after)
    record = path.with_suffix(".json")
    digests = [sha256(content).hexdigest() for content in (before, after)]
    record.write_text(record.read_text().replace(*digests))


def test_a_whole_dataset_is_found_whole(folder, capsys):
    code, found = verified(folder, capsys, "--regenerate", "5")
    assert code == 0
    assert (found["whole"], found["shards"], found["volumes"], found["regenerated"]) == (True, 3, 7, 5)
    assert found["bytes"] == sum(path.stat().st_size for path in folder.glob("*.tar"))
    assert main(["verify", str(folder), "-q"]) == 0
    assert "7 of 7 volumes in 3 of 3 shards are complete" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda f: (f / "shard-00001.tar").unlink(), "is missing"),
        (lambda f: (f / "shard-00001.json").unlink(), "is missing"),
        (lambda f: (f / "shard-00001.json").write_text("{"), "not the record"),
        (lambda f: (f / "shard-00001.tar").write_bytes((f / "shard-00000.tar").read_bytes()), "its bytes"),
        (
            lambda f: [
                shutil.copy(f / f"shard-00000.{end}", f / f"shard-00001.{end}") for end in ("tar", "json")
            ],
            "other first",
        ),
        (
            lambda f: (f / "shard-00001.json").write_text(
                (f / "shard-00001.json").read_text().replace('"scene.json": [', '"scene.json": [1')
            ),
            "elsewhere",
        ),
        (lambda f: shutil.copy(f / "shard-00001.tar", f / "shard-00009.tar"), "not in the plan"),
        (lambda f: rehashed(f, 1, b'"generator_version":', b'"generator_Version":'), "another scene"),
    ],
)
def test_every_fault_is_found_and_named(folder, capsys, harm, told):
    harm(folder)
    code, found = verified(folder, capsys, "--regenerate", "7")
    assert code == 1
    (problem,) = found["problems"]
    assert told in problem
    assert "shard-0000" in problem


def test_settings_changed_behind_its_back_are_found(folder, capsys):
    path = folder / "dataset.json"
    path.write_text(path.read_text().replace('"pixel_mm": [\n   0.5', '"pixel_mm": [\n   0.6'))
    assert main(["verify", str(folder)]) == 2
    assert "were changed" in capsys.readouterr().err


def test_a_dataset_of_another_generator_names_the_release_that_made_it(folder, capsys):
    path = folder / "dataset.json"
    path.write_text(path.read_text().replace('"generator_version": ', '"generator_version": 1'))
    assert main(["verify", str(folder)]) == 2
    assert f"install synthfm3d {__version__}" in capsys.readouterr().err


def test_a_dataset_whose_settings_had_other_names_is_of_another_version(folder, capsys):
    path = folder / "dataset.json"
    described = json.loads(path.read_text())
    described["settings"]["noise"]["mr_ghost_share"] = described["settings"]["noise"].pop("mr")["ghost_share"]
    path.write_text(json.dumps(described))
    assert main(["verify", str(folder)]) == 2
    message = capsys.readouterr().err
    assert "another version of synthfm3d" in message
    assert "noise.mr_ghost_share" in message
    assert "generate the dataset again" in message


def test_a_folder_that_is_no_dataset_is_refused(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 2
    assert "dataset.json" in capsys.readouterr().err


def test_what_verify_finds_the_same_command_mends(folder, capsys):
    (folder / "shard-00001.tar").write_bytes(b"")
    assert verified(folder, capsys)[0] == 1
    assert main([*COMMAND, "-o", str(folder)]) == 0
    capsys.readouterr()
    assert verified(folder, capsys)[0] == 0


def test_a_scene_out_of_a_shard_can_be_shown(folder, tmp_path, capsys):
    with tarfile.open(folder / "shard-00000.tar") as tar:
        (tmp_path / "scene.json").write_bytes(tar.extractfile("seed4-00000010.scene.json").read())
    assert main(["show", str(tmp_path / "scene.json"), "-o", str(tmp_path / "again"), "-q"]) == 0
