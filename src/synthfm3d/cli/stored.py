"""What lies in files of ours, as objects again: scenes and plans, with readable complaints."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from synthfm3d.errors import InputError
from synthfm3d.files import read_text
from synthfm3d.synthesis.scene import Scene

if TYPE_CHECKING:
    from synthfm3d.generation.plan import DatasetPlan


def read_scene(path: Path) -> Scene:
    """The scene of a JSON file that ``generate`` wrote, alone or in a shard."""
    try:
        plain = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"{path}: is not a scene: give a scene.json that generate wrote.") from error
    return scene_of(plain, path)


def scene_of(plain: Any, where: object) -> Scene:
    """A scene from its JSON; what is in it for readers only is derived again.

    Raises InputError, which names ``where`` it came from, if it is none.
    """
    try:
        told = {name: value for name, value in plain.items() if name not in ("label_names", "stored")}
        return TypeAdapter(Scene).validate_python(_without_kinds(told), extra="forbid")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: is not a scene of this version: {place}: {first['msg']}.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: is not a scene: give a scene.json that generate wrote.") from error


def read_plan(folder: Path) -> "DatasetPlan":
    """The plan of a folder of shards."""
    from synthfm3d.generation.plan import DATASET_FILE, plan_of
    from synthfm3d.synthesis.settings import SynthesisSettings

    def settings_of(plain: Mapping[str, Any]) -> SynthesisSettings:
        try:
            return TypeAdapter(SynthesisSettings).validate_python(plain, extra="forbid")
        except ValidationError as error:
            first = error.errors()[0]
            setting = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"{folder / DATASET_FILE}: was made by another version of synthfm3d ({setting}: "
                f"{first['msg']}): use that version, or generate the dataset again."
            ) from error

    return plan_of(folder, settings_of)


def _without_kinds(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_kinds(inner)
            for name, inner in value.items()
            if not (name == "kind" and inner[:1].isupper())
        }
    return [_without_kinds(inner) for inner in value] if isinstance(value, list) else value
