"""Cases in, a report out: the protocol on one case after another, with a picture of every outcome."""

from collections.abc import Callable, Iterable, Sequence

from synthfm3d.errors import InputError
from synthfm3d.evaluation.cases import PendingCase
from synthfm3d.evaluation.method import PROMPT_KINDS, Method, PromptKind
from synthfm3d.evaluation.models import ModelMethod
from synthfm3d.evaluation.overlays import outcome_picture
from synthfm3d.evaluation.protocol import Score, evaluate_case
from synthfm3d.evaluation.report import Report
from synthfm3d.intensity import windows_of
from synthfm3d.pictures import png_bytes

_PICTURE_BITS = 6


def run_evaluation(
    cases: Iterable[PendingCase],
    methods: Sequence[Method],
    kinds: Sequence[PromptKind] = PROMPT_KINDS,
    *,
    with_pictures: bool = True,
    on_score: Callable[[Score], None] = lambda score: None,
) -> Report:
    """Evaluate methods on cases.

    A case that cannot be read is listed in the report, and the run goes on. ``on_score`` is called
    after each score, for progress.

    Raises
    ------
    InputError
        Nothing was scored, or two methods share a name.
    """
    scores: list[Score] = []
    pictures: list[bytes] = []
    absent: list[tuple[str, str]] = []
    unusable: list[tuple[str, str]] = []
    for pending in cases:
        try:
            case = pending.read()
        except InputError as error:
            unusable.append((pending.name, str(error)))
            continue
        absent += [(case.name, structure) for structure in case.absent]
        window = windows_of(case.image).bounds[0]
        for outcome in evaluate_case(case, methods, kinds):
            scores.append(outcome.score)
            if with_pictures:
                pictures.append(png_bytes(outcome_picture(outcome, window), bits=_PICTURE_BITS))
            on_score(outcome.score)
    if not scores:
        raise InputError(_nothing_scored(unusable, absent))
    return Report(
        scores=tuple(scores),
        pictures=tuple(pictures),
        absent=tuple(absent),
        unusable=tuple(unusable),
        methods={m.name: {"weights": m.weights or "none"} for m in methods if isinstance(m, ModelMethod)},
    )


def _nothing_scored(unusable: Sequence[tuple[str, str]], absent: Sequence[tuple[str, str]]) -> str:
    if unusable:
        return f"nothing was scored, {len(unusable)} cases cannot be used; the first: {unusable[0][1]}"
    if absent:
        case, structure = absent[0]
        return f"nothing was scored: {structure!r} has no voxel in {case}: choose another structure."
    return "nothing was scored: no method takes these prompts on these cases."
