"""The sdist and the wheel, built once for all tests that look at them."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from wheel_environment import build


@dataclass(frozen=True)
class Built:
    """What goes to the package index."""

    sdist: Path
    wheel: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Built:
    # Where the suite runs against the wheel, the sources are out of the way.
    there = os.environ.get("SYNTHFM3D_BUILT")
    if there:
        (sdist,), (wheel,) = Path(there).glob("*.tar.gz"), Path(there).glob("*.whl")
        return Built(sdist, wheel)
    return Built(*build(tmp_path_factory.mktemp("built")))
