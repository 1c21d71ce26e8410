"""docs/reference/inputs.md and the tests that it names stay in step."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split(" | ")]
    for line in (ROOT / "docs" / "reference" / "inputs.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| \d+ \|", line)
]


def test_every_bad_input_has_one_row():
    assert [int(row[0]) for row in ROWS] == list(range(1, len(ROWS) + 1))
    assert len({row[1] for row in ROWS}) == len(ROWS)


def test_every_row_has_a_policy():
    assert {row[2] for row in ROWS} == {"reject", "repair", "accept"}


def test_the_readme_tells_how_many_of_them_are_refused_repaired_and_read():
    told = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    count = {policy: sum(row[2] == policy for row in ROWS) for policy in ("reject", "repair", "accept")}
    assert (
        f"Of [{len(ROWS)} kinds of unusual or bad file](docs/reference/inputs.md), {count['reject']} are "
        f"refused, {count['repair']} are repaired with a warning recorded in the result, and "
        f"{count['accept']} are read correctly"
    ) in told


def test_every_test_that_the_table_names_is_there():
    missing = []
    for row in ROWS:
        file, name = row[-1].strip("`").split("::")
        path = ROOT / "tests" / file
        if not path.is_file() or f"\ndef {name}(" not in path.read_text(encoding="utf-8"):
            missing.append(row[-1])
    assert missing == []
