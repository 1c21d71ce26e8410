// Titles and letters of orientation beside the pictures, in the margins that the layout leaves.

const TITLES = { axial: "Axial", coronal: "Coronal", sagittal: "Sagittal", render: "3-D" };
const AXIS = { axial: 2, coronal: 1, sagittal: 0 };
const LETTERS = { axial: "RLAP", coronal: "RLSI", sagittal: "APSI" }; // left, right, top, bottom
const INK = "#d9c58a";

/** Letter every pane: pen draws on a canvas with scale pixels for a CSS pixel. */
export function letter(pen, viewer, scale, isTime) {
  pen.save();
  pen.fillStyle = INK;
  pen.textBaseline = "middle";
  for (const { name, cell } of viewer.panes) {
    const [left, top] = cell.map((one) => one * scale);
    pen.font = `600 ${13 * scale}px system-ui, sans-serif`;
    pen.textAlign = "left";
    const whole = title(name, viewer, isTime);
    const room = (cell[2] - 12) * scale;
    const text = pen.measureText(whole).width <= room ? whole : whole.split("  ")[0]; // without the slice
    pen.fillText(text, left + 6 * scale, top + 11 * scale);
    const end = left + 16 * scale + pen.measureText(text).width; // letters must not be written over the title
    if (name !== "render" && !isTime) orientation(pen, name, viewer.pictureOf(AXIS[name]), scale, [end, top + 22 * scale]);
  }
  pen.restore();
}

function title(name, viewer, isTime) {
  if (name === "render") return TITLES[name];
  const axis = AXIS[name];
  const at = `${viewer.slices[axis] + 1} / ${viewer.dimensions[axis]}`;
  if (!isTime) return `${TITLES[name]}  ${at}`;
  return name === "axial" ? `Frame  ${at}` : `Over time  ${at}`;
}

function orientation(pen, name, picture, scale, [titleEnd, titleBottom]) {
  if (!picture) return;
  const [left, top, width, height] = picture;
  const beside = 8 * scale;
  const [first, second, upper, lower] = LETTERS[name];
  pen.textAlign = "center";
  pen.fillText(first, left - beside, top + height / 2);
  pen.fillText(second, left + width + beside, top + height / 2);
  const middle = left + width / 2;
  const isFree = top - beside > titleBottom;
  pen.fillText(upper, isFree ? middle : Math.max(middle, titleEnd), top - beside);
  pen.fillText(lower, left + width / 2, top + height + beside);
}
