"""``adapt``: train a model further on a few labelled scans.

A part of the labels is held back, and the model is scored on it. The model is trained on the rest, mixed with
synthetic patches, until the score no longer rises. The best weights are kept if they are better than those at
the start.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import torch

from synthfm3d import __version__
from synthfm3d.errors import InputError
from synthfm3d.files import json_text, write_atomically
from synthfm3d.loading.labelled_scans import LabelledScan
from synthfm3d.model.checkpoint import choose_device, read_network, weights_path
from synthfm3d.model.interface import WEIGHTS_FILE
from synthfm3d.model.volumetric import VolumetricConfig, VolumetricNetwork, computes_bfloat16
from synthfm3d.segmentation.automatic import GUIDES_FILE, StructureGuide, learn_guide, write_guides
from synthfm3d.training.adaptation_family import AdaptationConfig, AdaptationFamily, means_by_kind
from synthfm3d.training.loop import BEST_FOLDER, started_from, train
from synthfm3d.training.own_scans import held_back
from synthfm3d.training.state import CHECKPOINT_FILE, TrainingState
from synthfm3d.volume import Array, Volume

RECORD_FILE = "adaptation.json"
RUN_FOLDER = "run"
"""In the folder of the model: log, checkpoint and the best weights so far."""
_PLAN_FILE = "plan.json"
_VALIDATIONS = 10
"""Number of validations in a run."""
_TRIAL_STEPS, _WARM_STEPS = 10, 4
"""The trial that measures the speed takes ten steps. The first four are not measured."""

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """Result of an adaptation.

    Parameters
    ----------
    weights
        File of the new weights. None: they were not better than the start (``is_gain``) and were not
        written.
    before, after
        Dice on the held-back labels, ``validation_dice`` and by kind of prompt.
    synthetic_before, synthetic_after
        Dice on synthetic patches; a fall is what the adaptation costs on other images.
    steps, seconds
        Steps until the best weights, and the time of the whole run.
    """

    weights: Path | None
    before: dict[str, float]
    after: dict[str, float]
    synthetic_before: float | None
    synthetic_after: float | None
    steps: int
    seconds: float


def adapt(
    scans: Sequence[LabelledScan],
    folder: Path,
    config: AdaptationConfig,
    *,
    minutes: float | None = None,
    resume: bool = False,
    device: str = "auto",
    report: Report = lambda entry: None,
) -> Adaptation:
    """Adapt a model to labelled scans.

    Parameters
    ----------
    folder
        ``adaptation.json`` and ``run/`` are written here, and ``model.safetensors`` if the result is better
        than the start.
    config
        ``scans``, ``structures``, the network's size and the precision are filled in here.
    minutes
        The number of steps is chosen so that the run takes about this long on this machine. None: the run
        takes ``config.steps``.
    resume
        Continue from the checkpoint in the folder, with the number of steps of the first call. If there is no
        checkpoint yet, the run starts again.
    report
        Called with every log entry, and first with ``{"steps": …}``.

    Raises
    ------
    InputError
        The scans have only one outlined slice in all, the start is not a volumetric model, or there is no run
        to resume.
    """
    begun, run = time.monotonic(), folder / RUN_FOLDER
    place = choose_device(device)
    config = _completed(config, scans, place)
    learnt, judged, what = held_back(scans, config.seed)
    config = _with_number_of_steps(config, run, learnt, judged, minutes, resume, device)
    report({"steps": config.steps})
    family = AdaptationFamily(config, learnt, judged)
    before = _scored(family, family.network(started=False), place)
    report({"step": 0, **before.metrics})
    train(
        config,
        run,
        resume=resume and (run / CHECKPOINT_FILE).is_file(),
        device=device,
        report=report,
        family=family,
        enough=_patience_is_over,
    )
    best, trained = read_network(run / BEST_FOLDER / WEIGHTS_FILE)
    seconds = round(time.monotonic() - begun, 1)
    found = _adaptation(folder, before, _scored(family, best, place), trained["steps"], seconds)
    _write(folder, found, scans, _record(config, found, what))
    return found


def _adaptation(folder: Path, before: "_Scores", after: "_Scores", steps: int, seconds: float) -> Adaptation:
    """The result; it has weights only if it is better than the start."""
    return Adaptation(
        weights=folder / WEIGHTS_FILE if is_gain(before.dice, after.dice) else None,
        before=before.metrics,
        after=after.metrics,
        synthetic_before=before.synthetic,
        synthetic_after=after.synthetic,
        steps=steps,
        seconds=seconds,
    )


def _with_number_of_steps(
    config: AdaptationConfig,
    run: Path,
    learnt: Sequence[LabelledScan],
    judged: Sequence[LabelledScan],
    minutes: float | None,
    resume: bool,
    device: str,
) -> AdaptationConfig:
    """The configuration with the steps of a run that is resumed, or of a new one, whose plan is written."""
    if resume:
        return _with_steps(config, _planned_steps(run))
    steps = config.steps if minutes is None else _steps_within(config, learnt, judged, minutes, device)
    config = _with_steps(config, steps)
    _plan(run, config)
    return config


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scores:
    """Dice of a network on the held-back patches, one by one and as metrics, and on synthetic patches."""

    dice: list[float]
    metrics: dict[str, float]
    synthetic: float | None


def _scored(family: AdaptationFamily, network: VolumetricNetwork, place: torch.device) -> _Scores:
    """Scores of a network whose weights are rounded as in a file, as those of the result are."""
    network = network.half().float().to(place).eval()
    patches = family.dice_of_patches(network, place)
    return _Scores(
        dice=[dice for _, dice in patches],
        metrics=means_by_kind(patches),
        synthetic=family.synthetic_dice(network, place),
    )


def is_gain(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether Dice values of the same patches rose by more than chance explains.

    The best of ten noisy scores is often a little better by chance. So the mean rise must be larger than its
    standard error. One patch has none; there any rise counts.
    """
    differences = np.subtract(after, before)
    error = differences.std(ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else 0.0
    return bool(differences.mean() > error)


def _write(folder: Path, found: Adaptation, scans: Sequence[LabelledScan], record: dict[str, Any]) -> None:
    """The record, and, if the result is better than the start, the guides and the weights."""
    write_atomically(folder / RECORD_FILE, json_text(record).encode())
    if found.weights is None:
        return
    guides = guides_of(scans)
    if guides:
        write_guides(folder / GUIDES_FILE, guides)
    write_atomically(found.weights, (folder / RUN_FOLDER / BEST_FOLDER / WEIGHTS_FILE).read_bytes())


def guides_of(scans: Sequence[LabelledScan]) -> dict[str, StructureGuide]:
    """Guides of the structures that some scan shows labelled on all slices: only these tell a size."""
    examples: dict[str, list[tuple[Volume, Array]]] = {}
    for scan in scans:
        for name, outlines in scan.structures.items():
            if outlines.known.all() and scan.image.third_axis == "space":
                examples.setdefault(name, []).append((scan.image, outlines.mask))
    return {name: learn_guide(some) for name, some in sorted(examples.items())}


def _completed(
    config: AdaptationConfig, scans: Sequence[LabelledScan], place: torch.device
) -> AdaptationConfig:
    """The configuration with what follows from the scans, the start and the machine."""
    return replace(
        config,
        scans=tuple(sorted(scan.sha256 for scan in scans)),
        structures=tuple(sorted({name for scan in scans for name in scan.structures})),
        model=config.model if config.start is None else _size_of(config.start),
        precision=config.precision if computes_bfloat16(place) else "fp32",
    )


def _size_of(start: str) -> VolumetricConfig:
    path = weights_path(start)
    if path is None or path.suffix != ".safetensors":
        raise InputError(f"{start}: only volumetric models can be adapted: give default, or one of your own.")
    network, _ = read_network(path)
    return network.config


def _with_steps(config: AdaptationConfig, steps: int) -> AdaptationConfig:
    """The configuration for a number of steps, with ten validations, the last one at the end."""
    every = max(1, steps // _VALIDATIONS)
    return replace(
        config,
        steps=max(1, steps // every) * every,
        checkpoint_steps=every,
        log_steps=max(1, every // 5),
        validation=replace(config.validation, every_steps=every),
    )


def _plan(run: Path, config: AdaptationConfig) -> None:
    run.mkdir(parents=True, exist_ok=True)
    write_atomically(run / _PLAN_FILE, json_text({"steps": config.steps}).encode())


def _planned_steps(run: Path) -> int:
    path = run / _PLAN_FILE
    if not path.is_file():
        raise InputError(f"{run}: there is no adaptation to resume: start without --resume.")
    return int(json.loads(path.read_text())["steps"])


def _steps_within(
    config: AdaptationConfig,
    learnt: Sequence[LabelledScan],
    judged: Sequence[LabelledScan],
    minutes: float,
    device: str,
) -> int:
    """Number of steps that fit into the minutes, by a short trial. A tenth is left for validations."""
    times: list[float] = []
    trial = replace(
        config,
        steps=_TRIAL_STEPS,
        log_steps=1,
        checkpoint_steps=_TRIAL_STEPS,
        validation=replace(config.validation, every_steps=0),
    )
    begun = time.monotonic()
    with TemporaryDirectory(prefix="synthfm3d-") as folder:
        family = AdaptationFamily(trial, learnt, judged)
        train(
            trial, Path(folder), device=device, report=lambda _: times.append(time.monotonic()), family=family
        )
    per_step = (times[-1] - times[_WARM_STEPS - 1]) / (_TRIAL_STEPS - _WARM_STEPS)
    left = 0.9 * (60 * minutes - (time.monotonic() - begun))
    return max(_VALIDATIONS, int(left / per_step))


def _patience_is_over(state: TrainingState) -> bool:
    config = state.config
    assert isinstance(config, AdaptationConfig)
    waited = state.step - state.best_step
    return state.best is not None and waited >= config.patience * config.validation.every_steps


def _record(config: AdaptationConfig, found: Adaptation, what: Literal["scans", "slices"]) -> dict[str, Any]:
    """Content of ``adaptation.json``. Scans are listed by their hashes only."""
    written = found.weights is not None
    return {
        "synthfm3d": __version__,
        "written": written,
        "result": "better than the start" if written else "not clearly better than the start, so not written",
        "scans_sha256": list(config.scans),
        "structures": list(config.structures),
        "held_back": what,
        "started_from": started_from(config),
        "steps": found.steps,
        "seconds": found.seconds,
        "before": found.before,
        "after": found.after,
        "synthetic_before": found.synthetic_before,
        "synthetic_after": found.synthetic_after,
        "config": asdict(config),
    }
