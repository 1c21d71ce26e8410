"""Long computations in stages. Each stage has its own folder, and a marker when it is complete.

A stage's key is a hash of its settings and of the key of the stage before it. Its folder is named after
the key: so other settings use another folder, and no result is overwritten.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from synthfm3d.errors import InputError
from synthfm3d.files import json_text, write_atomically

MARKER = "stage.json"
_POLL_SECONDS = 0.5
Folders = Mapping[str, Path]
Facts = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of the work.

    Parameters
    ----------
    settings
        All that the result depends on besides the stages before, as plain JSON values.
    run
        Does the work. Gets the folders of this stage and of those before it by name; returns what is worth
        knowing of the result, as plain JSON values. After an interruption it is called again with the same
        folder, and may continue from the files in it.
    together
        Under ``accelerate launch`` all processes take part; in the other stages the first one works.
    """

    name: str
    settings: Mapping[str, Any]
    run: Callable[[Folders], Facts]
    together: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StageState:
    """A stage with its key and folder; ``facts`` are those of its marker, None while it is not done."""

    stage: Stage
    key: str
    folder: Path
    facts: Facts | None


def stage_states(folder: Path, stages: Sequence[Stage]) -> list[StageState]:
    """Where the stages of a run lie below ``folder``, and which of them are done; nothing is written."""
    states: list[StageState] = []
    key = ""
    for stage in stages:
        content = {"stage": stage.name, "settings": stage.settings, "after": key}
        key = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        where = folder / f"{stage.name}-{key[:8]}"
        states.append(StageState(stage=stage, key=key, folder=where, facts=_facts(where / MARKER, key)))
    return states


def run_stages(
    folder: Path,
    stages: Sequence[Stage],
    report: Callable[[str], None] = lambda sentence: None,
    *,
    first: bool = True,
) -> dict[str, Facts]:
    """Do what is not done yet, in order; returns the facts of every stage by name.

    ``report`` is called with a sentence when a stage begins or is kept. Whatever a stage raises ends the run;
    the stages before it stay done. A process that is not the ``first`` of several waits for the others'
    stages, and is through when no stage is left that it takes part in.
    """
    if not first:
        return _help(folder, stages)
    folders: dict[str, Path] = {}
    facts: dict[str, Facts] = {}
    for state in stage_states(folder, stages):
        name = state.stage.name
        folders[name] = state.folder
        if state.facts is not None:
            report(f"{name}: done before, in {state.folder}")
            facts[name] = state.facts
            continue
        report(f"{name}: in {state.folder}")
        state.folder.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        facts[name] = state.stage.run(dict(folders))
        marker = {
            "stage": name,
            "key": state.key,
            "settings": state.stage.settings,
            "seconds": round(time.monotonic() - begun, 1),
            "facts": facts[name],
        }
        write_atomically(state.folder / MARKER, json_text(marker).encode())
    return facts


def _help(folder: Path, stages: Sequence[Stage]) -> dict[str, Facts]:
    """What a process does that is not the first: its part of the stages that all do together."""
    last = max((n for n, stage in enumerate(stages) if stage.together), default=-1)
    folders: dict[str, Path] = {}
    for state in stage_states(folder, stages)[: last + 1]:
        folders[state.stage.name] = state.folder
        marker = state.folder / MARKER
        if state.stage.together and state.facts is None:
            state.stage.run(dict(folders))
        while not state.stage.together and _facts(marker, state.key) is None:
            time.sleep(_POLL_SECONDS)
    return {}


def _facts(marker: Path, key: str) -> Facts | None:
    """The facts of a finished stage, None where there is no marker of this key."""
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
        facts = content["facts"] if content["key"] == key else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{marker}: is damaged: remove it, and the stage is done again.") from error
    return facts if isinstance(facts, dict) else None
