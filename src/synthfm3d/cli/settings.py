"""Frozen dataclasses from files and words: recipes in YAML with ``--set a.b=1``, scenes and plans in JSON.

Errors name the setting that is wrong, and the known settings with similar names.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from synthfm3d.errors import InputError
from synthfm3d.files import read_text
from synthfm3d.synthesis.scene import Scene

if TYPE_CHECKING:
    from synthfm3d.generation.plan import DatasetPlan

Settings = TypeVar("Settings")


class _Loader(yaml.SafeLoader):
    """Safe YAML in which on, off, yes and no are text, as in YAML 1.2, so that ``noise.mode: off`` works."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read_settings(
    kind: type[Settings],
    recipe: Path | None = None,
    overrides: Sequence[str] = (),
    base: Settings | None = None,
) -> Settings:
    """Settings of a dataclass from a YAML file, changed by overrides such as ``optimiser.lr=1e-5``.

    Parameters
    ----------
    kind
        A frozen dataclass; its fields may be dataclasses, tuples, ``Literal`` and plain values.
    recipe
        YAML file. A setting that it does not name keeps its default. None: all defaults.
    overrides
        ``path.to.setting=value``, with the value in YAML. A later override replaces an earlier one.
    base
        Values of the settings that the recipe does not name. None: the defaults.

    Raises
    ------
    InputError
        A setting is unknown or its value is invalid. The message names the setting and its source.
    """
    values: dict[str, Any] = {} if base is None else asdict(cast("Any", base))
    _merge(values, {} if recipe is None else _read_mapping(recipe))
    changed: set[str] = set()
    for override in overrides:
        changed.add(_override(values, override))
    try:
        # Not strict: YAML 1.1 reads 1e-5 as text, and has lists but no tuples.
        return TypeAdapter(kind).validate_python(values, extra="forbid")
    except ValidationError as failure:
        complaints = "; ".join(_complaint(kind, detail, changed) for detail in failure.errors())
        sources = [*([str(recipe)] if recipe else []), *(f"--set {name}" for name in sorted(changed))]
        raise InputError(f"{', '.join(sources) or kind.__name__}: {complaints}") from None


def named_setting(name: str, recipe: Path | None, overrides: Sequence[str] = ()) -> Any:
    """The value of one top-level setting in a recipe and its overrides; None if it is not named."""
    values: dict[str, Any] = {} if recipe is None else _read_mapping(recipe)
    for override in overrides:
        if override.partition("=")[0].strip() == name:
            _override(values, override)
    return values.get(name)


def settings_schema(kind: type) -> dict[str, Any]:
    """JSON Schema of a recipe; editors use it to complete and check YAML."""
    schema = TypeAdapter(kind).json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:
            part["additionalProperties"] = False
    return schema


def settings_yaml(settings: object) -> str:
    """Settings as YAML; ``read_settings`` reads the same settings from it."""
    plain = TypeAdapter(type(settings)).dump_python(settings, mode="json")
    return yaml.safe_dump(plain, sort_keys=False)


def _merge(values: dict[str, Any], changes: dict[str, Any]) -> None:
    """Change nested values in place."""
    for name, change in changes.items():
        if isinstance(change, dict) and isinstance(values.get(name), dict):
            _merge(values[name], change)
        else:
            values[name] = change


def _read_mapping(recipe: Path) -> dict[str, Any]:
    try:
        values = yaml.load(read_text(recipe), _Loader)
    except UnicodeDecodeError:
        raise InputError(f"{recipe}: is not a text file: a recipe is YAML.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise InputError(f"{recipe}{where}: not valid YAML ({problem}): correct this line.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"{recipe}: is not a recipe: write lines of the form 'setting: value'.")
    return values


def _override(values: dict[str, Any], override: str) -> str:
    """Apply one override ``a.b=1`` to nested values; returns its name ``a.b``."""
    name, equals, text = override.partition("=")
    path = name.strip().split(".")
    if not equals or not all(path):
        raise InputError(f"--set {override}: write it as --set setting=value, for example --set a.b=1.")
    try:
        value = yaml.load(text, _Loader)
    except yaml.YAMLError:
        raise InputError(f"--set {override}: the value is not valid YAML: put it in quotes.") from None
    for depth, part in enumerate(path[:-1], start=1):
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            outer = ".".join(path[:depth])
            raise InputError(f"--set {override}: {outer} has no settings inside: set {outer} itself.")
        values = inner
    values[path[-1]] = value
    return ".".join(path)


def _complaint(kind: type, detail: Mapping[str, Any], changed: Collection[str]) -> str:
    location = ".".join(str(part) for part in detail["loc"])
    match detail["type"]:
        case "unexpected_keyword_argument":
            # Of `nois.mode=off` only `nois` is unknown; the whole name leads to the right one.
            whole = next((name for name in changed if name.startswith(f"{location}.")), location)
            group = _group_of(kind, detail["loc"])
            beside = [field.name for field in fields(group)]
            if whole == location and (moved := _moved(location, group)):
                return moved
            if close := _alike(whole, location, beside, _all_names(kind)):
                return f"{whole} is not a setting. Did you mean {' or '.join(close)}?"
            return f"{whole} is not a setting: the settings here are {', '.join(beside)}."
        case "missing":
            return f"{location} is missing: give it a value."
        case "value_error":
            return f"{location}: {detail['ctx']['error']}" if location else str(detail["ctx"]["error"])
        case "dataclass_type":
            first = fields(_group_of(kind, (*detail["loc"], "")))[0].name
            return f"{location} is a group of settings: set one of them, such as {location}.{first}."
        case "tuple_type":
            return f"{location} takes several numbers: write [1, 2], not {detail['input']!r}."
        case _:
            wanted = detail["msg"].removeprefix("Input ")
            return f"{location} {wanted}, it is {detail['input']!r}."


def _alike(whole: str, location: str, beside: Sequence[str], known: Sequence[str]) -> list[str]:
    """Known settings that the user may have meant: similar names, or the same name in another group.

    Parameters
    ----------
    whole, location
        What was written, and the part of it that ends with the unknown name.
    beside
        Known names in the same group.
    """
    outer, dot, end = location.rpartition(".")
    same_name = [name for name in known if name.rpartition(".")[2] == whole.rpartition(".")[2]]
    if whole != location:
        return get_close_matches(whole, same_name, n=1)
    like = [f"{outer}{dot}{name}" for name in get_close_matches(end, beside, n=1)]
    return like or (same_name[:4] if not outer else get_close_matches(whole, same_name, n=1))


def _all_names(kind: type, prefix: str = "") -> list[str]:
    """Every setting of a dataclass with the settings inside, such as ``noise.mode``."""
    names: list[str] = []
    hints = get_type_hints(kind)
    for field in fields(cast("Any", kind)):
        names.append(f"{prefix}{field.name}")
        if is_dataclass(hints[field.name]):
            names += _all_names(hints[field.name], f"{prefix}{field.name}.")
    return names


def _moved(location: str, group: type) -> str | None:
    """A message for a setting that is now inside a group; None if no such group has a setting of this name.

    For example, ``mr_ghost_share`` is now ``mr.ghost_share``: each modality has a group of settings.
    """
    path, _, name = location.rpartition(".")
    before = f"{path}." if path else ""
    inner = [
        (field.name, setting.name)
        for field in fields(group)
        for found in _dataclasses_in(get_type_hints(group)[field.name])
        for setting in fields(found)
    ]
    for part, setting in inner:
        if name == f"{part}_{setting}":
            return f"{location} is now {before}{part}.{setting}."
    elsewhere = " or ".join(f"{before}{part}.{setting}" for part, setting in inner if setting == name)
    if elsewhere:
        return f"{location} is not a setting: write {elsewhere}."
    return None


def _group_of(kind: Any, location: Sequence[int | str]) -> type:
    """The dataclass that should contain the last part of a location."""
    for part in location[:-1]:
        if isinstance(part, str):  # a number is an index into a tuple
            kind = _dataclasses_in(get_type_hints(kind)[part])[0]
    group: type = kind
    return group


def _dataclasses_in(annotation: Any) -> list[type]:
    """Dataclasses in an annotation such as ``Stage``, ``Stage | None`` or ``tuple[Stage, ...]``."""
    if is_dataclass(annotation):
        return [annotation] if isinstance(annotation, type) else []
    return [found for inner in get_args(annotation) for found in _dataclasses_in(inner)]


def read_scene(path: Path) -> Scene:
    """The scene in a JSON file that ``generate`` wrote."""
    try:
        plain = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"{path}: is not a scene: give a scene.json that generate wrote.") from error
    return scene_of(plain, path)


def scene_of(plain: Any, where: object) -> Scene:
    """A scene from its JSON. Parts that can be computed from the others are not read.

    Raises InputError, which names ``where`` the JSON came from, if it is not a scene.
    """
    try:
        stored = {name: value for name, value in plain.items() if name not in ("label_names", "stored")}
        return TypeAdapter(Scene).validate_python(_without_kinds(stored), extra="forbid")
    except ValidationError as error:
        first = error.errors()[0]
        location = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: is not a scene of this version: {location}: {first['msg']}.") from error
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
