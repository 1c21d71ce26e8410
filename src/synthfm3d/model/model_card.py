"""The model card of a trained model: what it saw, how it was trained, and how good it is."""

from collections.abc import Mapping
from typing import Any

import yaml


def model_card(name: str, record: Mapping[str, Any]) -> str:
    """Markdown in the form that the Hugging Face hub reads.

    Parameters
    ----------
    record
        The record of the training (``training.record``): versions, seed, steps, ``config``, ``metrics``.
    """
    start = record.get("started_from")
    origin = "trained from random weights"
    if start:
        origin = f"fine-tuned from `{start['name']}` (SHA-256 {start['sha256']}…)"
    metrics = record.get("metrics") or {}
    rows = "\n".join(f"| {what} | {value} |" for what, value in sorted(metrics.items()))
    table = f"| on held-out synthetic volumes | |\n|---|---|\n{rows}\n" if rows else "None was measured.\n"
    recipe = yaml.safe_dump(_plain(record.get("config", {})), sort_keys=False)
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: mask-generation
tags: [medical-imaging, segmentation, promptable-segmentation, synthetic-data, sam2]
---
# {name}

SAM 2 for volumes of medical images, {origin} on synthetic volumes only: no real image was used in this
training. Slices are its frames. Research software, not a medical device.

- Data: volumes of SynthFM-3D {record.get("synthfm3d")}, generator version {record.get("generator_version")},
  seed {record.get("seed")}, rendered while it was trained.
- Steps: {record.get("steps")}, in {record.get("hours")} hours.
- Licence: Apache-2.0, as are the weights of SAM 2.

## How good it is

{table}
Dice on real scans depends on the scan: measure it with `synthfm3d evaluate`.

## Use

```
synthfm3d segment scan.nii.gz --point 61,44,80 --model THIS_FOLDER -o mask.nii.gz
```

## Recipe

```yaml
{recipe}```"""


def _plain(value: Any) -> Any:
    """Tuples as lists, which plain YAML knows."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
