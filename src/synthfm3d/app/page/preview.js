// The mask on the clicked slice while the model is still at work on the others.

import { call } from "./api.js";

const OFTEN = 250; // ms between questions
const OPACITY = 0.45;

/** Ask for previews of the change under way and give each to show({shape, affine, bits}) until the change is done. */
export async function watchPreviews(path, done, show) {
  let isDone = false;
  done.finally(() => (isDone = true));
  for (let after = 0; !isDone; await new Promise((soon) => setTimeout(soon, OFTEN))) {
    const answer = await call("GET", `${path}/preview?after=${after}`).catch(() => null);
    if (isDone || answer?.status !== 200) continue;
    const preview = await answer.json();
    after = preview.number;
    show(preview);
  }
}

/** Draw a preview in one plane, given the pixels of its corner, of the next row, and of the next column. */
export function drawPreview(pen, { picture }, [corner, nextRow, nextColumn]) {
  pen.save();
  pen.globalAlpha = OPACITY;
  pen.imageSmoothingEnabled = false;
  const across = [nextColumn.x - corner.x, nextColumn.y - corner.y];
  const down = [nextRow.x - corner.x, nextRow.y - corner.y];
  pen.transform(...across, ...down, corner.x, corner.y);
  pen.drawImage(picture, -0.5, -0.5); // the corner is the middle of the first pixel
  pen.restore();
}

/** The mask as a picture of one colour, a pixel for a voxel. */
export function pictureOf({ shape: [rows, columns], bits }, colour) {
  const bytes = Uint8Array.from(atob(bits), (one) => one.charCodeAt(0));
  const picture = new OffscreenCanvas(columns, rows);
  const pen = picture.getContext("2d");
  const pixels = pen.createImageData(columns, rows);
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  for (let n = 0; n < rows * columns; n++) {
    if (bytes[n >> 3] & (128 >> (n & 7))) pixels.data.set([red, green, blue, 255], 4 * n);
  }
  pen.putImageData(pixels, 0, 0);
  return picture;
}
