"""Tolerances by name."""

import pytest

from synthfm3d.metrics.surface import tolerance_of


@pytest.mark.parametrize(
    ("structure", "mm"),
    [("liver", 5.0), ("Right kidney", 3.0), ("kidney-right", 3.0), ("inferior vena cava", 2.0)],
)
def test_a_name_is_known_however_it_is_written(structure: str, mm: float) -> None:
    assert tolerance_of(structure).mm == mm


def test_a_structure_that_nobody_lists_has_the_default_and_its_source() -> None:
    found = tolerance_of("left_atrium")
    assert found.mm == 3.0
    assert "TotalSegmentator" in found.source
    assert "FLARE22" in tolerance_of("duodenum").source
