"""All checks, in the order in which they are told."""

from collections.abc import Callable, Iterator

from synthfm3d.pipeline.doctor import installation, machine, places, trial
from synthfm3d.pipeline.doctor.finding import Finding, fail

Check = Callable[[], Finding | list[Finding]]

QUICK: tuple[Check, ...] = (
    installation.sources,
    installation.command,
    installation.core_packages,
    installation.extras,
    installation.torchvision,
    machine.threads,
    machine.memory,
    machine.cuda,
    machine.bfloat16,
    places.working_folder,
    places.temporary_folder,
    places.disk,
    places.kernel_cache,
    places.weights,
    places.stores,
    places.samples,
    places.browser,
)
"""What can be told without importing torch."""

TRIALS: tuple[Check, ...] = (trial.volume, trial.torch_device, trial.sam2, trial.mask)
"""What is found only by trying it."""


def examine(*, full: bool = False) -> Iterator[Finding]:
    """What each check finds; with ``full`` also what is found by trying. A check that breaks has failed."""
    for check in (*QUICK, *TRIALS) if full else QUICK:
        try:
            found = check()
        except Exception as error:  # what one check stumbles over, the others shall still be told
            yield fail(check.__name__.replace("_", " "), f"{type(error).__name__}: {error}", "report this")
        else:
            yield from found if isinstance(found, list) else [found]
