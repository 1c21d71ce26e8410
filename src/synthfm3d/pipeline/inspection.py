"""Inspection of a folder of shards: a picture, statistics, and a dataset card for publication."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthfm3d import __version__
from synthfm3d.files import write_atomically
from synthfm3d.generate import LabelledVolume
from synthfm3d.pipeline.features import Shares
from synthfm3d.pipeline.gallery import CONTACT_SHEET, MOST_PICTURED, ContactSheet
from synthfm3d.pipeline.pages import STATISTICS_PAGE, filled, write_statistics
from synthfm3d.pipeline.statistics import measure_volumes, read_real_targets
from synthfm3d.shards.reader import ShardFolder
from synthfm3d.shards.sample import StoredVolume
from synthfm3d.synthesis.scene import Scene

CARD_NAME = "README.md"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was written."""

    card: Path
    statistics: Path
    picture: Path
    volumes: int
    measured: int
    shares: Shares


def inspect_shards(
    folder: Path,
    output: Path,
    description: Mapping[str, Any],
    *,
    scene_of: Callable[[StoredVolume], Scene],
    most: int = 60,
    advance: Callable[[], None] = lambda: None,
) -> Inspection:
    """Write ``README.md``, ``statistics.html`` with its JSON, and ``contact_sheet.png`` into ``output``.

    Parameters
    ----------
    description
        Contents of ``dataset.json``.
    scene_of
        Makes a scene of a stored volume's JSON.
    most
        How many volumes are read and measured, evenly spread over the dataset.
    """
    stored = ShardFolder(folder)
    places = evenly_spread(len(stored), most)
    sheet = ContactSheet()
    pictured = set(evenly_spread(len(places), MOST_PICTURED))

    def volumes() -> Iterator[LabelledVolume]:
        for n, place in enumerate(places):
            volume = stored[place]
            made = LabelledVolume(scene=scene_of(volume), image=volume.image, labels=volume.labels)
            if n in pictured:
                sheet.add(made)
            yield made
            advance()

    found = measure_volumes(folder.resolve().name, volumes())
    card = dataset_card(
        name=found.name,
        description=description,
        volumes=len(stored),
        size=sum(path.stat().st_size for path in stored.paths),
        measured=len(places),
        shares=found.shares,
        summaries=[
            (measure, found.summaries[measure.name])
            for measure in read_real_targets().measures
            if measure.name in found.summaries
        ],
    )
    write_atomically(output / CARD_NAME, card.encode())
    return Inspection(
        card=output / CARD_NAME,
        statistics=write_statistics(output, [found], seed=int(description["seed"])),
        picture=sheet.write(output),
        volumes=len(stored),
        measured=len(places),
        shares=found.shares,
    )


def evenly_spread(count: int, most: int) -> list[int]:
    """At most ``most`` numbers of ``range(count)``, at even distances."""
    return [n * count // min(count, most) for n in range(min(count, most))]


def dataset_card(*, volumes: int, **known: Any) -> str:
    """A dataset card as the Hugging Face hub reads it: YAML for machines, then Markdown for people."""
    category = next((name for limit, name in _SIZES if volumes < limit), None)
    return filled(
        "dataset_card.md.jinja",
        volumes=volumes,
        category=category or ("1M<n<10M" if volumes < 10_000_000 else "10M<n<100M"),
        picture=CONTACT_SHEET,
        page=STATISTICS_PAGE,
        version=__version__,
        rows=share_rows,
        **known,
    )


def share_rows(shares: Mapping[str, float]) -> Sequence[str]:
    """``ct 34 %``, most frequent first."""
    return [f"{name} {100 * share:.0f} %" for name, share in shares.items() if share]
