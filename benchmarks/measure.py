"""Measure and report CPU seconds of one thread, medians and means, and ratios within one run."""

import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


def cpu_seconds(work: Callable[[int], object], runs: int, warm_up: int = 1) -> float:
    """Median CPU time of ``work(run)`` over ``runs`` runs, after ``warm_up`` that are not counted.

    CPU time of the process, not wall time: other programs on the machine do not count.
    """
    for run in range(warm_up):
        work(run)
    seconds = []
    for run in range(runs):
        start = time.process_time()
        work(run)
        seconds.append(time.process_time() - start)
    return median(seconds)


def mean_cpu_seconds(work: Callable[[int], object], runs: Sequence[int], warm_up: int = 3) -> float:
    """Mean CPU time of ``work(run)`` over ``runs``, after the first ``warm_up`` once more, not counted.

    Use the mean where runs differ in their work: a median leaves out costly, rare runs.
    """
    for run in runs[:warm_up]:
        work(run)
    start = time.process_time()
    for run in runs:
        work(run)
    return (time.process_time() - start) / len(runs)


@dataclass
class Results:
    """Named values with their units, and ratios between them."""

    entries: dict[str, dict[str, object]] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str, *, ratio_to: tuple[str, ...] = ()) -> None:
        """Record a value; ``ratio_to`` names earlier entries of the same unit to divide by."""
        ratios = {other: round(value / float(str(self.entries[other]["value"])), 3) for other in ratio_to}
        self.entries[name] = {"value": float(f"{value:.4g}"), "unit": unit, "ratio_to": ratios}

    def write(self, path: Path) -> None:
        """Write all entries as JSON, the machine first."""
        machine = {"value": platform.machine(), "unit": f"Python {platform.python_version()}", "ratio_to": {}}
        path.write_text(json.dumps({"machine": machine, **self.entries}, indent=1) + "\n")

    def show(self) -> None:
        """Print all entries as a table."""
        table = Table("what", "value", "unit", "ratio to")
        for name, entry in self.entries.items():
            ratios = entry["ratio_to"]
            assert isinstance(ratios, dict)
            told = ", ".join(f"{ratio:g} x {other}" for other, ratio in ratios.items())
            table.add_row(name, f"{entry['value']:g}", str(entry["unit"]), told)
        Console().print(table)
