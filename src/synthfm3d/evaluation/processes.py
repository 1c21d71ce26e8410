"""An evaluation in several processes: a case at a time, each result on the disk before the next begins."""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from synthfm3d.evaluation.cases import PendingCase
from synthfm3d.evaluation.method import Scored
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.evaluation.report.contents import Report
from synthfm3d.evaluation.results import CaseResult, ResultStore
from synthfm3d.evaluation.run import assembled, evaluated, opened_store


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What every process needs to know.

    Parameters
    ----------
    cases, methods
        Called once in each process, which makes its own: models and open files do not travel between
        processes, so these must be functions of a module, or ``functools.partial`` of such.
    folder
        Where results are kept; without one, they go with the run.
    """

    cases: Callable[[], Sequence[PendingCase]]
    methods: Callable[[], Sequence[Scored]]
    protocol: Protocol
    folder: Path | None = None
    resume: bool = False
    with_pictures: bool = True
    jobs: int = 2
    against: str | None = None


def run_in_processes(plan: Plan, on_case: Callable[[CaseResult], None] = lambda result: None) -> Report:
    """As ``run_evaluation``, in ``plan.jobs`` processes; the report is the same but for the timings.

    A case whose process dies is tried once more, alone.
    """
    cases, methods = plan.cases(), plan.methods()
    with opened_store(plan.folder, plan.protocol, methods) as store:
        found: dict[int, CaseResult] = {}
        for number, pending in enumerate(cases):
            done = store.load(pending) if plan.resume else None
            if done is not None:
                found[number] = done
                on_case(done)
        left = [number for number in range(len(cases)) if number not in found]
        groups = [(plan.jobs, left)]
        while groups:
            jobs, numbers = groups.pop()
            found |= _in_pool(plan, store, jobs, numbers, on_case)
            dead = [number for number in numbers if number not in found]
            if len(numbers) > 1:
                groups += [(1, [number]) for number in dead]
            else:
                for number in dead:
                    reason = "its process died twice, out of memory perhaps: evaluate it alone."
                    found[number] = CaseResult(case=cases[number].name, unusable=reason)
        results = [found[number] for number in range(len(cases))]
        return assembled(results, methods, plan.protocol, store, plan.against)


def _in_pool(
    plan: Plan, store: ResultStore, jobs: int, numbers: Sequence[int], on_case: Callable[[CaseResult], None]
) -> dict[int, CaseResult]:
    """Results by number of the case; cases whose process died are missing."""
    found: dict[int, CaseResult] = {}
    if not numbers:
        return found
    with ProcessPoolExecutor(
        min(jobs, len(numbers)),
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(plan, store.folder, store.made_with),
    ) as pool:
        running = {pool.submit(_work, number): number for number in numbers}
        for done in as_completed(running):
            try:
                result = done.result()
            except BrokenProcessPool:
                continue
            found[running[done]] = result
            on_case(result)
    return found


@dataclass(frozen=True)
class _Worker:
    plan: Plan
    cases: Sequence[PendingCase]
    methods: Sequence[Scored]
    store: ResultStore


_worker: _Worker | None = None


def _start_worker(plan: Plan, folder: Path, made_with: str) -> None:
    """Load the models once for each process, and share the cores between them."""
    global _worker
    _worker = _Worker(plan, plan.cases(), plan.methods(), ResultStore(folder, made_with))
    torch = sys.modules.get("torch")
    if torch is not None:  # or no method needs it
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // plan.jobs))


def _work(number: int) -> CaseResult:
    assert _worker is not None
    plan = _worker.plan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # doubts about a scan are in the report's notes
        return evaluated(
            _worker.cases[number], _worker.methods, plan.protocol, _worker.store, plan.with_pictures
        )
