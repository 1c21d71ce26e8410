"""From a scene to voxels. No random generator is used here: noise is a hash of a named key and the voxel."""
