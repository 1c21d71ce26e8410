"""Shards: the same bytes for the same volumes, read back to the bit, by us and by plain tar."""

import json
import tarfile
from dataclasses import replace

import blosc2
import numpy as np
import pytest

from synthfm3d.errors import InputError
from synthfm3d.generate import generate
from synthfm3d.shards.reader import Shard, ShardFolder
from synthfm3d.shards.record import ShardOrigin, read_record
from synthfm3d.shards.writer import shard_name, write_shard
from synthfm3d.synthesis.settings import SynthesisSettings

SETTINGS = SynthesisSettings(shape=(12, 32, 40))


def volumes(indices):
    return [generate(3, index, SETTINGS) for index in indices]


def origin(indices):
    return ShardOrigin(
        seed=3,
        first=indices.start,
        after=indices.stop,
        settings_sha256="0" * 64,
        generator_version=1,
        package_version="1",
    )


@pytest.fixture
def folder(tmp_path):
    for number, indices in enumerate((range(3), range(3, 5))):
        write_shard(tmp_path / shard_name(number), volumes(indices), origin(indices))
    return tmp_path


def test_a_volume_comes_back_bit_for_bit_with_its_geometry_and_scene(folder):
    stored = ShardFolder(folder)
    assert len(stored) == 5
    for place, made in enumerate(volumes(range(5))):
        back = stored[place]
        assert np.array_equal(back.image.voxels, made.image.voxels)
        assert back.image.voxels.dtype == np.int16
        assert np.array_equal(back.labels.voxels, made.labels.voxels)
        assert back.labels.voxels.dtype == np.uint8
        assert np.array_equal(back.image.affine, made.image.affine)
        assert back.image.modality == made.scene.modality
        scene = dict(back.scene)
        del scene["stored"]
        assert scene == json.loads(json.dumps(made.scene.to_dict()))


def test_by_place_and_in_a_row_give_the_same_order(folder):
    stored = ShardFolder(folder)
    keys = [volume.key for volume in stored]
    assert keys == [f"seed3-{index:08d}" for index in range(5)]
    assert [stored[place].key for place in range(-5, 5)] == keys + keys
    assert [volume.key for volume in stored[1:4]] == keys[1:4]
    with pytest.raises(IndexError):
        stored[5]


def test_some_slices_are_those_of_the_whole_volume_at_their_place_in_the_world(folder):
    shard = ShardFolder(folder).shard(0)
    entry = shard.record.samples[1]
    whole, part = shard.read(entry), shard.read(entry, slice(5, 11))
    assert np.array_equal(part.image.voxels, whole.image.voxels[5:11])
    assert np.array_equal(part.labels.voxels, whole.labels.voxels[5:11])
    assert np.allclose(
        part.image.grid.to_mm(np.zeros(3)), whole.image.grid.to_mm(np.array([5, 0, 0])), atol=1e-9
    )


def test_the_same_volumes_give_the_same_bytes(folder, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    write_shard(again / shard_name(1), volumes(range(3, 5)), origin(range(3, 5)))
    for name in ("shard-00001.tar", "shard-00001.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_plain_tar_and_plain_blosc2_read_it_at_the_offsets_of_the_record(folder):
    path = folder / "shard-00000.tar"
    content, record = path.read_bytes(), read_record(path.with_suffix(".json"))
    made = volumes(range(3))
    with tarfile.open(path) as tar:
        members = tar.getmembers()
        assert all((m.mtime, m.uid, m.gid, m.uname) == (0, 0, 0, "") for m in members)
        for entry, volume in zip(record.samples, made, strict=True):
            for part, (offset, size) in entry.parts.items():
                member = tar.extractfile(f"{entry.key}.{part}").read()
                assert member == content[offset : offset + size]
            image = tar.extractfile(f"{entry.key}.image.blosc2").read()
            assert np.array_equal(blosc2.ndarray_from_cframe(image)[:], volume.image.voxels)
    assert len(members) == 9
    assert len(content) % tarfile.RECORDSIZE == 0


def test_members_of_a_sample_stand_together_as_webdataset_groups_them(folder):
    with tarfile.open(folder / "shard-00000.tar") as tar:
        names = tar.getnames()
    # WebDataset: the key ends at the first dot of the name, a new key begins a new sample.
    keys = [name.partition(".")[0] for name in names]
    assert keys == [key for key in dict.fromkeys(keys) for _ in range(3)]
    assert {name.partition(".")[2] for name in names} == {"image.blosc2", "labels.blosc2", "scene.json"}


@pytest.mark.parametrize("harm", ["flip", "cut", "gone"])
def test_a_harmed_shard_is_not_whole(folder, harm):
    path = folder / "shard-00000.tar"
    assert Shard(path).is_whole()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-512] if harm == "cut" else content)
    assert not Shard(path.parent / path.name).is_whole()


def test_a_failure_while_volumes_are_made_leaves_nothing_under_a_final_name(tmp_path):
    def breaking():
        yield from volumes(range(1))
        raise RuntimeError("the renderer failed")

    with pytest.raises(RuntimeError, match="renderer"):
        write_shard(tmp_path / shard_name(0), breaking(), origin(range(2)))
    assert list(tmp_path.iterdir()) == []


def test_a_shard_that_is_written_anew_has_no_record_of_the_old_one_meanwhile(folder):
    def watching():
        assert not (folder / "shard-00000.json").exists()
        yield from volumes(range(1))

    write_shard(folder / shard_name(0), watching(), origin(range(1)))
    assert len(Shard(folder / shard_name(0))) == 1


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / ".shard-00000.tar.0badcafe.tmp").write_bytes(b"half")
    write_shard(tmp_path / shard_name(0), volumes(range(1)), origin(range(1)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shard-00000.json", "shard-00000.tar"]


def test_other_voxel_types_are_refused_before_they_could_be_stored_wrongly(tmp_path):
    made = generate(3, 0, SETTINGS)
    floats = replace(made, image=made.image.with_voxels(made.image.voxels.astype(np.float32)))
    with pytest.raises(ValueError, match="int16"):
        write_shard(tmp_path / shard_name(0), [floats], origin(range(1)))


def test_a_slope_in_the_scene_is_applied(folder):
    path = folder / "shard-00000.tar"
    shard = Shard(path)
    offset, size = shard.record.samples[0].parts["scene.json"]
    content = path.read_bytes()
    scene = content[offset : offset + size].replace(b'"slope":1.0', b'"slope":2.0')
    path.write_bytes(content[:offset] + scene + content[offset + size :])
    made = volumes(range(1))[0].image.voxels
    assert np.array_equal(Shard(path)[0].image.voxels, 2.0 * made)


@pytest.mark.parametrize("place", range(0, 200, 13))
def test_a_damaged_member_is_told_or_harmless_but_never_of_another_shape(folder, place):
    path = folder / "shard-00000.tar"
    offset, _ = Shard(path).record.samples[0].parts["image.blosc2"]
    content = bytearray(path.read_bytes())
    content[offset + place] ^= 0x10
    path.write_bytes(content)
    try:
        assert Shard(path)[0].image.voxels.shape == SETTINGS.shape
    except InputError as error:
        assert "seed3-00000000 is damaged" in str(error)  # noqa: PT017  either is right


def test_folders_and_records_that_are_none_are_told(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="generate"):
        ShardFolder(tmp_path / "empty")
    (folder / "shard-00001.json").write_text("{}")
    with pytest.raises(InputError, match=r"shard-00001\.json"):
        ShardFolder(folder)


def test_shards_are_ordered_by_number_beyond_five_digits(folder):
    for suffix in (".tar", ".json"):
        (folder / f"shard-100000{suffix}").write_bytes((folder / f"shard-00000{suffix}").read_bytes())
    assert ShardFolder(folder).paths[-1].name == "shard-100000.tar"
