"""The same bits whatever renders them, in whatever order and on whatever processor."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from synthfm3d.generate import realise
from synthfm3d.rendering.compositing import compose_slice
from synthfm3d.rendering.cpu import Renderer, render
from synthfm3d.rendering.fields import fields_of_slice
from synthfm3d.synthesis.sampler import GENERATOR_VERSION, draw_scene
from synthfm3d.synthesis.settings import SynthesisSettings

SMALL = (12, 64, 64)


def _scenes():
    for modality in ("ct", "mr", "us"):
        for index in range(3):
            yield draw_scene(11, index, SynthesisSettings(shape=SMALL, modalities=(modality,)))


def test_a_range_of_slices_has_the_bits_of_the_whole_volume():
    for scene in _scenes():
        image, labels = render(scene)
        for part in (range(0, 1), range(5, 9), range(11, 12)):
            some_image, some_labels = render(scene, part)
            assert np.array_equal(some_image, image[part.start : part.stop])
            assert np.array_equal(some_labels, labels[part.start : part.stop])


def test_a_renderer_gives_the_same_bits_however_often_it_is_asked():
    for index in range(3):
        scene = draw_scene(11, index, SynthesisSettings(shape=SMALL))
        image, labels = render(scene)
        renderer = Renderer(scene)
        for z in (3, 0, 3):
            again = renderer.render(range(z, z + 2))
            assert np.array_equal(again[0], image[z : z + 2])
            assert np.array_equal(again[1], labels[z : z + 2])


def test_a_renderer_has_only_the_slices_that_were_made_ready():
    renderer = Renderer(draw_scene(11, 0, SynthesisSettings(shape=SMALL)), range(2, 5))
    assert len(renderer.render()[0]) == 3
    with pytest.raises(ValueError, match="prepared"):
        renderer.render(range(1, 3))


def test_threads_do_not_change_a_bit():
    for scene in _scenes():
        for one, four in zip(render(scene, threads=1), render(scene, threads=4), strict=True):
            assert np.array_equal(one, four)


def test_a_range_of_slices_lies_where_it_lies_in_the_whole_volume():
    scene = next(_scenes())
    whole, part = realise(scene), realise(scene, range(5, 9))
    first = np.zeros(3)
    assert part.image.grid.to_mm(first) == pytest.approx(whole.image.grid.to_mm(np.array([5, 0, 0])))


@pytest.mark.parametrize("slices", [range(3, 3), range(0, 13), range(-1, 3), range(0, 8, 2)])
def test_slices_that_are_no_part_of_the_volume_are_refused(slices):
    with pytest.raises(ValueError, match="slices"):
        render(next(_scenes()), slices)


def test_organs_stay_inside_the_body_cavity():
    """Whatever is confined is labelled only where the cavity is."""
    bodies = 0
    for index in range(12):
        scene = draw_scene(5, index, SynthesisSettings(shape=SMALL, modalities=("ct",)))
        if scene.anatomy.cavity_depth_mm == 0:
            continue
        bodies += 1
        inside = _labels_of(scene, [(0, None)])
        for number, organ in enumerate(scene.anatomy.structures):
            if number and organ.confined:
                labels = _labels_of(scene, [(0, None), (number, 2)])
                assert (inside[labels == 2] == 1).all()
    assert bodies > 2


def _labels_of(scene, wanted):
    """Labels of some structures alone: of the body 1 in its cavity, of others the given value."""
    structures = []
    for number, value in wanted:
        structure = scene.anatomy.structures[number]
        last = len(structure.layers) - 1
        labels = [int(n == last) if value is None else value for n in range(last + 1)]
        layers = tuple(replace(layer, label=v) for layer, v in zip(structure.layers, labels, strict=True))
        structures.append(replace(structure, layers=layers, neighbourhood=0))
    tissues = tuple(scene.contrast.tissues[number] for number, _ in wanted)
    anatomy = replace(scene.anatomy, structures=tuple(structures))
    return render(replace(scene, anatomy=anatomy, contrast=replace(scene.contrast, tissues=tissues)))[1]


DIGESTS = {
    "ct": "54e84b1f484e72817b00fc097d696cedb5d6bd9f2ee201e80897e47e5690bcba",
    "mr": "ef17b382ec1cdd94de6289240499a1397321e6ec4254f37d22a47cfa511c3f16",
    "us": "ef7a15ac144d3ef6c9191e0d72a1426ec6caf28d5e72e9199bf3cf44977d5894",
}
"""SHA-256 of two small volumes of each modality, for the present generator version."""


@pytest.mark.parametrize("modality", ["ct", "mr", "us"])
def test_volumes_are_those_of_this_generator_version(modality):
    """Fails when any seed's volume changes: raise GENERATOR_VERSION, tell the changelog, renew these."""
    digest = hashlib.sha256(str(GENERATOR_VERSION).encode())
    for index in range(2):
        scene = draw_scene(11, index, SynthesisSettings(shape=SMALL, modalities=(modality,)))
        for voxels in render(scene):
            digest.update(voxels.tobytes())
    assert digest.hexdigest() == DIGESTS[modality]


_HASHES = """
import hashlib
from synthfm3d.generate import generate
from synthfm3d.synthesis.settings import SynthesisSettings
digest = hashlib.sha256()
for modality in ("ct", "mr", "us"):
    for index in range(4):
        volume = generate(11, index, SynthesisSettings(shape=(12, 64, 64), modalities=(modality,)))
        digest.update(volume.image.voxels.tobytes() + volume.labels.voxels.tobytes())
print(digest.hexdigest())
"""


def _hash_in_a_process(tmp_path, **environment):
    own = {"NUMBA_CACHE_DIR": str(tmp_path), **environment}
    result = subprocess.run(
        [sys.executable, "-c", _HASHES], env=os.environ | own, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


@pytest.mark.slow
def test_another_processor_renders_the_same_bits(tmp_path):
    """Compiled for a generic processor, and with NumPy kept from AVX-512 where it would use it."""
    here = _hash_in_a_process(tmp_path / "host")
    assert len(here) == 64
    assert _hash_in_a_process(tmp_path / "generic", NUMBA_CPU_NAME="generic") == here
    from numpy._core._multiarray_umath import __cpu_features__ as features

    fast = [f for f in ("AVX512_SKX", "X86_V4", "AVX512F") if features.get(f)]
    if fast:
        assert _hash_in_a_process(tmp_path / "numpy", NPY_DISABLE_CPU_FEATURES=" ".join(fast)) == here


def test_volumes_of_one_slice_need_no_other_compiled_kernels():
    """Compiling the slice kernel for another memory layout takes many seconds."""
    for depth in (1, 3):
        render(draw_scene(0, 1, SynthesisSettings(shape=(depth, 32, 32), modalities=("ct",))))
    assert len(compose_slice.signatures) == 1
    assert len(fields_of_slice.signatures) == 1
