"""``--dataset NAME=PATH`` and other pairs on the command line: words become cases."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from synthfm3d.errors import InputError

if TYPE_CHECKING:
    from synthfm3d.evaluation.datasets.cases import LabelSource, PendingCase, Split
    from synthfm3d.volume import Modality


def dataset_cases(
    words: Sequence[str],
    *,
    split: "Split | None" = None,
    limit: int | None = None,
    structures: Sequence[str] = (),
    modality: "Modality | None" = None,
    label_source: "LabelSource | None" = None,
) -> "list[PendingCase]":
    """Cases of datasets given as ``name=path``, in the order given; see ``datasets.choice``.

    Raises
    ------
    InputError
        A word has another form, a dataset is unknown or given twice, or nothing of it can be scored.
    """
    from synthfm3d.evaluation.datasets.choice import chosen_cases, described_by_user
    from synthfm3d.evaluation.datasets.registry import dataset_named

    cases: list[PendingCase] = []
    seen: set[str] = set()
    for word in words:
        name, path = name_and_path(word)
        if name in seen:
            raise InputError(f"--dataset {name}: is given twice: its cases would share their names.")
        seen.add(name)
        dataset = described_by_user(dataset_named(name), modality, label_source)
        cases += chosen_cases(dataset, Path(path), split=split, limit=limit, structures=structures)
    return cases


def name_and_path(
    word: str,
    option: str = "--dataset",
    form: str = "NAME=PATH",
    example: str = "camus=/data/CAMUS_public",
) -> tuple[str, str]:
    """The two halves of an option's ``NAME=PATH``; InputError, which tells the form, for another."""
    name, equals, path = word.partition("=")
    if not equals or not name or not path:
        raise InputError(f"{option} {word}: write it as {form}, for example {example}.")
    return name, path
