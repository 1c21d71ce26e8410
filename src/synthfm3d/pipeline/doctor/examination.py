"""All checks, in the order in which they are reported."""

from collections.abc import Callable, Iterator

from synthfm3d.pipeline.doctor import Finding, fail, installation, machine, places, trial

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
"""Checks that do not import torch."""

TRIALS: tuple[Check, ...] = (trial.volume, trial.torch_device, trial.sam2, trial.mask)
"""Checks that try something, such as segmenting a scan."""


def examine(*, full: bool = False) -> Iterator[Finding]:
    """The findings of all checks; with ``full`` also of the trials. A check that raises has failed."""
    for check in (*QUICK, *TRIALS) if full else QUICK:
        try:
            found = check()
        except Exception as error:  # the other checks must still run
            yield fail(check.__name__.replace("_", " "), f"{type(error).__name__}: {error}", "report this")
        else:
            yield from found if isinstance(found, list) else [found]
