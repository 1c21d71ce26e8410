"""The page's "Improve the model": adapt a model to masks that visitors made."""

import os

from synthfm3d.app.adaptations import Result, Task
from synthfm3d.errors import InputError
from synthfm3d.loading.labelled_scans import LabelledScan
from synthfm3d.processes import Send
from synthfm3d.training.adaptation import adapt
from synthfm3d.training.adaptation_family import AdaptationConfig
from synthfm3d.training.own_scans import own_scan

_NICENESS = 10
"""So that clicks are answered first."""


def improve(task: Task, send: Send) -> Result:
    """Do a task; called in a process of its own.

    Raises InputError for masks from which nothing can be learnt, and for a model that cannot be adapted.
    """
    if hasattr(os, "nice"):  # Windows has none
        os.nice(_NICENESS)
    scans: dict[str, LabelledScan] = {}
    for example in task.examples:
        scan = own_scan(example.image, example.masks, "all")
        if scan.sha256 in scans:
            raise InputError("the same scan is open twice with masks: close one of the two first.")
        scans[scan.sha256] = scan
    task.folder.mkdir(parents=True)
    # A worker of the data loader would be a process below this one, which it may not have.
    config = AdaptationConfig(
        start=task.start,
        workers=0,
        steps=task.steps or AdaptationConfig().steps,
        synthetic_share=task.synthetic_share,
        synthetic_patches=0,  # nobody is told how the model does on synthetic volumes
    )
    minutes = None if task.steps else task.minutes
    found = adapt(list(scans.values()), task.folder, config, minutes=minutes, device=task.device, report=send)
    return Result(
        before=found.before["validation_dice"],
        after=found.after["validation_dice"],
        is_better=found.weights is not None,
    )
