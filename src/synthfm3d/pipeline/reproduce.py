"""``reproduce``: the paper's experiment from one file, in stages that are done once.

The model before training is stored (start), the volumes are drawn (generate), and the model is trained on
them (train). Both models are scored on public datasets with the same prompts (evaluate), and a page compares
the results with the figures of the paper.
"""

import gzip
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from synthfm3d import __version__
from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import PendingCase
from synthfm3d.evaluation.datasets.registry import chosen_cases, dataset_named
from synthfm3d.evaluation.methods.baselines import EllipsoidFromBox, ShrinkingMask
from synthfm3d.evaluation.methods.method import Method
from synthfm3d.evaluation.methods.models import model_method
from synthfm3d.evaluation.report import PAGE_NAME, Report, write_report
from synthfm3d.evaluation.run import run_evaluation
from synthfm3d.evaluation.scoring.results import Score
from synthfm3d.files import atomic_writer
from synthfm3d.generate import realise
from synthfm3d.loading.clips import volume_scene
from synthfm3d.pipeline.gallery import ContactSheet
from synthfm3d.pipeline.pages import write_comparison
from synthfm3d.pipeline.reproduction_config import EvaluationChoice, ReproductionConfig
from synthfm3d.pipeline.stages import Facts, Folders, Stage, StageState, run_stages, stage_states
from synthfm3d.synthesis.sampler import GENERATOR_VERSION
from synthfm3d.training.sam2 import Sam2TrainingConfig

BEFORE, AFTER = "before", "after"
"""Names of the two models in every table."""
SCENES_FILE, CASES_FOLDER = "scenes.jsonl.gz", "cases"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduced:
    """Where the page is, what each stage left, and the rows of the page's table."""

    page: Path
    facts: Mapping[str, Facts]
    rows: Sequence[Mapping[str, Any]]


def reproduce(
    config: ReproductionConfig, folder: Path, *, scale: float = 1.0, device: str = "auto", say: Say = print
) -> Reproduced | None:
    """Run the whole experiment in ``folder``, or the stages that are missing.

    Under ``accelerate launch`` all processes train, the first one does the rest; the others return None.

    Parameters
    ----------
    scale
        Share of the steps, volumes and cases; below 1 it is a rehearsal, see ``ReproductionConfig``.
    say
        Called with a sentence before each step.

    Raises
    ------
    InputError
        No dataset has a path, one cannot be read, or the weights to start from are not there.
    """
    scaled = config.scaled(scale)
    stages = _stages(scaled, device, say)
    first = os.environ.get("RANK", "0") == "0"
    facts = run_stages(folder, stages, say, first=first)
    if not first:
        return None
    placed = {p.stage.name: p.folder for p in stage_states(folder, stages)}
    page, rows = write_comparison(
        folder,
        means=facts["evaluate"]["means"],
        report=placed["evaluate"].relative_to(folder) / PAGE_NAME,
        facts={**facts["generate"], **facts["train"], "started from": facts["start"]["model"]},
        left_out=[name for name, choice in config.evaluation.datasets.items() if choice.path is None],
        scale=scale,
    )
    return Reproduced(page=page, facts=facts, rows=rows)


def planned(config: ReproductionConfig, folder: Path, *, scale: float = 1.0) -> list[StageState]:
    """The stages of a run, where they lie and which of them are done; datasets are looked for."""
    return stage_states(folder, _stages(config.scaled(scale), "cpu", lambda sentence: None))


def _stages(config: ReproductionConfig, device: str, say: Say) -> list[Stage]:
    from synthfm3d.training.state import INCIDENTAL  # torch: seconds

    training, cases = config.training, _cases(config.evaluation)
    learnt = {name: value for name, value in _plain(training).items() if name not in INCIDENTAL}
    versions = {"synthfm3d": __version__, "generator": GENERATOR_VERSION}
    volumes = {
        "seed": training.seed,
        "image_size": training.model.image_size,
        "data": _plain(training.data),
        "pictured": config.pictured,
    }
    scored = {
        **_plain(config.evaluation),
        "cases": [case.name for case in cases],
    }
    return [
        Stage(
            name="start",
            settings={"start": training.start, "model": _plain(training.model), "seed": training.seed},
            run=lambda folders: _write_start(training, folders["start"]),
        ),
        Stage(
            name="generate",
            settings={**volumes, **versions},
            run=lambda folders: _draw_volumes(config, folders["generate"]),
        ),
        Stage(
            name="train",
            settings={**learnt, **versions},
            run=lambda folders: _train(training, folders["train"], device, say),
            together=True,
        ),
        Stage(
            name="evaluate",
            settings={**scored, **versions},
            run=lambda folders: _evaluate(config, cases, folders, device, say),
        ),
    ]


# --- the stages -------------------------------------------------------------------------------------


def _write_start(training: Sam2TrainingConfig, folder: Path) -> Facts:
    """The model before training: weights of a name, or the random ones that the training begins with."""
    from synthfm3d.model.checkpoint import weights_hash, weights_path  # torch: seconds
    from synthfm3d.training.sam2 import Sam2Family

    if training.start is not None:
        path = weights_path(training.start)
        return {"model": training.start, "weights": weights_hash(path) if path else "none"}
    family = Sam2Family(training)
    path = family.write(folder, family.network(started=False), {"steps": 0, "synthfm3d": __version__})
    return {"model": "random weights", "weights": weights_hash(path)}


def _draw_volumes(config: ReproductionConfig, folder: Path) -> Facts:
    """The scene of every volume of the training, from which its voxels follow bit for bit; some are rendered.

    Voxels of all of them would fill a terabyte, and the training needs few slices of each: it renders
    those from the same scenes.
    """
    training = config.training
    count = training.data.volumes
    scenes = (
        volume_scene(training.seed, index, training.model.image_size, training.data) for index in range(count)
    )
    sheet = ContactSheet()
    with (
        atomic_writer(folder / SCENES_FILE) as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=4, mtime=0) as stream,
    ):
        for scene in scenes:
            stream.write(json.dumps(scene.to_dict()).encode() + b"\n")
            if scene.index < config.pictured:
                volume = realise(scene, threads=2)
                sheet.add(volume)
    sheet.write(folder)
    return {"volumes": count, "seed": training.seed, "generator version": GENERATOR_VERSION}


def _train(training: Sam2TrainingConfig, folder: Path, device: str, say: Say) -> Facts:
    """Fine-tune, continuing from a checkpoint if there is one."""
    from synthfm3d.model.checkpoint import weights_hash
    from synthfm3d.training.loop import train
    from synthfm3d.training.state import CHECKPOINT_FILE

    reported = -1

    def report(entry: dict[str, Any]) -> None:
        nonlocal reported
        tenth = 10 * entry["step"] // training.steps
        if "loss" in entry and tenth > reported:
            reported = tenth
            say(f"train: step {entry['step']} of {training.steps}, loss {entry['loss']:.3f}")

    resume = (folder / CHECKPOINT_FILE).exists()
    weights = train(training, folder, resume=resume, device=device, report=report)
    if weights.is_dir():  # not the first process: it has written no weights
        return {}
    return {"steps": training.steps, "weights after": weights_hash(weights)}


def _evaluate(
    config: ReproductionConfig, cases: Sequence[PendingCase], folders: Folders, device: str, say: Say
) -> Facts:
    """Score both models, and the baselines, on every case; the report of it lies in the stage's folder.

    The result of each case is kept, so that a run that was stopped continues with the next case.
    """
    size = config.training.model.image_size
    start = config.training.start or str(folders["start"])
    methods: list[Method] = [
        replace(model_method(f"{start}@{size}", device), name=BEFORE),
        replace(model_method(f"{folders['train']}@{size}", device), name=AFTER),
    ]
    if config.evaluation.baselines:
        methods += [EllipsoidFromBox(), ShrinkingMask()]
    seen: set[str] = set()

    def on_score(score: Score) -> None:
        if score.case not in seen:
            seen.add(score.case)
            say(f"evaluate: {score.case}")

    report = run_evaluation(
        cases,
        methods,
        config.evaluation.protocol,
        folder=folders["evaluate"] / CASES_FOLDER,
        resume=True,
        against=BEFORE,
        on_score=on_score,
    )
    write_report(folders["evaluate"], report)
    return {"means": _means(report), "unusable": len(report.unusable)}


# --- what they share --------------------------------------------------------------------------------


def _cases(choice: EvaluationChoice) -> list[PendingCase]:
    """Cases of all datasets that have a path; InputError if none has one."""
    cases: list[PendingCase] = []
    for name, part in choice.datasets.items():
        if part.path is not None:
            dataset, path = dataset_named(name), Path(part.path)
            available = len(dataset.listing(path).of_split(part.split).cases)
            cases += chosen_cases(
                dataset, path, split=part.split, limit=choice.limit(available), structures=choice.structures
            )
    if not cases:
        names = ", ".join(choice.datasets) or "camus"
        raise InputError(
            f"there is nothing to score: say where a copy of a dataset lies ({names}), for example "
            "--dataset camus=/data/CAMUS_public."
        )
    return cases


def _means(report: Report) -> list[dict[str, Any]]:
    """Mean Dice of each dataset, structure, prompt and method: by case, then over cases; failures are 0."""
    groups: dict[tuple[str, str, str, str, str], dict[str, list[float]]] = {}
    for score in report.scores:
        dataset = score.case.partition("/")[0]
        key = (dataset, score.structure, score.label_source, score.prompt, score.method)
        groups.setdefault(key, {}).setdefault(score.case, []).append(score.dice)
    names = ("dataset", "structure", "label_source", "prompt", "method")
    return [
        {
            **dict(zip(names, key, strict=True)),
            "dice": round(fmean(fmean(values) for values in by_case.values()), 6),
            "cases": len(by_case),
        }
        for key, by_case in groups.items()
    ]


def _plain(settings: Any) -> dict[str, Any]:
    """A dataclass as JSON values."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return plain
