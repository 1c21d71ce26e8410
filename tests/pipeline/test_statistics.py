"""Targets of a volume as records, beside published numbers."""

import numpy as np

from synthfm3d.generate import LabelledVolume, generate
from synthfm3d.pipeline.statistics import measure_volume, read_real_targets
from synthfm3d.synthesis.settings import SynthesisSettings

Z, Y, X = np.ogrid[:10, :64, :64]


def _replaced(image, labels):
    """A volume with these voxels in place of its own, under its scene's first name."""
    made = generate(0, 0, SynthesisSettings(shape=labels.shape, modalities=("us",)))
    value = next(iter(made.scene.label_names()))
    return LabelledVolume(
        scene=made.scene,
        image=made.image.with_voxels(image),
        labels=made.labels.with_voxels(labels.astype(np.uint8) * np.uint8(value)),
    )


def test_a_black_vessel_through_all_slices_is_seen_and_the_edge_of_the_fan_is_not():
    grain = np.random.default_rng(0).normal(100, 10, (10, 64, 64))
    fan = np.broadcast_to(X < 40, grain.shape)
    vessel = np.broadcast_to((Y - 32) ** 2 + (X - 20) ** 2 < 64, grain.shape)
    (record,) = measure_volume(_replaced(np.where(fan & ~vessel, grain, 0), vessel))
    assert record["contrast_median"] > 5
    at_the_edge = np.broadcast_to((abs(Y - 32) < 9) & (X >= 30), grain.shape) & fan
    (record,) = measure_volume(_replaced(np.where(fan, grain, 0), at_the_edge))
    assert record["contrast_largest"] < 0.5


def test_a_record_has_every_measure_of_the_published_numbers():
    records = measure_volume(generate(0, 3, SynthesisSettings(shape=(24, 96, 96))))
    assert records
    names = {measure.name for measure in read_real_targets().measures}
    assert all(names <= record.keys() for record in records)


def test_published_numbers_lie_within_their_ranges_and_axes():
    real = read_real_targets()
    known = {name for organ in real.structures for name in organ if name != "name"}
    assert known <= {measure.name for measure in real.measures}
    for measure in real.measures:
        assert measure.axis[0] <= measure.range[0] < measure.range[1] <= measure.axis[1]
        values = [organ[measure.name] for organ in real.structures if measure.name in organ]
        assert all(measure.range[0] <= value <= measure.range[1] for value in values), measure.name
