// Where the panes lie: the axial plane at the top left and larger, the others where they are drawn largest.

const TITLE = 20; // CSS pixels above a picture, for the name of the plane
const MARGIN = 15; // on its other sides, for the letters of orientation
const STEPS = [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7];
const AXIAL_COUNTS = 2; // weight of the axial plane against each other one
const RENDER_COUNTS = 0.6;
const CROSSHAIR = 0.25; // width in per cent, where panes are large
const LINE = 1.3; // device pixels; a thinner line can fall between two pixels
export const PLANES = ["axial", "coronal", "sagittal", "render"];

/**
 * Cells {name, cell, inner} of a stage in CSS pixels, each [left, top, width, height]; the picture lies in the
 * inner one. extents: mm of the scan along R, A, S. shown: "all", or one of PLANES.
 */
export function panes(width, height, extents, shown) {
  const cells = shown === "all" ? best(width, height, extents) : [[shown, [0, 0, width, height]]];
  return cells.map(([name, cell]) => ({ name, cell, inner: inner(cell, name) }));
}

function best(width, height, extents) {
  let found = null;
  for (const cells of candidates(width, height)) {
    const value = quality(cells, extents);
    if (!found || value > found.value) found = { value, cells };
  }
  return found.cells;
}

function* candidates(width, height) {
  for (const f of STEPS) {
    const [left, right] = [f * width, (1 - f) * width];
    const [upper, lower] = [f * height, (1 - f) * height];
    for (const g of STEPS) {
      const [top, bottom] = [g * height, (1 - g) * height];
      yield [["axial", [0, 0, left, top]], ["coronal", [left, 0, right, top]],
        ["sagittal", [0, top, left, bottom]], ["render", [left, top, right, bottom]]];
      // The axial plane beside the others one below the other, or above the others side by side.
      for (const h of STEPS) {
        if (g + h > 0.8) continue;
        yield [["axial", [0, 0, left, height]], ...stacked(left, 0, right, height, [g, h], true)];
        yield [["axial", [0, 0, width, upper]], ...stacked(0, upper, width, lower, [g, h], false)];
      }
    }
  }
}

function stacked(left, top, width, height, [first, second], isColumn) {
  let at = 0;
  return [["coronal", first], ["sagittal", second], ["render", 1 - first - second]].map(([name, share]) => {
    const cell = isColumn
      ? [left, top + at * height, width, share * height] : [left + at * width, top, share * width, height];
    at += share;
    return [name, cell];
  });
}

function quality(cells, extents) {
  let value = 0;
  const scale = {};
  for (const [name, cell] of cells) {
    const [across, up] = sizeOf(name, extents);
    const [, , width, height] = inner(cell, name);
    if (width < 20 || height < 20) return -Infinity;
    scale[name] = Math.min(width / across, height / up);
    const counts = { axial: AXIAL_COUNTS, render: RENDER_COUNTS }[name] ?? 1;
    value += counts * Math.log(across * up * scale[name] ** 2);
  }
  const isSmaller = scale.axial < Math.max(scale.coronal, scale.sagittal);
  return isSmaller ? value - 10 : value;
}

function sizeOf(name, [x, y, z]) {
  const diagonal = Math.hypot(x, y, z);
  return { axial: [x, y], coronal: [x, z], sagittal: [y, z], render: [diagonal, diagonal] }[name];
}

/** Width of the crosshair in per cent of the scan's width, so that no pane draws it thinner than LINE pixels. */
export function crosshairWidth(panes, extents, pixelRatio) {
  const scales = panes.filter(({ name }) => name !== "render").map(({ name, inner: [, , width, height] }) => {
    const [across, up] = sizeOf(name, extents);
    return Math.min(width / across, height / up);
  });
  const smallest = Math.min(...scales) * pixelRatio * extents[0]; // device pixels of the scan's width
  return Number.isFinite(smallest) ? Math.max(CROSSHAIR, (100 * LINE) / smallest) : CROSSHAIR;
}

function inner([left, top, width, height], name) {
  const margin = name === "render" ? 2 : MARGIN;
  return [left + margin, top + TITLE, width - 2 * margin, height - TITLE - margin];
}
