"""From a scene to voxels. Nothing is drawn here: noise is a hash of a named key and the voxel."""
