"""The choices of an evaluation, and their words."""

from typing import Any

import pytest

from synthfm3d.evaluation.protocol import PROMPT_NAMES, Protocol


def test_prompts_without_chance_are_given_once() -> None:
    protocol = Protocol(prompts=PROMPT_NAMES, prompt_seeds=5)
    assert {name: len(protocol.seeds(name)) for name in PROMPT_NAMES} == {
        "point": 1, "3-points": 5, "5-points": 5, "point-negative": 1, "box": 1, "jittered-box": 5, "mask": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"prompt_slice": "first"}, "the first that shows the structure"),
        ({"direction": "forward"}, "Forward only"),
        ({"prompts": ("jittered-box",), "prompt_seeds": 7}, "drawn 7 times"),
        ({"rounds": 4}, "gets 4 clicks"),
        ({"prompts": ("5-points",)}, "four drawn from"),
    ],
)
def test_every_choice_changes_the_words_of_the_report(choice: dict[str, Any], said: str) -> None:
    assert said in " ".join(Protocol(**choice).words())
    assert said not in " ".join(Protocol().words())


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompts": ()},
        {"prompts": ("box", "box")},
        {"prompts": ("scribble",)},
        {"prompt_slice": "last"},
        {"direction": "backward"},
        {"prompt_seeds": 0},
        {"rounds": -1},
    ],
)
def test_choices_that_do_not_exist_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not one of|must be"):
        Protocol(**wrong)
