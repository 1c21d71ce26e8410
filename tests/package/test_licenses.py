"""``THIRD_PARTY_LICENSES.md`` is what its program writes of the packages that are there."""

import re

import pytest
import third_party_licenses as licences
from packaging.requirements import Requirement

LIST = licences.PLACE.read_text(encoding="utf-8")
RENEW = "python tools/third_party_licenses.py writes the list anew"


def rows(heading):
    """Cells of the table under a heading, by the first of each row."""
    part = LIST.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]
    return {first: rest for first, *rest in cells[2:]}


def test_every_package_that_pyproject_asks_for_is_listed_with_who_asks():
    listed = {
        name: set(by.split(", ")) for name, (_, by) in rows("Asked for by the core and its extras").items()
    }
    assert listed == licences.direct(), RENEW


def test_the_licences_are_those_that_installed_packages_state():
    listed = {name: licence for name, (licence, _) in rows("Asked for by the core and its extras").items()}
    installed = {one.name: one for one in licences.closure(map(Requirement, listed))}
    stated = {licences.canonicalize_name(name): licences.licence_of(one) for name, one in installed.items()}
    assert {name: stated[name] for name in listed if name in stated}.items() <= listed.items(), RENEW
    assert len(stated) > 30


def test_what_those_ask_for_is_listed_too():
    listed = {name: licence for name, (licence,) in rows("Asked for by those").items()}
    assert licences.indirect().items() <= listed.items(), RENEW


def test_what_is_bundled_in_the_viewer_is_listed_with_a_licence_that_was_recognised():
    listed = [(name, *rest) for name, rest in rows("Part of the package").items()]
    assert listed == licences.bundled(), RENEW
    assert {licence for *_, licence in listed} <= {"MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"}


@pytest.mark.parametrize("word", ["GPL", "AGPL", "SSPL", "Commercial", "Proprietary", "not stated"])
def test_no_package_has_a_licence_that_reaches_into_this_one(word):
    # LGPL alone would be bearable; a package of it is to be thought about first, too.
    assert not re.search(rf"\b{word}", LIST)
