"""Sizes of SAM 2: the four official ones, and small ones that a CPU can train.

Ravi et al., "SAM 2: Segment Anything in Images and Videos" (2024), arXiv 2408.00714. The official
sizes are those of ``sam2/configs/sam2.1/*.yaml`` of facebookresearch/sam2. No parameter's shape
depends on the size of the image, so any weights run at any size of it.
"""

from dataclasses import dataclass
from typing import Literal

SizeName = Literal["tiny", "small", "base-plus", "large", "mini", "micro"]
Version = Literal["2.1", "2.0"]
Stages = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sam2Size:
    """Widths and depths.

    Parameters
    ----------
    widths, blocks, heads, windows
        Channels, blocks, attention heads and attention window of the four stages of the encoder (Hiera).
    global_blocks
        Blocks that attend to the whole image.
    background
        Side of the position embedding that is stretched over the image.
    hidden
        Channels everywhere behind the encoder; a multiple of 64, which is the width of memories.
    decoder_hidden, memory_layers, memory_hidden, fuser_hidden
        Inner width of the decoder's perceptrons; layers of the memory attention and the inner width of
        its perceptrons; inner width of the memory encoder.
    """

    widths: Stages
    blocks: Stages
    heads: Stages = (1, 2, 4, 8)
    windows: Stages = (8, 4, 14, 7)
    global_blocks: tuple[int, ...]
    background: int = 7
    hidden: int = 256
    decoder_hidden: int = 2048
    memory_layers: int = 4
    memory_hidden: int = 2048
    fuser_hidden: int = 1024


SIZES: dict[SizeName, Sam2Size] = {
    "tiny": Sam2Size(widths=(96, 192, 384, 768), blocks=(1, 2, 7, 2), global_blocks=(5, 7, 9)),
    "small": Sam2Size(widths=(96, 192, 384, 768), blocks=(1, 2, 11, 2), global_blocks=(7, 10, 13)),
    "base-plus": Sam2Size(
        widths=(112, 224, 448, 896),
        blocks=(2, 3, 16, 3),
        heads=(2, 4, 8, 16),
        global_blocks=(12, 16, 20),
        background=14,
    ),
    "large": Sam2Size(
        widths=(144, 288, 576, 1152),
        blocks=(2, 6, 36, 4),
        heads=(2, 4, 8, 16),
        windows=(8, 4, 16, 8),
        global_blocks=(23, 33, 43),
    ),
    # Ours. Their windows divide the maps of a 128-pixel image.
    "mini": Sam2Size(
        widths=(48, 96, 192, 384),
        blocks=(1, 2, 5, 2),
        windows=(8, 4, 8, 4),
        global_blocks=(4, 6),
        hidden=128,
        decoder_hidden=1024,
        memory_hidden=1024,
        fuser_hidden=512,
    ),
    "micro": Sam2Size(
        widths=(32, 64, 128, 256),
        blocks=(1, 2, 3, 1),
        windows=(8, 4, 8, 4),
        global_blocks=(4, 5),
        hidden=128,
        decoder_hidden=512,
        memory_layers=2,
        memory_hidden=512,
        fuser_hidden=512,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sam2Settings:
    """Size and version of a SAM 2, and size of its slices.

    Parameters
    ----------
    size
        A name of ``SIZES``.
    image_size
        Pixels along an edge of the square slices, a multiple of 32: the patches of 4 pixels are put into
        windows of 8.
    version
        ``"2.1"`` has learnt encodings of the time of object pointers and of occlusion, ``"2.0"`` does not.
    dropout
        In the memory attention, while training.
    """

    size: SizeName = "tiny"
    image_size: int = 512
    version: Version = "2.1"
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_image_size(self.image_size)
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be from 0 to below 1, got {self.dropout}.")


def check_image_size(image_size: int) -> None:
    """Raise ValueError unless SAM 2 can process slices of this size."""
    if image_size < 64 or image_size % 32:
        raise ValueError(f"image_size must be a multiple of 32 from 64 on, got {image_size}.")
