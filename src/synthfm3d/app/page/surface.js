// The surface of a mask for the 3-D pane, by surface nets: Gibson, MICCAI 1998, LNCS 1496:888.

const MOST_CELLS = 1.5e6; // of a finer mask, only every second or third voxel counts
const ROUNDS = 4; // of smoothing, which takes the steps of the voxels away

/**
 * Surfaces of labels, one {label, points, triangles} for each that is there; points are x, y, z in mm.
 * labels: voxels in stored order; dimensions: [nx, ny, nz]; affine: rows of the matrix from (x, y, z, 1) to mm.
 */
export function surfacesOf(labels, dimensions, affine) {
  return [...boxesOf(labels, dimensions)].map(([label, box]) => {
    const { inside, size, at } = sampled(labels, dimensions, label, box);
    const { points, triangles } = net(inside, size);
    for (let round = 0; round < ROUNDS; round++) smooth(points, triangles);
    return { label, points: inMillimetres(points, at, affine), triangles: outward(triangles, affine) };
  });
}

/** Lowest and highest x, y, z of each label. */
function boxesOf(labels, [nx, ny, nz]) {
  const boxes = new Map();
  for (let z = 0, n = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, n++) {
        if (!labels[n]) continue;
        const box = boxes.get(labels[n]);
        if (!box) boxes.set(labels[n], [x, y, z, x, y, z]);
        else {
          if (x < box[0]) box[0] = x;
          if (y < box[1]) box[1] = y;
          if (x > box[3]) box[3] = x;
          if (y > box[4]) box[4] = y;
          box[5] = z;
        }
      }
    }
  }
  return boxes;
}

/** A label's box with a margin of one sample: whether each sample is inside, the size, and where a sample lies. */
function sampled(labels, [nx, ny], label, [x0, y0, z0, x1, y1, z1]) {
  const extents = [x1 - x0 + 1, y1 - y0 + 1, z1 - z0 + 1];
  let step = 1;
  while (extents.reduce((cells, n) => cells * (n / step + 2), 1) > MOST_CELLS) step += 1;
  const size = extents.map((n) => Math.ceil(n / step) + 2);
  const inside = new Uint8Array(size[0] * size[1] * size[2]);
  for (let k = 1; k < size[2] - 1; k++) {
    for (let j = 1; j < size[1] - 1; j++) {
      const from = x0 + nx * (y0 + (j - 1) * step + ny * (z0 + (k - 1) * step));
      const to = size[0] * (j + size[1] * k);
      for (let i = 1; i < size[0] - 1; i++) inside[to + i] = labels[from + (i - 1) * step] === label ? 1 : 0;
    }
  }
  const at = (x, y, z) => [x0 + (x - 1) * step, y0 + (y - 1) * step, z0 + (z - 1) * step];
  return { inside, size, at };
}

/** One point in every cell of eight samples that the border crosses, and two triangles across every crossed edge. */
function net(inside, [nx, ny, nz]) {
  const steps = [1, nx, nx * ny];
  const corners = Array.from({ length: 8 }, (_, c) => (c & 1) * steps[0] + ((c >> 1) & 1) * steps[1] + (c >> 2) * steps[2]);
  const pointOf = new Int32Array(inside.length).fill(-1);
  const points = [];
  const triangles = [];
  for (let z = 0; z < nz - 1; z++) {
    for (let y = 0; y < ny - 1; y++) {
      for (let x = 0; x < nx - 1; x++) {
        const n = x + nx * (y + ny * z);
        let count = 0;
        for (const corner of corners) count += inside[n + corner];
        if (count === 0 || count === 8) continue;
        pointOf[n] = points.length / 3;
        const [dx, dy, dz] = centreOfCrossings(inside, n, corners);
        points.push(x + dx, y + dy, z + dz);
        for (let axis = 0; axis < 3; axis++) addQuad(triangles, pointOf, inside, n, axis, steps, [x, y, z]);
      }
    }
  }
  return { points: new Float32Array(points), triangles: new Uint32Array(triangles) };
}

/** Mean of the middles of the edges of a cell that the border crosses, from 0 to 1 along each axis. */
function centreOfCrossings(inside, n, corners) {
  const sum = [0, 0, 0];
  let crossings = 0;
  for (let first = 0; first < 8; first++) {
    for (let axis = 0; axis < 3; axis++) {
      const second = first | (1 << axis);
      if (second === first || inside[n + corners[first]] === inside[n + corners[second]]) continue;
      crossings += 1;
      for (let other = 0; other < 3; other++) sum[other] += other === axis ? 0.5 : (first >> other) & 1;
    }
  }
  return sum.map((one) => one / crossings);
}

/** Two triangles across the edge from sample n along an axis, if the border crosses it. */
function addQuad(triangles, pointOf, inside, n, axis, steps, place) {
  const [u, v] = [(axis + 1) % 3, (axis + 2) % 3];
  const [here, there] = [inside[n], inside[n + steps[axis]]];
  if (here === there || !place[u] || !place[v]) return;
  const [a, b, c, d] = [n, n - steps[u], n - steps[u] - steps[v], n - steps[v]].map((cell) => pointOf[cell]);
  if (here) triangles.push(a, b, c, a, c, d);
  else triangles.push(a, c, b, a, d, c);
}

/** Move every point to the middle between itself and the mean of its neighbours. */
function smooth(points, triangles) {
  const sums = new Float32Array(points.length);
  const counts = new Uint16Array(points.length / 3);
  for (let t = 0; t < triangles.length; t++) {
    const from = triangles[t];
    const to = triangles[t % 3 === 2 ? t - 2 : t + 1];
    counts[from] += 1;
    for (let axis = 0; axis < 3; axis++) sums[3 * from + axis] += points[3 * to + axis];
  }
  for (let n = 0; n < points.length; n++) points[n] = (points[n] + sums[n] / counts[Math.floor(n / 3)]) / 2;
}

function inMillimetres(points, at, affine) {
  const placed = new Float32Array(points.length);
  for (let n = 0; n < points.length; n += 3) {
    const [x, y, z] = at(points[n], points[n + 1], points[n + 2]);
    for (let axis = 0; axis < 3; axis++) {
      const [rx, ry, rz, origin] = affine[axis];
      placed[n + axis] = rx * x + ry * y + rz * z + origin;
    }
  }
  return placed;
}

/** Triangles that are seen from outside, also where the affine mirrors. */
function outward(triangles, [[a, b, c], [d, e, f], [g, h, i]]) {
  const isMirrored = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) < 0;
  if (!isMirrored) return triangles;
  for (let t = 0; t < triangles.length; t += 3) [triangles[t], triangles[t + 1]] = [triangles[t + 1], triangles[t]];
  return triangles;
}
