"""The second renderer of the same scenes: runs of slices as torch tensors, on a CUDA device or any other.

Tables are those of the CPU renderer. Voxels are computed by the same single-precision operations in the same
order, each rounded by itself: there is no matrix product, no fused multiply-add, and no division by a
number of the host, for which torch would multiply by a reciprocal. So labels differ only where a kernel of
the CPU takes a short cut that is equal but for the last bit.
"""

from synthfm3d.rendering.cuda.renderer import render

__all__ = ["render"]
