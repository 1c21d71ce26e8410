// The outline of masks: voxels of a label that have a neighbour of another value.

/** Labels of the same type and size, of which only the voxels at the border of their object are left. */
export function shell(labels, [nx, ny, nz]) {
  const outline = new labels.constructor(labels.length);
  const steps = [1, nx, nx * ny];
  for (let z = 0, at = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, at++) {
        const label = labels[at];
        if (!label) continue;
        const isEdge = x === 0 || y === 0 || x === nx - 1 || y === ny - 1
          || steps.some((step) => (labels[at - step] ?? label) !== label || (labels[at + step] ?? label) !== label);
        if (isEdge) outline[at] = label;
      }
    }
  }
  return outline;
}
