"""Which outcomes are shown: all of a small evaluation, the best and the worst of a large one."""

from collections.abc import Callable, Sequence

from synthfm3d.evaluation.score import Score

MOST_PICTURES_OF_ALL = 60
"""More outcomes than this are shown by the best and worst of each source, prompt and method."""


def chosen_pictures(
    scores: Sequence[Score], pictures_of: Callable[[str], Sequence[bytes | None]]
) -> dict[int, bytes]:
    """PNG files by their score's number; ``pictures_of`` a case has one or None for each score."""
    wanted = set(_chosen(scores))
    numbers: dict[str, list[int]] = {}
    for n, score in enumerate(scores):
        numbers.setdefault(score.case, []).append(n)
    found = {}
    for case, mine in numbers.items():
        if wanted.intersection(mine):
            for n, png in zip(mine, pictures_of(case), strict=True):
                if n in wanted and png is not None:
                    found[n] = png
    return dict(sorted(found.items()))


def _chosen(scores: Sequence[Score]) -> list[int]:
    shown = [n for n, score in enumerate(scores) if score.draw == 0]
    if len(shown) <= MOST_PICTURES_OF_ALL:
        return shown
    groups: dict[tuple[str, str, str], list[int]] = {}
    for n in shown:
        groups.setdefault((scores[n].label_source, scores[n].prompt, scores[n].method), []).append(n)
    chosen: list[int] = []
    for members in groups.values():
        ranked = sorted(members, key=lambda n: scores[n].dice)
        chosen += dict.fromkeys((ranked[-1], ranked[0]))
    return chosen
