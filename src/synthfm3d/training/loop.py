"""``train``: the training loop, the same for every family of models.

Samples are rendered during training. A batch is a function of (seed, number), and its number is a function of
(step, process). The log has one JSON line for each entry. A checkpoint is written completely or not at all,
and a resumed run gives the same bits as an uninterrupted one. accelerate distributes it over processes and
devices.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import ProjectConfiguration
from torch import Tensor, nn
from torch.utils.data import DataLoader

from synthfm3d import __version__
from synthfm3d.model.checkpoint import choose_device, weights_hash, weights_path
from synthfm3d.model.checkpoint import training_record as stored_record
from synthfm3d.synthesis.sampler import GENERATOR_VERSION
from synthfm3d.training.config import RunConfig
from synthfm3d.training.family import Family, Sample, on_device
from synthfm3d.training.state import TrainingState, check_resumable

LOG_FILE = "log.jsonl"
BEST_FOLDER = "best"


def train(
    config: RunConfig,
    folder: Path,
    *,
    resume: bool = False,
    extend: bool = False,
    device: str = "auto",
    report: Callable[[dict[str, Any]], None] = lambda entry: None,
    family: Family[Any] | None = None,
    enough: Callable[[TrainingState], bool] = lambda state: False,
) -> Path:
    """Train a promptable model on synthetic volumes, in this process or in those of ``accelerate launch``.

    Parameters
    ----------
    folder
        Gets ``log.jsonl``, TensorBoard's events, ``checkpoint.pt``, ``best/``, and at the end
        ``model.safetensors`` with what belongs to it: ``load_model`` takes ``folder`` and ``folder/best``.
    resume
        Continue from the checkpoint in the folder.
    extend
        The checkpoint may be that of a run of fewer steps.
    report
        Called with every log entry, for a progress bar.
    family
        What is trained; None takes the family that the configuration names.
    enough
        Called before each step; the run ends early if it returns True. It may depend only on what a
        checkpoint contains, so that a resumed run ends at the same step.

    Returns
    -------
    Path of the weights: the moving average.
    """
    if resume:
        check_resumable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    accelerator = _accelerator(config, folder, device)
    state = TrainingState(config, accelerator.device, started=resume, family=family)
    state.batches_per_step = config.accumulation * accelerator.num_processes
    if resume:
        state.load(folder, extend=extend)
    network = accelerator.prepare_model(state.network)
    first = accelerator.is_main_process
    if first:
        _keep_log_until(folder / LOG_FILE, state.step)
    accelerator.init_trackers("tensorboard", init_kwargs={"tensorboard": {"purge_step": state.step + 1}})
    log = _Log(folder / LOG_FILE, state, accelerator, report)
    with _denormals_flushed():
        _take_steps(state, network, accelerator, log, folder, enough)
    if first:
        state.save(folder)
        weights = state.family.write(folder, state.average, training_record(state))
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return weights if first else folder


def _take_steps(
    state: TrainingState,
    network: nn.Module,
    accelerator: Accelerator,
    log: "_Log",
    folder: Path,
    enough: Callable[[TrainingState], bool],
) -> None:
    """All steps of a run, with its log, validations and checkpoints."""
    config, first = state.config, accelerator.is_main_process
    begun = time.monotonic()
    clock, waited = begun - state.seconds, 0.0
    source = batches(state, accelerator)
    while state.step < config.steps and not enough(state):
        asked = time.monotonic()
        step_batches = [next(source) for _ in range(config.accumulation)]
        waited += time.monotonic() - asked
        terms = take_step(state, step_batches, accelerator, network)
        state.seconds = time.monotonic() - clock
        if state.step % config.log_steps == 0:
            # The share of the time that the network waited for samples.
            waiting = waited / max(1e-9, time.monotonic() - begun)
            log.note(**_averaged(terms, accelerator), waiting=round(waiting, 4))
        if config.validation.every_steps and state.step % config.validation.every_steps == 0:
            if first:
                _validate(state, accelerator.device, folder)
                log.note(**state.metrics)
            accelerator.wait_for_everyone()
        if first and state.step % config.checkpoint_steps == 0:
            state.save(folder)


@dataclass(frozen=True, slots=True)
class _Log:
    """The log of a run: its file, the trackers of accelerate, and ``report``."""

    path: Path
    state: TrainingState
    accelerator: Accelerator
    report: Callable[[dict[str, Any]], None]

    def note(self, **entry: Any) -> None:
        """One entry of the present step, from the first process only."""
        if not self.accelerator.is_main_process:
            return
        step = self.state.step
        line = {"step": step, "seconds": round(self.state.seconds, 1), **entry}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.accelerator.log(entry, step=step)
        self.report({"step": step, **entry})


def _accelerator(config: RunConfig, folder: Path, device: str) -> Accelerator:
    chosen = choose_device(device)
    if chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)
    return Accelerator(
        cpu=chosen.type == "cpu",
        # The recipe's precision is kept where the loss is computed; accelerate could not change it twice.
        mixed_precision="no",
        log_with=["tensorboard", *config.trackers],
        project_config=ProjectConfiguration(str(folder), logging_dir=str(folder)),
        # Some parameters serve one kind of prompt only, and a step may have another.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Numbers below 1e-38 as zero: gradients so small carry nothing, and take ten times as long."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _keep_log_until(path: Path, step: int) -> None:
    """Drop what a stopped run logged after its last checkpoint; at step 0, everything."""
    lines = path.read_text().splitlines() if path.exists() and step else []
    path.write_text("".join(line + "\n" for line in lines if _step_of(line) <= step))


def _step_of(line: str) -> float:
    """The step of a line of the log; infinite for one that a killed run left unfinished."""
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return float("inf")


def batches(state: TrainingState, accelerator: Accelerator) -> Iterator[Sample]:
    """Batches of this process from the present step on; step n has the same ones on any number of processes.

    Of the batches of a step, numbered through, a process takes every one whose number leaves its own rank.
    """
    config, ranks, each = state.config, accelerator.num_processes, state.batches_per_step
    numbers = range(state.step * each + accelerator.process_index, config.steps * each, ranks)
    loader = DataLoader(state.family.batches(), batch_size=None, sampler=numbers, num_workers=config.workers)
    for batch in loader:
        yield on_device(batch, accelerator.device)


def take_step(
    state: TrainingState, step_batches: list[Sample], accelerator: Accelerator, network: nn.Module
) -> dict[str, Tensor]:
    """One optimiser step; returns the terms of the loss by name, means over the batches.

    ``network`` is the state's, as accelerate wrapped it.
    """
    config = state.config
    rate = state.family.learning_rate(state.step)
    for group in state.optimiser.param_groups:
        group["lr"] = rate * group["scale"]
    network.train()
    state.optimiser.zero_grad(set_to_none=True)
    means: dict[str, Tensor] = {"rate": torch.tensor(rate)}
    for number, batch in enumerate(step_batches, 1):
        # Gradients travel between processes once in a step, with the last batch.
        last = number == len(step_batches)
        with nullcontext() if last else accelerator.no_sync(network):
            terms = state.family.loss(network, batch)
            if not torch.isfinite(terms["total"]):
                raise FloatingPointError(
                    f"the loss is not finite at step {state.step}: lower optimiser.rate."
                )
            accelerator.backward(terms["total"] / len(step_batches))
        for name, value in terms.items():
            logged = "loss" if name == "total" else name
            before = means.get(logged, torch.zeros(()))
            means[logged] = before + value.detach().float().cpu() / len(step_batches)
    norm = nn.utils.clip_grad_norm_(network.parameters(), config.optimiser.max_grad_norm)
    if not torch.isfinite(norm):
        raise FloatingPointError(f"the gradient is not finite at step {state.step}: lower optimiser.rate.")
    state.optimiser.step()
    state.step += 1
    state.update_average(config.averaging)
    return means


def _averaged(terms: dict[str, Tensor], accelerator: Accelerator) -> dict[str, float]:
    """Terms as numbers, means over all processes."""
    names = list(terms)
    stacked = torch.stack([terms[name] for name in names]).to(accelerator.device)
    means: Tensor = accelerator.reduce(stacked, "mean")
    return {name: float(f"{value:.5g}") for name, value in zip(names, means.tolist(), strict=True)}


def _validate(state: TrainingState, device: torch.device, folder: Path) -> None:
    """Score the moving average, and write it to ``best/`` if it was never better."""
    state.metrics = state.family.validate(state.average, device)
    score = state.metrics["validation_dice"]
    if state.best is None or score > state.best:
        state.best, state.best_step = score, state.step
        state.family.write(folder / BEST_FOLDER, state.average, training_record(state))


def started_from(config: RunConfig) -> dict[str, str] | None:
    """Name and hash of the weights that a run began with; None for random ones."""
    start: str | None = getattr(config, "start", None)
    path = None if start is None else weights_path(start)
    if start is None or path is None:
        return None
    return {"name": start, "sha256": weights_hash(path)}


def _seen_by_start(config: RunConfig) -> dict[str, Any]:
    """The record of the weights that a run began with: scans that they were adapted to stay seen."""
    start: str | None = getattr(config, "start", None)
    path = None if start is None else weights_path(start)
    return {} if path is None else stored_record(path)


def training_record(state: TrainingState) -> dict[str, Any]:
    """The record of the training that a weights file contains."""
    config = state.config
    seen = _seen_by_start(config)
    return {
        "synthfm3d": __version__,
        "generator_version": GENERATOR_VERSION,
        "torch": torch.__version__,
        "data": seen.get("data", "synthetic volumes only"),
        "scans_sha256": seen.get("scans_sha256", []),
        "steps": state.step,
        "hours": round(state.seconds / 3600, 3),
        "seed": config.seed,
        "started_from": started_from(config),
        "volume_indices": state.family.volumes(state.step * state.batches_per_step),
        "metrics": state.metrics,
        "config": asdict(config),
    }
