"""``adapt``: a few labelled scans make a model better on scans like them.

The story: hold a part of the labels back; score the model on it; train on the rest, mixed with synthetic
patches, until the held-back part is no longer better; keep the best weights if they are better than those at
the start.
"""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch

from synthfm3d import __version__
from synthfm3d.errors import InputError
from synthfm3d.files import json_text, write_atomically
from synthfm3d.loading.labelled_scans import LabelledScan
from synthfm3d.model.checkpoint import choose_device, read_network, weights_path
from synthfm3d.model.sam2_checkpoint import WEIGHTS_FILE
from synthfm3d.model.volumetric import VolumetricConfig, computes_bfloat16
from synthfm3d.segmentation.automatic import GUIDES_FILE, StructureGuide, learn_guide, write_guides
from synthfm3d.training.adaptation_family import AdaptationConfig, AdaptationFamily
from synthfm3d.training.loop import BEST_FOLDER, started_from, train
from synthfm3d.training.own_scans import held_back
from synthfm3d.training.state import TrainingState
from synthfm3d.volume import Array, Volume

RECORD_FILE = "adaptation.json"
RUN_FOLDER = "run"
"""Of the model's folder: log, checkpoint and the best weights so far."""
_PLAN_FILE = "plan.json"
_VALIDATIONS = 10
"""In the whole run."""
_TRIAL_STEPS, _WARM_STEPS = 10, 4
"""Steps of the trial that measures how fast the machine is, and of these the first that do not count."""

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """What became of an adaptation.

    Parameters
    ----------
    weights
        The new weights; None if they were not better than those at the start, and were not written.
    before, after
        Dice on the held-back labels, ``validation_dice`` and by kind of prompt.
    synthetic_before, synthetic_after
        Dice on synthetic patches: what the adaptation costs elsewhere.
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
        Gets ``adaptation.json`` and ``run/``, and ``model.safetensors`` if the result is better than the
        start.
    config
        ``scans``, ``structures``, the network's size and the precision are filled in here.
    minutes
        Steps are chosen so that the run takes about so long on this machine; None keeps ``config.steps``.
    resume
        Go on from the folder's checkpoint, with the steps that the run was begun with.
    report
        Called with every log entry, and first with ``{"steps": …}``.

    Raises
    ------
    InputError
        There is one outlined slice in all, the start is no volumetric model, or nothing is to be resumed.
    """
    begun, run = time.monotonic(), folder / RUN_FOLDER
    place = choose_device(device)
    config = _completed(config, scans, place)
    learnt, judged, what = held_back(scans, config.seed)
    if resume:
        config = _with_steps(config, _planned_steps(run))
    else:
        steps = config.steps if minutes is None else _steps_within(config, learnt, judged, minutes, device)
        config = _with_steps(config, steps)
        _plan(run, config)
    report({"steps": config.steps})
    family = AdaptationFamily(config, learnt, judged)
    start = family.network(started=False).to(place).eval()
    before, synthetic_before = family.validate(start, place), family.synthetic_dice(start, place)
    report({"step": 0, **before})
    train(config, run, resume=resume, device=device, report=report, family=family, enough=_patience_is_over)
    best, trained = read_network(run / BEST_FOLDER / WEIGHTS_FILE)
    after: dict[str, float] = trained["metrics"]
    better = after["validation_dice"] > before["validation_dice"]
    found = Adaptation(
        weights=folder / WEIGHTS_FILE if better else None,
        before=before,
        after=after,
        synthetic_before=synthetic_before,
        synthetic_after=family.synthetic_dice(best.to(place).eval(), place),
        steps=trained["steps"],
        seconds=round(time.monotonic() - begun, 1),
    )
    write_atomically(folder / RECORD_FILE, json_text(_record(config, found, what)).encode())
    if better:
        guides = guides_of(scans)
        if guides:
            write_guides(folder / GUIDES_FILE, guides)
        shutil.copyfile(run / BEST_FOLDER / WEIGHTS_FILE, folder / f".{WEIGHTS_FILE}")
        (folder / f".{WEIGHTS_FILE}").replace(folder / WEIGHTS_FILE)
    return found


def guides_of(scans: Sequence[LabelledScan]) -> dict[str, StructureGuide]:
    """Guides of the structures that some scan shows whole: outlines on a few slices do not tell a size."""
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
        raise InputError(f"{start}: only volumetric models are adapted: give default, or one of your own.")
    network, _ = read_network(path)
    return network.config


def _with_steps(config: AdaptationConfig, steps: int) -> AdaptationConfig:
    """Ten validations, the last one at the end."""
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
    """Steps that fit into so many minutes, by a trial of a few; a tenth is kept for validations."""
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
    """What the folder tells of the adaptation; scans by their hashes alone."""
    written = found.weights is not None
    return {
        "synthfm3d": __version__,
        "written": written,
        "result": "better than the start" if written else "not better than the start, so not written",
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
