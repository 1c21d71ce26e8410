"""Statistics on numbers whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from synthfm3d.evaluation.statistics.significance import holm, mean_interval, rank_biserial, wilcoxon_p


def test_six_patients_who_all_gain_have_two_of_64_orders_against_them() -> None:
    gains = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert wilcoxon_p(gains) == pytest.approx(2 / 64)
    assert wilcoxon_p([-gain for gain in gains]) == pytest.approx(2 / 64)


def test_five_patients_can_never_be_significant_at_five_percent() -> None:
    assert wilcoxon_p([0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 / 32)


@pytest.mark.parametrize("same", [[0.0] * 12, [0.0], [], [1e-17, -1e-17, 0.0]])
def test_identical_results_have_p_one_and_no_effect(same: list[float]) -> None:
    assert wilcoxon_p(same) == 1.0
    assert rank_biserial(same) == 0.0


def test_zero_differences_say_nothing() -> None:
    assert wilcoxon_p([0.1, 0.2, 0.3, 0.0, 0.0]) == wilcoxon_p([0.1, 0.2, 0.3])


def test_many_ties_give_a_p_and_no_warning() -> None:
    assert 0 < wilcoxon_p([0.1] * 20 + [-0.1] * 3) < 0.01


def test_holm_is_the_step_down_of_his_paper() -> None:
    # Four tests: 0.005 × 4, then 0.01 × 3, 0.03 × 2, and 0.04 is not below the one before it.
    assert holm([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_are_never_smaller_and_keep_their_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    assert max(adjusted) <= 1
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


def test_the_effect_size_is_the_share_of_ranks_for_less_the_share_against() -> None:
    assert rank_biserial([0.1, 0.2, 0.3]) == 1.0
    assert rank_biserial([-0.1, -0.2, -0.3]) == -1.0
    assert rank_biserial([0.3, 0.2, -0.1]) == pytest.approx((5 - 1) / 6)


def test_the_interval_of_one_case_a_patient_is_that_of_scipy() -> None:
    values = np.random.default_rng(0).beta(5, 2, 40)
    found = mean_interval([[value] for value in values])
    upstream = stats.bootstrap((values,), np.mean, method="BCa", rng=1).confidence_interval
    assert found == pytest.approx((upstream.low, upstream.high), abs=0.003)


def test_more_cases_of_the_same_patients_are_no_more_patients() -> None:
    values = np.random.default_rng(0).normal(size=20)
    once = mean_interval([[value] for value in values])
    many = mean_interval([[value] * 10 for value in values])
    assert many == pytest.approx(once)


def test_a_patient_with_more_cases_weighs_more_as_the_mean_over_cases_says() -> None:
    # Nine patients with one case of 0 and one with nine cases of 1: the mean over cases is a half.
    low, high = mean_interval([[0.0]] * 9 + [[1.0] * 9]) or (0.0, 0.0)
    assert low < 0.5 < high


def test_patients_are_drawn_with_all_their_cases() -> None:
    # Whoever is drawn, the mean lies between the least and the greatest value; not so if sums and numbers of
    # cases came from different patients.
    low, high = mean_interval([[0.7 + n / 100] * (1 + 5 * n) for n in range(10)]) or (0.0, 1.0)
    assert 0.7 < low < high < 0.79


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        low, high = mean_interval([[value] for value in draw.beta(8, 2, 30)]) or (0.0, 0.0)
        covered += low <= 0.8 <= high
    assert covered >= 51  # 57 of 60 are expected; fewer than 51 in 1 of 1000 runs


def test_equal_values_have_an_interval_of_no_width_and_few_patients_none() -> None:
    assert mean_interval([[0.7]] * 8) == pytest.approx((0.7, 0.7))
    assert mean_interval([[0.7], [0.8], [0.9], [1.0]]) is None


def test_the_same_values_always_give_the_same_interval() -> None:
    values = [[float(value)] for value in np.random.default_rng(3).random(9)]
    assert mean_interval(values) == mean_interval(values)
