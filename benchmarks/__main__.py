"""Measure everything, print a table, write benchmarks/latest.json."""

from pathlib import Path

from benchmarks import metrics, network, processes, sam2, segmentation, shards, synthesis
from benchmarks.measure import Results


def main() -> None:
    results = Results()
    synthesis.measure(results)
    processes.measure(results)
    shards.measure(results)
    network.measure(results)
    sam2.measure(results)
    segmentation.measure(results)
    metrics.measure(results)
    results.show()
    results.write(Path(__file__).parent / "latest.json")


if __name__ == "__main__":
    main()
