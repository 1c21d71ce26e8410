"""Signal equations against their limits, and the known order of tissues."""

import math

import pytest

from synthfm3d.synthesis.ct import HOUNSFIELD
from synthfm3d.synthesis.draw import Draw
from synthfm3d.synthesis.mr import RELAXATION_MS, Sequence, draw_sequence, mr_means, mr_signal
from synthfm3d.synthesis.ultrasound import ECHOGENICITY_DB


def test_a_long_repetition_and_no_echo_time_show_proton_density():
    spin_echo = Sequence(kind="tse", repetition_ms=1e6, echo_ms=0.0)
    assert mr_signal(spin_echo, 900.0, 50.0, 0.7) == pytest.approx(0.7)


def test_gradient_echo_has_its_maximum_at_the_ernst_angle():
    t1, repetition = 900.0, 6.0
    ernst = math.degrees(math.acos(math.exp(-repetition / t1)))

    def signal(flip):
        sequence = Sequence(kind="spgr", repetition_ms=repetition, echo_ms=0.0, flip_degrees=flip)
        return mr_signal(sequence, t1, 50.0, 1.0)

    assert signal(ernst) > signal(ernst - 1)
    assert signal(ernst) > signal(ernst + 1)


def test_inversion_recovery_nulls_a_tissue_at_t1_times_log_two():
    sequence = Sequence(kind="ir", repetition_ms=1e6, echo_ms=0.0, inversion_ms=900 * math.log(2))
    assert mr_signal(sequence, 900.0, 50.0, 1.0) == pytest.approx(0.0, abs=1e-9)


def test_balanced_ssfp_depends_on_the_ratio_of_relaxation_times():
    """For TR much shorter than T2 and the best flip angle the signal is about sqrt(T2 / T1) / 2."""
    t1, t2 = 1000.0, 250.0
    best = math.degrees(math.acos((t1 / t2 - 1) / (t1 / t2 + 1)))
    sequence = Sequence(kind="bssfp", repetition_ms=0.01, echo_ms=0.0, flip_degrees=best)
    assert mr_signal(sequence, t1, t2, 1.0) == pytest.approx(0.5 * math.sqrt(t2 / t1), rel=0.01)


def test_water_is_bright_in_t2_and_dark_in_t1_weighting():
    t1_weighted = Sequence(kind="tse", repetition_ms=500.0, echo_ms=10.0)
    t2_weighted = Sequence(kind="tse", repetition_ms=5000.0, echo_ms=100.0)
    water, liver = RELAXATION_MS["fluid"], RELAXATION_MS["parenchyma"]
    assert mr_signal(t1_weighted, *water) < mr_signal(t1_weighted, *liver)
    assert mr_signal(t2_weighted, *water) > mr_signal(t2_weighted, *liver)


def test_means_of_a_sequence_fit_the_scale():
    for index in range(20):
        draw = Draw(0, "sequence", index)
        means = mr_means(draw, draw_sequence(draw))
        assert set(means) == set(RELAXATION_MS)
        assert all(-1.6 <= mean <= 1.6 for mean in means.values())


def test_every_material_has_a_signal_in_every_modality():
    assert set(HOUNSFIELD) == set(RELAXATION_MS) == set(ECHOGENICITY_DB)


@pytest.mark.parametrize("repetition", [1500.0, 9000.0])
def test_inversion_recovery_nulls_a_tissue_earlier_where_it_has_not_recovered(repetition):
    """1 - 2 exp(-TI / T1) + exp(-TR / T1) = 0."""
    null = 900 * math.log(2 / (1 + math.exp(-repetition / 900)))
    sequence = Sequence(kind="ir", repetition_ms=repetition, echo_ms=0.0, inversion_ms=null)
    assert mr_signal(sequence, 900.0, 50.0, 1.0) == pytest.approx(0.0, abs=1e-9)
