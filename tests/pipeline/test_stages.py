"""Stages: done once, in order, each in a folder of its own that its settings name."""

import json

import pytest

from synthfm3d.errors import InputError
from synthfm3d.pipeline.stages import MARKER, Stage, run_stages, stage_states


class Work:
    """Counts how often each stage runs; the one that is told to fails."""

    def __init__(self):
        self.ran = []
        self.fails = None

    def stage(self, name, **settings):
        def run(folders):
            (folders[name] / "product").write_text(json.dumps([list(folders), settings]))
            if self.fails == name:
                raise KeyboardInterrupt
            self.ran.append(name)
            return {"made by": name, **settings}

        return Stage(name=name, settings=settings, run=run)


@pytest.fixture
def work():
    return Work()


def test_stages_run_in_order_and_see_the_folders_of_those_before(work, tmp_path):
    facts = run_stages(tmp_path, [work.stage("first", a=1), work.stage("second", b=2)])
    assert work.ran == ["first", "second"]
    assert facts == {"first": {"made by": "first", "a": 1}, "second": {"made by": "second", "b": 2}}
    second = stage_states(tmp_path, [work.stage("first", a=1), work.stage("second", b=2)])[1]
    assert json.loads((second.folder / "product").read_text()) == [["first", "second"], {"b": 2}]


def test_what_is_done_is_not_done_again(work, tmp_path):
    stages = [work.stage("first", a=1), work.stage("second", b=2)]
    once, twice = run_stages(tmp_path, stages), run_stages(tmp_path, stages)
    assert work.ran == ["first", "second"]
    assert once == twice


def test_a_stage_that_was_stopped_goes_on_in_its_folder_and_those_before_stay_done(work, tmp_path):
    stages = [work.stage("first"), work.stage("second"), work.stage("third")]
    work.fails = "second"
    with pytest.raises(KeyboardInterrupt):
        run_stages(tmp_path, stages)
    assert [p.facts is not None for p in stage_states(tmp_path, stages)] == [True, False, False]
    work.fails = None
    run_stages(tmp_path, stages)
    assert work.ran == ["first", "second", "third"]
    assert len(list(tmp_path.iterdir())) == 3


def test_other_settings_have_another_folder_and_so_has_all_that_follows(work, tmp_path):
    run_stages(tmp_path, [work.stage("first", a=1), work.stage("second", b=2), work.stage("third")])
    run_stages(tmp_path, [work.stage("first", a=1), work.stage("second", b=3), work.stage("third")])
    assert work.ran == ["first", "second", "third", "second", "third"]
    run_stages(tmp_path, [work.stage("first", a=1), work.stage("second", b=2), work.stage("third")])
    assert len(work.ran) == 5  # the first results are still there


def test_a_plan_writes_nothing(work, tmp_path):
    (state,) = stage_states(tmp_path / "run", [work.stage("first")])
    assert state.facts is None
    assert not (tmp_path / "run").exists()


def test_a_damaged_marker_is_named(work, tmp_path):
    stages = [work.stage("first")]
    run_stages(tmp_path, stages)
    marker = stage_states(tmp_path, stages)[0].folder / MARKER
    marker.write_text(marker.read_text()[:40])
    with pytest.raises(InputError, match="is damaged: remove it"):
        run_stages(tmp_path, stages)


def test_a_process_that_is_not_the_first_takes_part_in_common_stages_only(work, tmp_path):
    alone, common, last = work.stage("alone"), work.stage("common"), work.stage("last")
    stages = [alone, Stage(name="common", settings={}, run=common.run, together=True), last]
    run_stages(tmp_path, [alone])
    (tmp_path / stage_states(tmp_path, stages)[1].folder.name).mkdir()
    assert run_stages(tmp_path, stages, first=False) == {}
    assert work.ran == ["alone", "common"]
    assert [p.facts is not None for p in stage_states(tmp_path, stages)] == [True, False, False]
