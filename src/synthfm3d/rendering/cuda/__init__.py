"""The second renderer of the same scenes: runs of slices as torch tensors, on a CUDA device or any other.

Tables are those of the CPU renderer. Voxels are computed by the same single-precision operations in the same
order, each rounded by itself: there is no matrix product, no fused multiply-add, and no division by a
number of the host, for which torch would multiply by a reciprocal. What is left are last bits: kernels of
the CPU skip layers that will be hidden, and torch's square root on a CPU is not always the nearest number.
They decide a label only where a surface meets the middle of a voxel to within some 1e-6 mm.
"""

from synthfm3d.rendering.cuda.renderer import render

__all__ = ["render"]
