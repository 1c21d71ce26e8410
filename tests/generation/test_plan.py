"""The plan divides volumes among shards, and shards among machines, without gap or overlap."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthfm3d.errors import InputError
from synthfm3d.generation.plan import (
    DATASET_FILE,
    DatasetPlan,
    establish_dataset,
    read_dataset,
    settings_sha256,
)
from synthfm3d.synthesis.settings import SynthesisSettings

SETTINGS = SynthesisSettings(shape=(12, 48, 48))


@given(count=st.integers(1, 5000), first=st.integers(0, 10**9), per_shard=st.integers(1, 300))
def test_every_volume_is_in_exactly_one_shard_in_order(count, first, per_shard):
    plan = DatasetPlan(settings=SETTINGS, count=count, first=first, volumes_per_shard=per_shard)
    indices = [index for shard in range(plan.shards) for index in plan.indices(shard)]
    assert indices == list(range(first, first + count))
    assert {len(plan.indices(shard)) for shard in range(plan.shards - 1)} <= {per_shard}


@given(count=st.integers(1, 2000), parts=st.integers(1, 300))
def test_every_shard_is_in_exactly_one_part_and_parts_are_even(count, parts):
    plan = DatasetPlan(settings=SETTINGS, count=count, volumes_per_shard=7)
    split = [plan.part(number, parts) for number in range(parts)]
    assert [shard for part in split for shard in part] == list(range(plan.shards))
    sizes = [len(part) for part in split]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("number", "parts"), [(-1, 4), (4, 4), (0, 0)])
def test_a_part_that_does_not_exist_is_refused(number, parts):
    with pytest.raises(ValueError, match="part"):
        DatasetPlan(settings=SETTINGS, count=10).part(number, parts)


def test_other_settings_have_another_hash_and_the_same_ones_the_same():
    assert settings_sha256(SETTINGS) == settings_sha256(SynthesisSettings(shape=(12, 48, 48)))
    assert settings_sha256(SETTINGS) != settings_sha256(replace(SETTINGS, pixel_mm=(0.5, 2.1)))


def test_a_dataset_may_grow_but_not_change_or_shrink(tmp_path):
    plan = DatasetPlan(settings=SETTINGS, count=10, volumes_per_shard=4)
    establish_dataset(tmp_path, plan)
    establish_dataset(tmp_path, plan)
    establish_dataset(tmp_path, replace(plan, count=20))
    assert read_dataset(tmp_path)["count"] == 20
    with pytest.raises(InputError, match="holds 20 volumes"):
        establish_dataset(tmp_path, plan)
    for other in (replace(plan, seed=1), replace(plan, first=4), replace(plan, volumes_per_shard=5)):
        with pytest.raises(InputError, match="other"):
            establish_dataset(tmp_path, replace(other, count=20))
    assert [path.name for path in tmp_path.iterdir()] == [DATASET_FILE]


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_description_that_is_none_is_told(tmp_path, content):
    with pytest.raises(InputError, match="missing"):
        read_dataset(tmp_path)
    (tmp_path / DATASET_FILE).write_text(content)
    with pytest.raises(InputError, match=DATASET_FILE):
        read_dataset(tmp_path)
