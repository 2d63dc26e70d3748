// ---- Drawing
const styles = getComputedStyle(document.documentElement), MONO = `11px ${styles.getPropertyValue('--mono')}`;
const glyphs = Object.fromEntries(each('[data-marker]').map(path => [path.dataset.marker, new Path2D(path.getAttribute('d'))]));
// Each kind has a pattern too, as boxes in an 8 × 8 tile: nobody should need to tell red from green.
const PATTERN = {
  life: [], run: [], wait: [[1, 1, 2, 2], [5, 5, 2, 2]], blocked: [[0, 0, 2, 8], [4, 0, 2, 8]], sleep: [[0, 1, 8, 1], [0, 5, 8, 1]],
  spin: Array.from({ length: 64 }, (_, i) => [i / 4 - 8, (63 - i) % 32 / 4, 3, 0.25]),
};
let colours = {}, fills = {}, W = 0, magnified = 1, hits = [], remarks = []; // magnified: by the style sheet, on very large screens
const colour = name => colours[name] ??= styles.getPropertyValue(`--${name}`).trim();
const X = t => (t - view.t0) / (view.t1 - view.t0) * W;
const T = x => view.t0 + x / W * (view.t1 - view.t0);
function restyle() {
  colours = {};
  for (const kind in PATTERN) {
    const tile = new OffscreenCanvas(32, 32), c = tile.getContext('2d');
    c.scale(4, 4);
    rect(colour(kind), 0, 0, 8, 8, c);
    for (const box of PATTERN[kind]) rect(colour(`${kind}-mark`), ...box, c);
    (fills[kind] = ctx.createPattern(tile, 'repeat')).setTransform(new DOMMatrix().scale(0.25));
  }
  schedule();
}
function rect(fill, x, y, w, h, c = ctx) { c.fillStyle = fill; c.fillRect(x, y, w, h); }
function text(string, x, y, ink, halo = colour('paper')) {
  Object.assign(ctx, { strokeStyle: halo, lineWidth: 4, fillStyle: ink });
  for (const way of ['strokeText', 'fillText']) ctx[way](string, x, y);
}
function shape(path, x, y, ink) {
  Object.assign(ctx, { strokeStyle: colour('paper'), lineWidth: 3, fillStyle: ink }).translate(x, y);
  for (const way of ['stroke', 'fill']) ctx[way](path);
  ctx.translate(-x, -y);
}
// Words beside a point, drawn over the arrows, and left out where others stand already.
function remark(words, x, y, ink) {
  const string = show(words, 90), width = ctx.measureText(string).width, left = x + 12 + width < W ? x + 12 : Math.max(x - 12 - width, 4);
  const taken = remarks.some(r => Math.abs(r.y - y) < 14 && left < r.left + r.width + 8 && r.left < left + width + 8);
  if (x >= 0 && x <= W && left + width < W && !taken) remarks.push({ string, left, width, y, ink });
}

const MOST_PRINTED = 3600; // some four pages of rows: thousands would be no help on paper, and canvases have limits
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 864000, 8640000];
const STEPS = [...Array(9).keys()].flatMap(power => [1, 2, 5].map(k => k * 10 ** power)).concat(SECONDS.map(s => s * 1e9));
function draw() {
  [frame, hits, remarks] = [0, [], []];
  magnified = canvas.getBoundingClientRect().width / canvas.clientWidth || 1;
  const ratio = devicePixelRatio * magnified, all = TOP + rowsHeight + 8, printing = document.documentElement.classList.contains('print');
  const H = printing ? Math.min(all, MOST_PRINTED) : Math.round(Math.min(all, Math.max(260, innerHeight / magnified * 0.72)));
  // What would be the same is not set anew: each time the browser would lay out the page, or clear the canvas.
  if (canvas.style.height !== `${H}px`) scroller.style.height = canvas.style.height = `${H}px`;
  W = canvas.clientWidth;
  const [wide, high] = [Math.round(W * ratio), Math.round(H * ratio)];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  ctx.resetTransform();
  ctx.clearRect(0, 0, wide, high);
  Object.assign(ctx, { font: MONO, textBaseline: 'middle', lineJoin: 'round' }).scale(ratio, ratio);
  const top = scroller.scrollTop, step = STEPS.find(s => s > (view.t1 - view.t0) / W * 100) ?? STEPS.at(-1), ticks = [];
  for (let n = Math.max(Math.ceil(view.t0 / step), 0); n * step <= view.t1; n++) ticks.push(n * step);
  labelRows(rows.filter(row => row.y + row.h > top && row.y < top + H));
  ctx.translate(0, TOP - top);
  for (const t of ticks) rect(colour('line'), Math.round(X(t)), top, 1, H);
  for (const row of rows) if (row.y + row.h > top && row.y < top + H) (row.lane ? drawLane : row.process ? drawProcess : row.channel ? drawChannel : drawTitle)(row);
  if (span0 !== null) rect(`${colour('accent')}44`, Math.min(X(span0), X(span1)), top, Math.abs(X(span1) - X(span0)), H);
  drawFlows();
  for (const r of remarks) text(r.string, r.left, r.y, r.ink);
  drawPins();
  ctx.translate(0, top - TOP);
  drawAxis(ticks, step, H);
}
// Only the rows in view have labels in the page: there may be thousands.
function labelRows(seen) {
  const which = `${rows.indexOf(seen[0])} ${seen.length}`;
  if (which !== labelled) $('gutter').replaceChildren(...seen.map(rowLabel));
  labelled = which;
}
function drawAxis(ticks, step, H) {
  const [unit, size] = unitFor(Math.min(view.t1, duration)), digits = size => Math.max(0, Math.ceil(Math.log10(size / step)));
  rect(colour('paper'), 0, STRIP, W, TOP - STRIP);
  const label = t => view.t1 < CLOCK ? `${(t / size).toFixed(digits(size))} ${unit}` : at(t, digits(1e9));
  for (const t of ticks) text(label(t), X(t) + 4, 31, colour('muted'));
  const scale = W / (FULL.t1 - FULL.t0), place = t => (t - FULL.t0) * scale;
  rect(colour('band'), 0, 0, W, STRIP);
  for (const { t, end } of spins) rect(colour('spin'), place(t), 6, Math.max((end - t) * scale, 2), 8);
  for (const { t } of selected?.moments ?? []) rect(colour('ink'), place(t), 3, 1.5, 14);
  Object.assign(ctx, { strokeStyle: colour('accent'), lineWidth: 2 });
  ctx.strokeRect(place(view.t0) + 1, 1, Math.max((view.t1 - view.t0) * scale - 2, 3), STRIP - 2);
  if (picked) rect(colour('accent'), X(picked.t), STRIP, 1.5, H);
}
// The first slice that ends after t; slices of a lane never overlap, so their ends are in order too.
function firstAfter(slices, t) {
  let low = 0, high = slices.length / STRIDE;
  while (low < high) {
    const middle = (low + high) >> 1, i = middle * STRIDE;
    if (slices[i] + slices[i + 1] > t) high = middle; else low = middle + 1;
  }
  return low * STRIDE;
}
let cellRank = new Uint8Array(0), cellFill = new Float64Array(0);
function drawLane({ lane, y, h }) {
  const { slices } = lane, top = y + h - BAR - 4, born = Math.max(X(lane.start), 0), perPixel = (view.t1 - view.t0) / W;
  if (cellRank.length < W + 2) [cellRank, cellFill] = [new Uint8Array(W + 2), new Float64Array(W + 2)];
  cellRank.fill(0);
  cellFill.fill(0);
  const cell = (start, time, rank) => {
    const x = Math.floor(X(start)) + 1;
    if (x < 0 || x > W + 1) return;
    cellFill[x] += time / perPixel;
    cellRank[x] = Math.max(cellRank[x], rank);
  };
  rect(colour('life'), born, top + 7, Math.max(Math.min(X(lane.end), W) - born, 0), 4);
  ctx.translate(0, top); // patterns stick to the row while it scrolls
  for (let i = firstAfter(slices, view.t0); i < slices.length && slices[i] < view.t1; i += STRIDE) {
    const skip = lane.levels.findLast(({ size, blocks }) => {
      const n = i / STRIDE, b = n / size * 4;
      return n % size === 0 && blocks[b + 1] - blocks[b] < perPixel && blocks[b + 2] > 0;
    });
    if (skip) {
      const b = i / STRIDE / skip.size * 4;
      cell(skip.blocks[b], skip.blocks[b + 3], skip.blocks[b + 2]);
      i += (skip.size - 1) * STRIDE;
      continue;
    }
    const left = X(slices[i]), filled = X(slices[i] + slices[i + 1]) - left, rank = slices[i + 2];
    if (filled >= 2) {
      const from = Math.max(left, 0), width = Math.min(left + filled, W) - from;
      rect(fills[RANK[rank]], from, 0, width, BAR);
      if (width > 48) drawLabel(lane.index, i, from, width);
    } else {
      cell(slices[i], slices[i + 1], rank);
    }
  }
  // Slices too short to be seen share a pixel column, as high as they fill it: a busy stretch must not look like a full one.
  for (let at = 0; at < W + 2; at++) {
    if (!cellRank[at]) continue;
    const x = at - 1, filled = cellFill[at], kind = RANK[cellRank[at]], height = kind === 'spin' ? BAR : clamp(Math.round(filled * BAR), 5, BAR);
    rect(colour(kind === 'spin' || kind === 'run' ? kind : `${kind}-mark`), x, (BAR - height) / 2, kind === 'spin' ? 2 : 1, height);
  }
  if (picked?.i !== undefined && picked.lane === lane.index) {
    const from = Math.max(X(picked.t), -4), to = Math.min(X(picked.t + picked.length), W + 4);
    Object.assign(ctx, { strokeStyle: colour('accent'), lineWidth: 2 }).strokeRect(from - 1, -2, Math.max(to - from, 2) + 2, BAR + 4);
  }
  ctx.translate(0, -top);
  let last = -9;
  for (const marker of lane.markers) {
    const x = X(marker.t), own = selected && marker.finding === selected.id;
    if (x < -8 || x > W + 8 || (Math.abs(x - last) < 20 && !marker.finding)) continue;
    shape(glyphs[marker.kind] ?? glyphs.create, last = x, top + BAR / 2, colour(own ? 'wakeup' : 'ink'));
    hits.push({ x, y: top + BAR / 2, item: marker });
  }
}
function drawLabel(lane, i, left, width) {
  const { kind, calls: n, text: whole, label: name } = sliceAt(lane, i), label = show(n > 1 || !whole ? name : whole, 200), letter = ctx.measureText('0').width;
  const string = n > 1 && !label.includes(count(n)) ? `${label} × ${count(n)}` : label;
  const fits = Math.floor((width - 14) / letter), cut = string.length > fits ? `${string.slice(0, fits - 1)}…` : string;
  rect(colour(kind), left + 3, 2, Math.min(cut.length * letter + 8, width - 6), BAR - 4);
  text(cut, left + 7, BAR / 2 + 0.5, colour(`${kind}-ink`), colour(kind));
}
// A process's row tells its life in words: born by whom, what it became, how it ended.
function drawProcess({ process, y, h }) {
  const tell = (t, words, ink) => { remark(words, X(t), y + h / 2, ink); rect(ink, X(t) - 3, y + h / 2 - 3, 6, 6); };
  rect(colour('band'), 0, y, W, h);
  if (process.parent !== null) tell(process.start, `born at ${at(process.start, 3)}`, colour('fork'));
  if (process.end !== null) tell(process.end, `ends: ${process.exit ?? 'not seen how'}`, colour('ink'));
  for (const exec of process.execs) if (exec.t > 0) tell(exec.t, `becomes ${exec.command}`, colour('accent'));
}
// The numbers of the evidence; those that would cover each other share a pill.
function drawPins() {
  const pills = [];
  for (const item of (selected?.evidence ?? []).filter(e => rowOf.has(e.lane)).sort((a, b) => a.lane - b.lane || a.t - b.t)) {
    const x = X(item.t), pill = pills.at(-1);
    if (pill?.item.lane === item.lane && x - pill.x < 18) pill.numbers += `, ${item.number}`;
    else if (x > -10 && x < W + 10) pills.push({ x, item, numbers: `${item.number}` });
  }
  for (const { x, item, numbers } of pills) {
    const { y, h } = rowOf.get(item.lane), width = ctx.measureText(numbers).width, wide = Math.max(width + 10, 18), pill = new Path2D();
    pill.roundRect(-wide / 2, -9, wide, 18, 9);
    rect(colour('ink'), x - 0.75, y + 12, 1.5, h - BAR - 16);
    shape(pill, x, y + 12, colour('ink'));
    text(numbers, x - width / 2, y + 12.5, colour('paper'), colour('ink'));
    hits.push({ x, y: y + 12, item });
  }
}
