// A line drawn around an object becomes the pixels that it encloses, as a mask in a NIfTI file.

const HEADER = 352; // bytes before the voxels

/** Gzipped NIfTI-1 file of the voxels that a closed line encloses on its slice; null if there are none. */
export async function enclosed(positions, scan) {
  const index = positions.map((mm) => voxelOf(mm, scan.affine));
  const axis = flattest(index);
  const at = Math.round(mean(index.map((one) => one[axis])));
  const [row, column] = [0, 1, 2].filter((one) => one !== axis);
  const mask = new Uint8Array(scan.shape[0] * scan.shape[1] * scan.shape[2]);
  const line = index.map((one) => [one[row], one[column]]);
  let count = 0;
  for (let i = 0; i < scan.shape[row]; i++) {
    for (const [from, to] of insideOf(line, i)) {
      for (let j = Math.max(0, Math.ceil(from)); j <= Math.min(scan.shape[column] - 1, Math.floor(to)); j++) {
        const voxel = [0, 0, 0];
        [voxel[axis], voxel[row], voxel[column]] = [at, i, j];
        mask[(voxel[0] * scan.shape[1] + voxel[1]) * scan.shape[2] + voxel[2]] = 1;
        count += 1;
      }
    }
  }
  return count && at >= 0 && at < scan.shape[axis] ? packed(mask, scan) : null;
}

/** Stretches [from, to] of a row that lie inside a closed line of [row, column], by the even-odd rule. */
function insideOf(line, row) {
  const crossings = [];
  line.forEach(([r0, c0], n) => {
    const [r1, c1] = line[(n + 1) % line.length];
    if (r0 <= row !== r1 <= row) crossings.push(c0 + ((row - r0) / (r1 - r0)) * (c1 - c0));
  });
  crossings.sort((one, other) => one - other);
  return Array.from({ length: crossings.length >> 1 }, (_, n) => crossings.slice(2 * n, 2 * n + 2));
}

/** (z, y, x) of a place in mm, by Cramer's rule. */
function voxelOf(mm, affine) {
  const columns = [0, 1, 2].map((n) => affine.slice(0, 3).map((row) => row[n]));
  const from = affine.slice(0, 3).map((row, n) => mm[n] - row[3]);
  const whole = determinant(columns);
  return columns.map((_, n) => determinant(columns.map((column, other) => (other === n ? from : column))) / whole);
}

const determinant = ([a, b, c]) =>
  a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0]);

function flattest(index) {
  const spread = [0, 1, 2].map((axis) => {
    const values = index.map((one) => one[axis]);
    return Math.max(...values) - Math.min(...values);
  });
  return spread.indexOf(Math.min(...spread));
}

const mean = (values) => values.reduce((sum, one) => sum + one, 0) / values.length;

async function packed(mask, scan) {
  const file = new Uint8Array(HEADER + mask.length);
  const view = new DataView(file.buffer);
  view.setInt32(0, 348, true);
  [3, scan.shape[2], scan.shape[1], scan.shape[0], 1, 1, 1, 1].forEach((n, place) => view.setInt16(40 + 2 * place, n, true));
  view.setInt16(70, 2, true); // unsigned bytes
  view.setInt16(72, 8, true);
  [1, scan.spacing_mm[2], scan.spacing_mm[1], scan.spacing_mm[0]].forEach((mm, place) => view.setFloat32(76 + 4 * place, mm, true));
  view.setFloat32(108, HEADER, true);
  view.setUint8(123, 2); // millimetres
  view.setInt16(254, 1, true); // the affine of the scanner
  scan.affine.slice(0, 3).forEach(([z, y, x, origin], row) =>
    [x, y, z, origin].forEach((value, place) => view.setFloat32(280 + 16 * row + 4 * place, value, true)));
  file.set([0x6e, 0x2b, 0x31, 0], 344); // "n+1"
  file.set(mask, HEADER);
  const stream = new Blob([file]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
