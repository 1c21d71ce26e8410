"""An evaluation in several processes: a case at a time, each result on the disk before the next begins."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from synthfm3d.evaluation.datasets.cases import PendingCase
from synthfm3d.evaluation.methods.method import Method
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.evaluation.report.contents import Report
from synthfm3d.evaluation.running.run import assembled, evaluated, opened_store
from synthfm3d.evaluation.scoring.results import CaseResult, ResultStore
from synthfm3d.processes import Died, Finished, Work, in_processes_then_alone, share_cores


@dataclass(frozen=True, kw_only=True)
class RunSettings:
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
    methods: Callable[[], Sequence[Method]]
    protocol: Protocol
    folder: Path | None = None
    resume: bool = False
    with_pictures: bool = True
    jobs: int = 2
    against: str | None = None


def run_in_processes(run: RunSettings, on_case: Callable[[CaseResult], None] = lambda result: None) -> Report:
    """As ``run_evaluation``, in ``run.jobs`` processes; the report is the same but for the timings.

    A case whose process dies is evaluated once more at the end, with no other beside it.
    """
    cases, methods = run.cases(), run.methods()
    with opened_store(run.folder, run.protocol, methods) as store:
        found: dict[int, CaseResult] = {}
        for number, pending in enumerate(cases):
            done = store.load(pending) if run.resume else None
            if done is not None:
                found[number] = done
                on_case(done)
        left = [number for number in range(len(cases)) if number not in found]
        start = partial(_start_worker, run, store)
        with closing(in_processes_then_alone(left, start, workers=run.jobs)) as events:
            for event in events:
                match event:
                    case Finished(task=number, result=result):
                        found[number] = result
                        on_case(result)
                    case Died(task=number, given_up=True):
                        reason = "its process died twice, out of memory perhaps: evaluate it alone."
                        found[number] = CaseResult(case=cases[number].name, unusable=reason)
        results = [found[number] for number in range(len(cases))]
        return assembled(results, methods, run.protocol, store, run.against)


def _start_worker(run: RunSettings, store: ResultStore) -> Work[int, CaseResult]:
    """The cases and models of a process, which are loaded once, as a function of a case's number."""
    cases, methods = run.cases(), run.methods()
    share_cores(run.jobs)

    def work(number: int, _: object) -> CaseResult:
        return evaluated(cases[number], methods, run.protocol, store, run.with_pictures)

    return work
