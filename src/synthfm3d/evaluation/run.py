"""Evaluate methods on cases and assemble the report, in this process or in several."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from synthfm3d.errors import InputError
from synthfm3d.evaluation.datasets.cases import Case, PendingCase
from synthfm3d.evaluation.methods.method import Method
from synthfm3d.evaluation.protocol import Protocol
from synthfm3d.evaluation.report.contents import Report
from synthfm3d.evaluation.report.pictures import chosen_pictures, scored_mask_picture
from synthfm3d.evaluation.scoring.evaluate import ONE_PROTOCOL, evaluate_case
from synthfm3d.evaluation.scoring.results import CaseResult, ResultStore, Score, fingerprint
from synthfm3d.intensity import windows_of
from synthfm3d.pictures import png_bytes
from synthfm3d.processes import Died, Finished, Work, in_processes_then_alone, share_cores
from synthfm3d.volume import content_hash

_PICTURE_BITS = 6
"""Bits of a channel that pictures keep, see ``png_bytes``."""
OnScore = Callable[[Score], None]


def run_evaluation(
    cases: Iterable[PendingCase],
    methods: Sequence[Method],
    protocol: Protocol = ONE_PROTOCOL,
    *,
    folder: Path | None = None,
    resume: bool = False,
    with_pictures: bool = True,
    against: str | None = None,
    on_score: OnScore = lambda score: None,
) -> Report:
    """Evaluate methods on cases, one after the other.

    A case that cannot be read is listed in the report, and the run goes on.

    Parameters
    ----------
    folder
        Folder for the result of each case; None: they are not kept.
    resume
        Use the results in ``folder`` that were made with the same protocol and methods.
    against
        Method that the others are compared with; None: the first.
    on_score
        Called after each score, for progress.

    Raises
    ------
    InputError
        Nothing was scored, two methods share a name, or ``against`` was not scored.
    """
    with opened_store(folder, protocol, methods) as store:
        results = []
        for pending in cases:
            result = store.load(pending) if resume else None
            if result is None:
                result = evaluated(pending, methods, protocol, store, with_pictures, on_score)
            else:
                for score in result.scores:
                    on_score(score)
            results.append(result)
        return assembled(results, methods, protocol, store, against)


@contextmanager
def opened_store(folder: Path | None, protocol: Protocol, methods: Sequence[Method]) -> Iterator[ResultStore]:
    """A store for the results of a run, in ``folder`` or in a temporary folder that is removed later."""
    made_with = fingerprint(protocol, [(method.name, method.facts()) for method in methods])
    if folder is not None:
        yield ResultStore(folder, made_with)
    else:
        with TemporaryDirectory(prefix="synthfm3d-") as temporary:
            yield ResultStore(Path(temporary), made_with)


def evaluated(
    pending: PendingCase,
    methods: Sequence[Method],
    protocol: Protocol,
    store: ResultStore,
    with_pictures: bool = True,
    on_score: OnScore = lambda score: None,
) -> CaseResult:
    """Read a case, score it and store the result; the result of an unusable case has the reason."""
    scores: list[Score] = []
    pictures: list[bytes | None] = []
    try:
        case = pending.read()
    except InputError as error:
        return CaseResult(case=pending.name, unusable=str(error))
    window = windows_of(case.image).bounds[0]
    for scored in evaluate_case(case, methods, protocol):
        scores.append(scored.score)
        # The draws of a prompt look alike, so only the first is shown.
        shown = with_pictures and scored.score.draw == 0
        pictures.append(png_bytes(scored_mask_picture(scored, window), bits=_PICTURE_BITS) if shown else None)
        on_score(scored.score)
    result = CaseResult(
        case=pending.name,
        scores=tuple(scores),
        absent=case.absent,
        notes=(*case.notes, *notes_of_contamination(case, methods)),
    )
    if scores:  # an empty result is quick to make again
        store.save(pending, result, pictures)
    return result


def notes_of_contamination(case: Case, methods: Sequence[Method]) -> list[str]:
    """A note for each model that was adapted to the scan of the case, so that its scores are no test."""
    adapted = [method for method in methods if method.seen]
    if not adapted:
        return []
    sha256 = content_hash(case.image)
    return [
        f"{method.name} was adapted to this scan, so its scores on it are no test."
        for method in adapted
        if sha256 in method.seen
    ]


def assembled(
    results: Sequence[CaseResult],
    methods: Sequence[Method],
    protocol: Protocol,
    store: ResultStore,
    against: str | None = None,
) -> Report:
    """The report of a run; raises InputError if nothing was scored."""
    scores = tuple(score for result in results for score in result.scores)
    if not scores:
        raise InputError(_nothing_scored(results))
    scored = {score.method for score in scores}
    return Report(
        scores=scores,
        pictures=chosen_pictures(scores, store.pictures),
        absent=tuple((result.case, structure) for result in results for structure in result.absent),
        unusable=tuple((result.case, result.unusable) for result in results if result.unusable is not None),
        notes=tuple((result.case, note) for result in results for note in result.notes),
        methods={method.name: method.facts() for method in methods},
        protocol=protocol,
        against=against or next(method.name for method in methods if method.name in scored),
    )


def _nothing_scored(results: Sequence[CaseResult]) -> str:
    unusable = [result.unusable for result in results if result.unusable is not None]
    if unusable:
        return f"nothing was scored, {len(unusable)} cases cannot be used; the first: {unusable[0]}"
    for result in results:
        if result.absent:
            return (
                f"nothing was scored: {result.absent[0]!r} has no voxel in {result.case}: "
                "choose another structure."
            )
    return "nothing was scored: no method takes these prompts on these cases."


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """The settings of a run, which every process gets.

    Parameters
    ----------
    cases, methods
        Called once in each process, because models and open files cannot be sent between processes. They
        must be functions of a module, or ``functools.partial`` of such functions.
    folder
        Folder for the result of each case; None: they are not kept.
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
    """As ``run_evaluation``, in ``run.jobs`` processes; only the timings in the report differ.

    A case whose process dies is evaluated again at the end, alone.
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
                        reason = "its process died twice, perhaps for lack of memory: evaluate it alone."
                        found[number] = CaseResult(case=cases[number].name, unusable=reason)
        results = [found[number] for number in range(len(cases))]
        return assembled(results, methods, run.protocol, store, run.against)


def _start_worker(run: RunSettings, store: ResultStore) -> Work[int, CaseResult]:
    """Load cases and models once in a process; returns the function that evaluates a case by its number."""
    cases, methods = run.cases(), run.methods()
    share_cores(run.jobs)

    def work(number: int, _: object) -> CaseResult:
        return evaluated(cases[number], methods, run.protocol, store, run.with_pictures)

    return work
