"""Recipes become frozen dataclasses, or a complaint that names the setting."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from synthfm3d.cli.settings import read_settings, settings_schema
from synthfm3d.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser:
    lr: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    kind: Literal["adamw", "sgd"] = "adamw"

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise ValueError(f"lr must be positive, got {self.lr}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    steps: int
    seed: int | None = None
    optimiser: Optimiser = field(default_factory=Optimiser)
    finetuning: Optimiser | None = None
    stages: tuple[Optimiser, ...] = ()


def recipe(folder: Path, text: str) -> Path:
    """A recipe file with this text."""
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_fills_nested_dataclasses_and_keeps_the_defaults(tmp_path):
    path = recipe(
        tmp_path,
        """
        steps: 10
        optimiser: {lr: 1e-5, betas: [0.8, 0.9]}
        stages: [{kind: sgd}, {}]
        """,
    )
    assert read_settings(Training, path) == Training(
        steps=10,
        optimiser=Optimiser(lr=1e-5, betas=(0.8, 0.9)),
        stages=(Optimiser(kind="sgd"), Optimiser()),
    )


def test_an_empty_recipe_and_none_mean_the_defaults(tmp_path):
    assert read_settings(Optimiser, recipe(tmp_path, "# nothing\n")) == Optimiser()
    assert read_settings(Optimiser) == Optimiser()


def test_overrides_win_over_the_recipe_and_later_ones_over_earlier(tmp_path):
    path = recipe(tmp_path, "steps: 10\noptimiser: {lr: 0.5}")
    settings = read_settings(
        Training, path, ["steps=20", "steps=30", "optimiser.kind=sgd", "finetuning.betas=[0, 1]", "seed=null"]
    )
    assert settings == Training(
        steps=30, optimiser=Optimiser(lr=0.5, kind="sgd"), finetuning=Optimiser(betas=(0, 1))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    first: Optimiser = field(default_factory=Optimiser)
    second: Optimiser = field(default_factory=Optimiser)


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("frist.kind=sgd", "first.kind"),
        ("first.knd=sgd", "first.kind"),
    ],
)
def test_a_setting_with_a_slip_leads_to_the_one_that_is_meant(override, meant):
    with pytest.raises(InputError, match=re.escape(f"is not a setting. Did you mean {meant}?")):
        read_settings(Both, overrides=[override])


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("step=1", "step is not a setting. Did you mean steps?"),
        ("optimiser.rate=1", "optimiser.rate is not a setting: the settings here are lr, betas, kind."),
        ("finetuning.rate=1", "finetuning.rate is not a setting: the settings here are lr, betas, kind."),
        ("stages=[{rate: 1}]", "stages.0.rate is not a setting: the settings here are lr, betas, kind."),
        ("steps=many", "steps should be a valid integer"),
        ("steps=1.5", "steps should be a valid integer"),
        ("optimiser.kind=adam", "optimiser.kind should be 'adamw' or 'sgd', it is 'adam'."),
        ("optimiser.lr=-1", "optimiser: lr must be positive, got -1.0."),
        ("optimiser.betas=[1]", "optimiser.betas.1 is missing"),
        ("optimiser=3", "optimiser is a group of settings"),
        ("steps.more=1", "steps has no settings inside: set steps itself."),
        ("steps", "--set steps: write it as"),
        (".lr=1", "--set .lr=1: write it as"),
        ("steps=[", "--set steps=[: the value is not valid YAML"),
    ],
)
def test_a_wrong_override_is_named_with_what_is_wrong(override, complaint, tmp_path):
    with pytest.raises(InputError, match=re.escape(complaint)) as told:
        read_settings(Training, recipe(tmp_path, "steps: 10"), [override])
    assert f"--set {override.partition('=')[0]}" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("optimiser: {}", "steps is missing: give it a value."),
        ("steps: 1\nseed: x\noptimiser: {lr: -1}", "seed should be a valid integer"),
        ("steps: 1\nseed: x\noptimiser: {lr: -1}", "; optimiser: lr must be positive"),
        ("steps: 1\n  seed: 2", ", line 2: not valid YAML"),
        ("- steps", "is not a recipe: write lines of the form 'setting: value'"),
    ],
)
def test_a_wrong_recipe_is_named_with_what_is_wrong(text, complaint, tmp_path):
    path = recipe(tmp_path, text)
    with pytest.raises(InputError, match=re.escape(complaint)) as told:
        read_settings(Training, path)
    assert str(told.value).startswith(str(path))


def test_a_recipe_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"\x81\xff\x00\x80")
    with pytest.raises(InputError, match="not a text file"):
        read_settings(Training, path)


def test_a_missing_recipe_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_settings(Training, tmp_path / "none.yaml")


def test_the_schema_knows_choices_and_refuses_unknown_settings():
    schema = settings_schema(Training)
    optimiser = schema["$defs"]["Optimiser"]
    assert schema["required"] == ["steps"]
    assert schema["additionalProperties"] is False
    assert optimiser["additionalProperties"] is False
    assert optimiser["properties"]["kind"]["enum"] == ["adamw", "sgd"]
