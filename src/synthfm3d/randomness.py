"""One scheme of randomness for the whole package: every random number has a named place.

The package uses no global or shared random state. The name of a place, such as ``(seed, index, "anatomy")``,
is hashed to a generator for parameters or to a 32-bit key for per-voxel noise. So a volume does not depend on
the worker that makes it, on the order, or on the number of threads.
"""

from hashlib import blake2b

import numpy as np


def _digest(seed: int, place: tuple[str | int, ...], size: int) -> int:
    name = "/".join(map(str, (seed, *place)))
    return int.from_bytes(blake2b(name.encode(), digest_size=size).digest(), "big")


def stream(seed: int, *place: str | int) -> np.random.Generator:
    """Random generator of one named place, for example ``stream(7, "clip", epoch, index)``.

    The same name always gives the same generator; different names give independent ones
    (Philox4x64-10 keyed by a 128-bit BLAKE2b digest of the name).
    """
    return np.random.Generator(np.random.Philox(key=_digest(seed, place, 16)))


def key(seed: int, *place: str | int) -> int:
    """32-bit key of one named place, for the counter hashes that make per-voxel noise."""
    return _digest(seed, place, 4)
