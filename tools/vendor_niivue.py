"""Download the viewer of the page from npm's registry again, and check that it is the reviewed file.

``python tools/vendor_niivue.py`` compares; with ``--write`` it also puts the file and the licences of all
that is bundled in it into the package. Needs ``npm``; nothing of the packages is executed.
"""

import argparse
import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

VENDOR = Path(__file__).parents[1] / "src" / "synthfm3d" / "app" / "page" / "vendor"
PACKAGE = "@niivue/niivue@0.69.0"
MEMBER = "package/dist/niivue.umd.js"
SHA256 = "47b896b77ec4a5be3ef1949c33ad393b6f45629921f326c279000bcf51bdb4af"
BUNDLED = (
    "@lukeed/csprng@1.1.0",
    "@lukeed/uuid@2.0.1",
    "@ungap/structured-clone@1.4.0",
    "@zarrita/storage@0.1.4",
    "array-equal@1.0.2",
    "fflate@0.8.3",
    "gl-matrix@3.4.4",
    "nifti-reader-js@0.8.0",
    "numcodecs@0.3.2",
    "reference-spec-reader@0.2.0",
    "unzipit@1.4.3",
    "uzip-module@1.0.3",
    "zarrita@0.5.4",
)
"""What the viewer depends on, at the versions that npm chooses for it: their licences go with the file."""
_RULE = "-" * 78


def main() -> int:
    """Return 0 if the registry's file has the reviewed hash; otherwise 1, and nothing is written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="Replace the file and the licences.")
    write = parser.parse_args().write
    with TemporaryDirectory() as folder:
        script = _member(_packed(PACKAGE, Path(folder)), MEMBER)
        found = hashlib.sha256(script).hexdigest()
        if found != SHA256:
            print(f"{PACKAGE} {MEMBER}: SHA-256 is {found}, expected {SHA256}.", file=sys.stderr)
            return 1
        if write:
            (VENDOR / "niivue.umd.js").write_bytes(script)
            (VENDOR / "LICENSES.txt").write_text(_licences(Path(folder)), encoding="utf-8")
    print(f"{PACKAGE} {MEMBER}: {found}, as expected.")
    return 0


def _licences(folder: Path) -> str:
    # The tarball of the viewer has no licence file: its text stands beside it, as in its repository.
    viewer = (VENDOR / "LICENSE-niivue.txt").read_text(encoding="utf-8")
    parts = [f"{PACKAGE}\n\n{viewer.strip()}"]
    parts += [f"{name}\n\n{_licence(_packed(name, folder)).strip()}" for name in BUNDLED]
    return f"\n\n{_RULE}\n".join(parts) + "\n"


def _licence(archive: Path) -> str:
    with tarfile.open(archive) as packed:
        names = [n for n in packed.getnames() if n.lower().startswith("package/license")]
    if not names:
        raise FileNotFoundError(f"{archive.name}: has no licence file: take it from its repository.")
    return _member(archive, names[0]).decode()


def _packed(name: str, folder: Path) -> Path:
    done = subprocess.run(
        ["npm", "pack", "--silent", name], cwd=folder, check=True, capture_output=True, text=True
    )
    return folder / done.stdout.strip().splitlines()[-1]


def _member(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as packed:
        file = packed.extractfile(name)
        assert file is not None, f"{archive.name}: {name} is no file"
        return file.read()


if __name__ == "__main__":
    sys.exit(main())
