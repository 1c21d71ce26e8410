"""``synthfm3d datasets``: list the public datasets that can be scored, and check a copy of one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthfm3d.cli.common import AsJson, Quiet, examples, print_json, progress

if TYPE_CHECKING:
    from synthfm3d.evaluation.datasets.checking import Findings
    from synthfm3d.evaluation.datasets.dataset import Dataset


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    group = typer.Typer()
    group.callback(
        invoke_without_command=True,
        epilog=examples("synthfm3d datasets", "synthfm3d datasets --json"),
    )(datasets)
    group.command(
        "check",
        epilog=examples(
            "synthfm3d datasets check camus /data/CAMUS_public",
            "synthfm3d datasets check totalsegmentator-ct /data/Totalsegmentator --cases 20",
        ),
    )(check)
    app.add_typer(group, name="datasets")


def datasets(context: typer.Context, as_json: AsJson = False) -> None:
    """List the datasets that evaluate --dataset reads: page, licence, registration, expected tree.

    No dataset is part of this package or downloaded by it.
    """
    if context.invoked_subcommand is not None:
        return
    from synthfm3d.evaluation.datasets.registry import DATASETS

    if as_json:
        print_json([_as_data(dataset) for dataset in DATASETS.values()])
        return
    for dataset in DATASETS.values():
        typer.echo(_as_text(dataset))


def check(
    name: Annotated[str, typer.Argument(help="Name of the dataset, as `synthfm3d datasets` lists it.")],
    path: Annotated[Path, typer.Argument(help="Folder of your copy.")],
    limit: Annotated[
        int | None, typer.Option("--cases", min=1, help="Check only this many cases, the first ones.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Read every case of a copy of a dataset, and count what is there, missing and defective.

    Exit code 0: everything can be used. 1: something is missing or cannot be used. 2: the folder has no
    case of the dataset.
    """
    from synthfm3d.evaluation.datasets.checking import check as look
    from synthfm3d.evaluation.datasets.registry import dataset_named

    dataset = dataset_named(name)
    with progress("Reading", quiet=quiet) as advance:
        findings = look(dataset, path, limit=limit, on_case=lambda case: advance(note=case))
    if as_json:
        print_json(_findings_data(dataset, findings))
    else:
        typer.echo(_findings_text(dataset, findings))
    if not findings.complete:
        raise typer.Exit(1)


def _as_data(dataset: "Dataset") -> dict[str, Any]:
    return {
        "name": dataset.name,
        "title": dataset.title,
        "page": dataset.page,
        "licence": dataset.licence,
        "registration": dataset.registration,
        "modality": dataset.modality,
        "label_source": dataset.labels.source,
        "structures": {name: list(values) for name, values in dataset.labels.structures.items()},
        "published_cases": dict(dataset.cases),
        "tree": list(dataset.tree),
        "handled": list(dataset.handled),
    }


def _as_text(dataset: "Dataset") -> str:
    structures = ", ".join(dataset.labels.structures) or "as its JSON names them"
    top, *below = dataset.tree
    return "\n".join(
        [
            f"{dataset.name}: {dataset.title}",
            f"  page          {dataset.page}",
            f"  licence       {dataset.licence}",
            f"  registration  {dataset.registration}",
            f"  scored        {structures} ({dataset.labels.source} labels)",
            f"  expected      {top}",
            *(f"                  {line}" for line in below),
            "",
        ]
    )


def _findings_data(dataset: "Dataset", findings: "Findings") -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "complete": findings.complete,
        "usable": dict(findings.usable),
        "patients": findings.patients,
        "unread": findings.unread,
        "published": dict(findings.published),
        "missing": findings.missing,
        "structures": dict(findings.structures),
        "excluded": [{"name": e.name, "reason": e.reason} for e in findings.excluded],
        "notes": dict(findings.notes),
    }


def _findings_text(dataset: "Dataset", findings: "Findings") -> str:
    total = sum(findings.usable.values())
    lines = [f"{dataset.title}: {total} usable cases of {findings.patients} patients{_by(findings.usable)}"]
    if findings.published:
        published = f"published: {sum(findings.published.values())}{_by(findings.published)}"
        lines.append(f"{published}; {findings.missing} are missing here" if findings.missing else published)
    if findings.unread:
        lines.append(f"{findings.unread} more cases were not checked")
    lines += [f"  {name}: in {count} cases" for name, count in findings.structures.items()]
    lines += [f"excluded: {e.name}: {e.reason}" for e in findings.excluded]
    lines += [f"noted in {count} cases: {note}" for note, count in findings.notes.items()]
    lines.append("complete" if findings.complete else "not complete")
    return "\n".join(lines)


def _by(counts: Any) -> str:
    by_split = ", ".join(f"{split} {count}" for split, count in counts.items() if split)
    return f" ({by_split})" if by_split else ""
