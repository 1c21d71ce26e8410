"""Check that a tag may be released: ``python tools/check_release.py v0.1.0``.

The version is written once, in ``src/synthfm3d/__init__.py``. It is not computed from the tag: shards,
reports and checkpoints carry it, so the same sources must give the same bytes with and without git, between
two commits, in a shallow clone and from an archive. This program instead checks, before anything is
published, that the tag fits the sources.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Return 0 if the tag fits the sources; otherwise 1, with the reasons on stderr."""
    if len(sys.argv) != 2:
        print("usage: python tools/check_release.py TAG", file=sys.stderr)
        return 2
    found = problems(sys.argv[1], ROOT)
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


def problems(tag: str, root: Path) -> list[str]:
    """Reasons against releasing the sources at ``root`` under a tag; empty if there are none."""
    version = version_of(root)
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = []
    if tag != f"v{version}":
        found.append(
            f"tag {tag}: the sources are of version {version}: tag v{version}, or change __version__."
        )
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, flags=re.MULTILINE):
        found.append(f"CHANGELOG.md: has no heading '## [{version}] - YYYY-MM-DD': add it.")
    unreleased = changelog.partition("## [Unreleased]\n")[2].partition("\n## ")[0].strip()
    if unreleased:
        found.append("CHANGELOG.md: lines stand under [Unreleased]: move them under the version.")
    return found


def version_of(root: Path) -> str:
    """``__version__`` of the sources at ``root``, without importing them."""
    text = (root / "src" / "synthfm3d" / "__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "([^"]+)"$', text, flags=re.MULTILINE)
    return str(version)


if __name__ == "__main__":
    sys.exit(main())
