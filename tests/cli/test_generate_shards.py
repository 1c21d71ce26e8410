"""``synthfm3d generate`` with shards: chosen by number, planned before, told afterwards."""

import json

import pytest

from synthfm3d.cli import main

SMALL = ["--shape", "12,48,48", "--quiet"]


def test_over_a_hundred_volumes_are_planned_as_shards_and_fewer_as_nifti(tmp_path, capsys):
    for count, name in (("100", "bytes_uncompressed"), ("101", "shards")):
        command = ["generate", "-n", count, "-o", str(tmp_path / "out"), "--dry-run", "--json", *SMALL]
        assert main(command) == 0
        assert name in json.loads(capsys.readouterr().out)
    assert not (tmp_path / "out").exists()


def test_a_dry_run_tells_volumes_bytes_and_hours_of_its_part_and_makes_nothing(tmp_path, capsys):
    command = ["generate", "-n", "100000", "-o", str(tmp_path / "out"), "--workers", "4", "--dry-run", *SMALL]
    assert main([*command, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert main([*command, "--part", "99/100", "--json"]) == 0
    part = json.loads(capsys.readouterr().out)
    assert whole["volumes"] == 100_000
    assert part["volumes"] in range(900, 1100)
    for plan in (whole, part):
        assert plan["hours"] == pytest.approx(plan["volumes"] / plan["volumes_per_second"] / 3600, rel=0.01)
        # A label map and a scene compress well, noise does not: between a tenth and all of 3 bytes a voxel.
        assert 0.1 < plan["bytes"] / plan["volumes"] / (3 * 12 * 48 * 48) < 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("part", ["3", "a/b", "4/4", "-1/4", "1/0"])
def test_a_part_that_is_none_is_refused_with_an_example(tmp_path, capsys, part):
    assert main(["generate", "-n", "200", "--part", part, "-o", str(tmp_path / "out"), *SMALL]) == 2
    assert "0/8" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["--workers", "2"], ["--part", "0/2"], ["--no-resume"]])
def test_what_is_for_shards_is_refused_for_nifti(tmp_path, capsys, words):
    assert main(["generate", "-n", "2", *words, "-o", str(tmp_path / "out"), *SMALL]) == 2
    assert f"{words[0]}: has an effect only on shards" in capsys.readouterr().err


def test_a_second_run_keeps_all_and_no_resume_makes_all_again(tmp_path, capsys):
    command = ["generate", "-n", "6", "--format", "shards", "--per-shard", "3", "--workers", "1", *SMALL]
    kept = []
    for words in ([], [], ["--no-resume"]):
        assert main([*command, *words, "--json", "-o", str(tmp_path)]) == 0
        kept.append(json.loads(capsys.readouterr().out)["kept_volumes"])
    assert kept == [0, 6, 0]


def test_other_settings_into_the_same_folder_are_refused(tmp_path, capsys):
    command = ["generate", "-n", "2", "--format", "shards", "--workers", "1", "-o", str(tmp_path), *SMALL]
    assert main(command) == 0
    assert main([*command, "--preset", "mr"]) == 2
    assert "settings" in capsys.readouterr().err
