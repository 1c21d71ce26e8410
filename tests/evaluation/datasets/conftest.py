"""Copies of datasets in miniature, and short ways to look into them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from miniatures import BUILDERS

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case
from synthfm3d.evaluation.datasets.dataset import Listing
from synthfm3d.evaluation.datasets.registry import DATASETS

Copy = Callable[[str], Path]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Makes the miniature of a dataset by name; returns the path that a user would name."""
    return lambda name: BUILDERS[name](tmp_path)


def listing(name: str, path: Path) -> Listing:
    return DATASETS[name].listing(path)


def case_of(name: str, path: Path, ending: str) -> Case:
    """The case whose name ends so, read."""
    (found,) = (case for case in listing(name, path).cases if case.name.endswith(ending))
    return found.read()


def refusal(name: str, path: Path, ending: str) -> str:
    """What is said of a case that cannot be used."""
    with pytest.raises(InputError) as caught:
        case_of(name, path, ending)
    return str(caught.value)


@pytest.fixture
def look():
    return case_of


@pytest.fixture
def refused():
    return refusal
