"""Settings of a server: what it shows, to whom, and how much it accepts."""

from dataclasses import dataclass
from pathlib import Path

from synthfm3d.io.read import ReadOptions

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SHORTEST_TOKEN = 16
"""Characters; a token of 16 random letters and digits cannot be guessed over a network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a server accepts from its visitors.

    Parameters
    ----------
    upload_bytes
        Largest uploaded file.
    voxel_bytes
        Largest scan by what its header claims, uncompressed.
    scans, voxels
        Most open scans of all visitors, and voxels in all of them.
    body_bytes
        Largest body of any other request.
    idle_seconds
        A scan is closed after so many seconds without use.
    viewers
        Most viewers of others (3D Slicer, napari) at a time.
    silent_seconds
        A viewer is given up after so many seconds without a call.
    step_bytes
        Memory for the masks of former states of one scan; the number of steps that can be taken back follows.
    """

    upload_bytes: int = 2**30
    voxel_bytes: int = 2**30
    scans: int = 64
    voxels: int = 2**29
    body_bytes: int = 2**20
    idle_seconds: float = 3600.0
    viewers: int = 16
    silent_seconds: float = 60.0
    step_bytes: int = 2**28

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """What a server may show, and to whom.

    Parameters
    ----------
    scans
        Files or DICOM folders that visitors may open.
    root
        Folder of which visitors may open anything, and nothing outside of it; None: uploads only.
    hosts
        Names by which the server may be called; others are refused, since a foreign page could have
        pointed its own name at this machine.
    by_address
        May be called by any numeric address, too.
    token
        Visitors must give it; None: no token is needed.
    model
        Name of the model that every scan begins with.
    other_models
        Names of further models that visitors may choose.
    device
        Where further models run.
    warm_up
        Segment something on each kind of scan when it is opened, so that the first prompt is not slow.
    adapted_models
        Folder of the models that visitors adapt to their masks.
    reading
        Choices for the scans that are named at the start, such as the frame of a 4-D file.
    """

    scans: tuple[Path, ...] = ()
    root: Path | None = None
    hosts: frozenset[str] = LOOPBACK
    by_address: bool = False
    token: str | None = None
    model: str = "default"
    other_models: tuple[str, ...] = ()
    device: str = "auto"
    warm_up: bool = False
    adapted_models: Path = Path("adapted-models")
    reading: ReadOptions = ReadOptions()
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise ValueError(f"token must have {SHORTEST_TOKEN} characters or more.")
