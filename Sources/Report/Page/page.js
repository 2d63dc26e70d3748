// The page of one trace: findings in words at the top, below them every thread as a row of what it did. A finding's
// evidence is numbered, and the same numbers stand in the timeline, so that the words and the picture are one story.

const $ = id => document.getElementById(id);
const each = (selector, root = document) => [...root.querySelectorAll(selector)];
const listen = (target, handlers) => Object.entries(handlers).forEach(([name, f]) => target.addEventListener(name, f, { passive: false }));
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

// ---- Words and numbers
// Argv, names and payloads come from a stranger's program. They become text, never markup, and characters that hide or
// reorder their neighbours are spelled out: a bidi override could make one payload read as another.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\p{Cs}/gu;
function show(text, limit = 4000) {
  const whole = String(text ?? ''), cut = whole.length > limit ? `${whole.slice(0, limit)}…` : whole;
  return cut.replace(HIDDEN, c => `\\u{${c.codePointAt(0).toString(16)}}`);
}
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) node.setAttribute(name, show(value));
  node.append(...children.map(child => child instanceof Node ? child : show(child)));
  return node;
}
function fill(root, values) {
  for (const slot of each('[data-text]', root)) slot.hidden = !(slot.textContent = show(values[slot.dataset.text] || ''));
  return root;
}
const copy = template => $(template).content.firstElementChild.cloneNode(true);
const count = n => Math.round(n ?? 0).toLocaleString('en-US');
const many = (n, noun) => `${count(n)} ${noun}${n === 1 ? '' : noun.endsWith('s') ? 'es' : 's'}`;
const unitFor = ns => [['s', 1e9], ['ms', 1e6], ['µs', 1e3]].find(([, size]) => ns >= size) ?? ['ns', 1];
const CLOCK = 120e9; // from two minutes on, 0:02:05 reads better than 125 s
function at(ns, digits = 6) {
  const s = +(ns / 1e9).toFixed(digits), pad = (x, digits) => x.toFixed(digits).padStart(digits ? digits + 3 : 2, '0');
  if (ns < CLOCK) return `${s.toFixed(digits)} s`;
  return `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60, 0)}:${pad(s % 60, digits)}`;
}
const span = ns => ns < CLOCK ? `${+(ns / unitFor(ns)[1]).toPrecision(4)} ${unitFor(ns)[0]}` : at(ns, 1);

// ---- The data
const data = JSON.parse($('data').textContent);
const { trace, findings } = data.findings, { processes, kinds, labels, markers, flows } = data.timeline;
const duration = Math.max(data.timeline.duration, 1000);
const SEVERITIES = ['error', 'warning', 'note'];
findings.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
const RANK = ['life', 'run', 'sleep', 'wait', 'blocked', 'spin']; // worst last: it must not get lost in a shared pixel
const STRIDE = 5; // numbers of a slice: start, duration, rank, label, count
const words = Object.fromEntries(each('[data-kind]').map(li => [li.dataset.kind, li.textContent]));
const markersOf = Map.groupBy(markers, m => m.lane), spins = [];
const lanes = data.timeline.lanes.map((lane, index) => {
  const slices = Float64Array.from(lane.slices), end = lane.end ?? duration, total = RANK.map(() => 0);
  for (let i = 0; i < slices.length; i += STRIDE) {
    const rank = slices[i + 2] = Math.max(RANK.indexOf(kinds[slices[i + 2]]), 1);
    total[rank] += slices[i + 1];
    if (RANK[rank] === 'spin') spins.push({ lane: index, t: slices[i], end: slices[i] + slices[i + 1] });
  }
  total[0] = Math.max(end - lane.start - total.reduce((sum, x) => sum + x), 0);
  const { pid } = processes[lane.process], full = `${pid === lane.tid ? '' : `${pid}/`}${lane.tid} ${lane.name}`;
  const shares = total.map(t => `${(100 * t / Math.max(end - lane.start, 1)).toFixed(1)} %`).reverse();
  return { ...lane, index, slices, end, pid, full, shares, markers: markersOf.get(index) ?? [] };
});
// A tid may be used twice in a trace: the last thread that had begun by then is meant.
const laneOf = (party, t) => lanes.filter(l => l.tid === party?.tid && l.pid === party.pid)
  .reduce((best, l) => best === undefined || l.start <= t ? l.index : best, undefined);
for (const f of findings) {
  f.parties = { victim: laneOf(f.victim, f.first_ns), actor: laneOf(f.actor, f.first_ns) };
  const rule = each('[data-rule]', $('rules').content).find(p => p.dataset.rule === f.rule);
  Object.assign(f, { meaning: rule?.textContent.replace(/\s+/g, ' '), roles: { actor: 'acts', victim: 'suffers', ...rule?.dataset } });
  f.evidence.forEach((e, i) => Object.assign(e, { number: i + 1, lane: laneOf(e, e.t_ns), t: e.t_ns, label: e.text, finding: f.id }));
  // The story has also the arrows of its cause, and the fork that parted the two.
  const pids = [f.actor?.pid, f.victim?.pid], parts = x => [x.from, x.to].every(end => pids.includes(lanes[end.lane].pid));
  f.arrows = new Set(flows.filter(x => [f.id, f.cause ?? f.id].includes(x.finding) || (x.kind === 'fork' && parts(x))));
  f.moments = [...f.evidence, ...markers.filter(m => m.finding === f.id), ...[...f.arrows].flatMap(x => [x.from, x.to])];
  f.moments.sort((a, b) => a.t - b.t);
}
const involved = new Set(findings.flatMap(f => [...Object.values(f.parties), ...f.moments.map(m => m.lane)]));

// ---- What is looked at
const FULL = { t0: -duration * 0.01, t1: duration * 1.02 }, view = { ...FULL };
let selected = null, picked = null, frame = 0, saving = 0;
const schedule = () => { frame ||= requestAnimationFrame(draw); };
function setView(t0, t1) {
  const width = clamp(t1 - t0, 200, FULL.t1 - FULL.t0);
  view.t0 = clamp(t0, FULL.t0, FULL.t1 - width);
  view.t1 = view.t0 + width;
  const ends = [Math.max(view.t0, 0), Math.min(view.t1, duration)].map(t => at(t, width < 1e7 ? 9 : 3));
  $('range').textContent = ends.join(' to ');
  schedule();
  clearTimeout(saving); // browsers limit how often a page may change its address
  const hash = new URLSearchParams({ t0: Math.round(view.t0), t1: Math.round(view.t1), ...selected && { f: selected.id } });
  saving = setTimeout(() => history.replaceState(null, '', `#${hash}`), 300);
}
const zoom = (factor, t = (view.t0 + view.t1) / 2) => setView(t - (t - view.t0) * factor, t + (view.t1 - t) * factor);
const pan = part => setView(view.t0 + part * (view.t1 - view.t0), view.t1 + part * (view.t1 - view.t0));
// The cause is often short and the harm endless: the cause gets at least 1/25 of the picture, the harm may run out of it.
function stage(f) {
  const harm = spins.find(s => s.lane === f.parties.victim && s.end > f.first_ns)?.end ?? 0;
  const begin = Math.min(f.first_ns, f.moments[0]?.t ?? Infinity), end = Math.max(f.last_ns, harm, f.moments.at(-1)?.t ?? 0);
  const width = Math.max(Math.min(end - begin, (f.first_ns - begin) * 25 || Infinity), 2000);
  return [begin - width * 0.08, begin + width * 1.08];
}
function goTo(indices, t0, t1) {
  setView(t0, t1);
  $('timeline').scrollIntoView({ block: 'nearest' });
  for (const i of indices) $('gutter').children[rows.indexOf(rowOf.get(i))]?.scrollIntoView({ block: 'nearest' });
}
function select(finding) {
  selected = finding;
  for (const f of findings) f.card.querySelector('.go').ariaExpanded = f.card.classList.toggle('open', f === finding);
  layOut();
}
const open = finding => { select(finding); goTo(Object.values(finding.parties), ...stage(finding)); };
function restore() {
  const hash = new URLSearchParams(location.hash.slice(1)), t0 = parseFloat(hash.get('t0')), t1 = parseFloat(hash.get('t1'));
  select(findings.find(f => t1 > t0 ? f.id === hash.get('f') : f.severity !== 'note') ?? null);
  setView(...t1 > t0 ? [t0, t1] : selected ? stage(selected) : [FULL.t0, FULL.t1]);
}

// ---- The rows
const scroller = $('scroller'), canvas = $('canvas'), ctx = canvas.getContext('2d');
const STRIP = 20, TOP = 42, BAR = 18; // heights: the strip of the whole trace, strip and axis, a thread's bar
let rows = [], rowOf = new Map(), rowsHeight = 0;
// Children stand below their parent: the picture follows the lineage, and first the lines in which something was found.
function layOut() {
  const children = Map.groupBy(processes.keys(), i => processes[processes[i].parent] ? processes[i].parent : -1);
  const found = i => processes[i].lanes.some(l => involved.has(l)) || !!children.get(i)?.some(found);
  const add = (row, h) => { rows.push({ ...row, y: rowsHeight, h }); rowsHeight += h; };
  [rows, rowsHeight] = [[], 0];
  (function family(parent, depth) {
    for (const i of children.get(parent)?.sort((a, b) => found(b) - found(a) || a - b) ?? []) {
      add({ process: processes[i], depth }, 24);
      for (const l of processes[i].lanes) add({ lane: lanes[l] }, involved.has(l) ? 46 : 28); // evidence numbers need room above the bar
      family(i, depth + 1);
    }
  })(-1, 0);
  rowOf = new Map(rows.filter(r => r.lane).map(r => [r.lane.index, r]));
  $('gutter').replaceChildren(...rows.map(rowLabel));
  schedule();
}
function rowLabel({ lane, process, depth, h }) {
  const party = lane && ['victim', 'actor'].find(p => selected?.parties[p] === lane.index), style = `height: ${h}px`;
  const name = el('span', { class: 'ellipsis' }, lane ? lane.name : `${'\u00a0\u00a0'.repeat(depth)}${process.pid} ${process.command}`);
  if (process) return el('div', { class: 'process', title: process.command, style }, name);
  const marks = { title: lane.full, 'data-party': party, 'data-role': selected?.roles[party] };
  return el('div', { class: 'lane', style, ...marks }, el('code', {}, lane.tid), name);
}

// ---- Drawing
const styles = getComputedStyle(document.documentElement), MONO = `11px ${styles.getPropertyValue('--mono')}`;
const glyphs = Object.fromEntries(each('[data-marker]').map(path => [path.dataset.marker, new Path2D(path.getAttribute('d'))]));
// Each kind has a pattern too, as boxes in an 8 × 8 tile: nobody should need to tell red from green.
const PATTERN = {
  life: [], run: [], wait: [[1, 1, 2, 2], [5, 5, 2, 2]], blocked: [[0, 0, 2, 8], [4, 0, 2, 8]], sleep: [[0, 1, 8, 1], [0, 5, 8, 1]],
  spin: Array.from({ length: 64 }, (_, i) => [i / 4 - 8, (63 - i) % 32 / 4, 3, 0.25]),
};
let colours = {}, fills = {}, W = 0, hits = [], remarks = [];
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

const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 864000, 8640000];
const STEPS = [...Array(9).keys()].flatMap(power => [1, 2, 5].map(k => k * 10 ** power)).concat(SECONDS.map(s => s * 1e9));
function draw() {
  [frame, hits, remarks] = [0, [], []];
  const ratio = devicePixelRatio, all = TOP + rowsHeight + 8, printing = document.documentElement.classList.contains('print');
  const H = printing ? all : Math.round(Math.min(all, Math.max(260, innerHeight * 0.72)));
  scroller.style.height = canvas.style.height = `${H}px`;
  W = canvas.clientWidth;
  Object.assign(canvas, { width: Math.round(W * ratio), height: Math.round(H * ratio) });
  Object.assign(ctx, { font: MONO, textBaseline: 'middle', lineJoin: 'round' }).scale(ratio, ratio);
  const top = scroller.scrollTop, step = STEPS.find(s => s > (view.t1 - view.t0) / W * 100) ?? STEPS.at(-1), ticks = [];
  for (let n = Math.max(Math.ceil(view.t0 / step), 0); n * step <= view.t1; n++) ticks.push(n * step);
  ctx.translate(0, TOP - top);
  for (const t of ticks) rect(colour('line'), Math.round(X(t)), top, 1, H);
  for (const row of rows) if (row.y + row.h > top && row.y < top + H) (row.lane ? drawLane : drawProcess)(row);
  drawFlows();
  for (const r of remarks) text(r.string, r.left, r.y, r.ink);
  drawPins();
  ctx.translate(0, top - TOP);
  drawAxis(ticks, step, H);
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
function drawLane({ lane, y, h }) {
  const { slices } = lane, top = y + h - BAR - 4, cells = [], born = Math.max(X(lane.start), 0);
  rect(colour('life'), born, top + 7, Math.max(Math.min(X(lane.end), W) - born, 0), 4);
  ctx.translate(0, top); // patterns stick to the row while it scrolls
  for (let i = firstAfter(slices, view.t0), cell; i < slices.length && slices[i] < view.t1; i += STRIDE) {
    const left = X(slices[i]), filled = X(slices[i] + slices[i + 1]) - left, rank = slices[i + 2], x = Math.floor(left);
    if (filled >= 2) {
      const from = Math.max(left, 0), width = Math.min(left + filled, W) - from;
      rect(fills[RANK[rank]], from, 0, width, BAR);
      if (width > 48) drawLabel(slices, i, from, width);
    } else {
      if (cell?.x !== x) cells.push(cell = { x, rank, filled: 0 });
      cell.filled += filled;
      cell.rank = Math.max(cell.rank, rank);
    }
  }
  // Slices too short to be seen share a pixel column, as high as they fill it: a busy stretch must not look like a full one.
  for (const { x, rank, filled } of cells) {
    const kind = RANK[rank], height = kind === 'spin' ? BAR : clamp(Math.round(filled * BAR), 5, BAR);
    rect(colour(kind === 'spin' || kind === 'run' ? kind : `${kind}-mark`), x, (BAR - height) / 2, kind === 'spin' ? 2 : 1, height);
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
function drawLabel(slices, i, left, width) {
  const kind = RANK[slices[i + 2]], n = slices[i + 4], label = show(labels[slices[i + 3]], 200), letter = ctx.measureText('0').width;
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
function drawFlows() {
  const seen = new Set(), own = f => !!selected?.arrows.has(f), shown = flows.filter(f => {
    const x0 = X(f.from.t), x1 = X(f.to.t), spot = (f.from.lane * lanes.length + f.to.lane) * 4096 + (x0 >> 2);
    if (f.from.lane === f.to.lane || Math.max(x0, x1) < -9 || Math.min(x0, x1) > W + 9 || (seen.has(spot) && !own(f))) return false;
    return seen.add(spot); // a thousand arrows on one spot are one arrow
  });
  // A thicket of arrows hides what it should explain, so then only the finding's are drawn; these come last, on top.
  for (const flow of [...shown.length > 150 ? [] : shown.filter(f => !own(f)), ...shown.filter(own)]) {
    const a = rowOf.get(flow.from.lane), b = rowOf.get(flow.to.lane), x0 = X(flow.from.t), x1 = X(flow.to.t), strong = own(flow);
    const down = a.y < b.y ? 1 : -1, [y0, y1] = [a.y + a.h - (down > 0 ? 4 : BAR + 4), b.y + b.h - (down < 0 ? 4 : BAR + 4)];
    const size = strong ? 8 : 5, line = new Path2D(`M${x0} ${y0}C${x0} ${(y0 + y1) / 2} ${x1} ${(y0 + y1) / 2} ${x1} ${y1 - down * size}`);
    for (const [ink, extra] of [['paper', 3], [flow.kind, 0]]) {
      Object.assign(ctx, { strokeStyle: colour(ink), fillStyle: colour(ink), lineWidth: (strong ? 2.5 : 1) + extra });
      ctx.setLineDash({ wakeup: [6, 3], signal: [2, 3] }[ink] ?? []);
      ctx.stroke(line);
    }
    ctx.setLineDash([]);
    ctx.fill(new Path2D(`M${x1} ${y1}l${-size / 2} ${-down * size}h${size}Z`));
    hits.push({ x: x0, y: y0, item: { ...flow, ...flow.from } }, { x: x1, y: y1, item: { ...flow, ...flow.to } });
    if (strong && flow.kind !== 'fork') remark(flow.label, ...down > 0 ? [x1, y1 - 11] : [x0, y0 - 11], colour(flow.kind));
  }
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

// ---- Pointing
function itemAt({ offsetX: x, offsetY: y }, reach) {
  const inside = y - TOP + scroller.scrollTop, near = hits.findLast(h => Math.hypot(h.x - x, h.y - inside) < reach);
  const lane = rows.find(r => r.lane && y > TOP && inside >= r.y && inside < r.y + r.h)?.lane, slices = lane?.slices ?? [];
  let worst = null, merged = 0;
  for (let i = firstAfter(slices, T(x - 1)); i < slices.length && slices[i] < T(x + 1); i += STRIDE, merged++) {
    if (!worst || slices[i + 2] > worst[2]) worst = slices.subarray(i, i + STRIDE);
  }
  if (near || !worst) return near?.item ?? null;
  return { lane: lane.index, t: worst[0], length: worst[1], kind: RANK[worst[2]], label: labels[worst[3]], calls: worst[4], merged };
}
function describe(item) {
  const facts = [
    ['What', words[item.kind] ?? item.kind ?? `evidence ${item.number}`], ['Thread', lanes[item.lane]?.full], ['Time', at(item.t, 9)],
    ['Finding', item.finding], ['Lasts', item.length && span(item.length)],
    ['Calls', item.calls > 1 && `${count(item.calls)}, ${count(item.calls / item.length * 1e9)} per second`],
    ['Here', item.merged > 1 && `${count(item.merged)} entries share this spot; zoom in to tell them apart`],
  ].filter(([, value]) => value).flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]);
  return [el('code', {}, item.label || item.kind), el('dl', {}, ...facts)];
}
function pick(item) {
  picked = item;
  $('facts-of').replaceChildren(...item ? describe(item) : []);
  schedule();
}
function point(event) {
  const item = event?.pointerType === 'mouse' ? itemAt(event, 8) : null, { clientX: x, clientY: y } = event ?? {}, tip = $('tip');
  tip.replaceChildren(...item ? describe(item) : []);
  tip.style.translate = `min(${x + 14}px, 100vw - 100% - 20px) ${y > innerHeight * 0.6 ? `calc(${y - 14}px - 100%)` : `${y + 18}px`}`;
}
const fingers = new Map(), page = { scrolledAt: -Infinity };
listen(canvas, {
  pointerdown(event) {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY, strip: event.offsetY < STRIP, travelled: 0 });
    point(null);
  },
  pointermove(event) {
    const old = fingers.get(event.pointerId), { offsetX: x, offsetY: y } = event;
    if (!old) return point(event);
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (old.strip) pan((FULL.t0 + x / W * (FULL.t1 - FULL.t0) - view.t0) / (view.t1 - view.t0) - 0.5);
    else if (other) zoom(Math.max(Math.abs(old.x - other.x), 9) / Math.max(Math.abs(x - other.x), 9), T(other.x));
    else pan((old.x - x) / W);
    if (event.pointerType === 'mouse') scroller.scrollTop += old.y - y; // a finger scrolls by itself: touch-action pan-y
    Object.assign(old, { x, y, travelled: old.travelled + Math.abs(x - old.x) + Math.abs(y - old.y) });
  },
  pointerup(event) {
    if (fingers.get(event.pointerId)?.travelled < 6) pick(itemAt(event, event.pointerType === 'mouse' ? 8 : 18));
    fingers.delete(event.pointerId);
  },
  pointercancel: event => fingers.delete(event.pointerId), pointerleave: () => point(null),
  wheel(event) {
    if (event.timeStamp - page.scrolledAt < 300) return; // who scrolls the page past the timeline does not mean it
    event.preventDefault();
    const [dx, dy] = [event.deltaX, event.deltaY].map(d => d * [1, 16, 100][event.deltaMode]);
    if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) pan((dx || dy) / W); else zoom(1.002 ** dy, T(event.offsetX));
  },
});
const KEYS = {
  ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15), Home: () => setView(FULL.t0, FULL.t1), Escape: () => pick(null),
  '+': () => zoom(1 / 1.5), '=': () => zoom(1 / 1.5), '-': () => zoom(1.5),
};
listen(scroller, { scroll: schedule });
listen(document, {
  wheel(event) { if (!event.defaultPrevented) page.scrolledAt = event.timeStamp; }, click(event) { KEYS[event.target.dataset.key]?.(); },
  keydown(event) {
    if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target !== scroller && event.key !== 'Escape') return;
    event.preventDefault();
    KEYS[event.key]();
  },
});

// ---- The answer in words
function step(f, e) {
  const node = fill(copy('step'), { ...e, time: at(e.t), who: lanes[e.lane]?.full ?? e.tid }), frames = f.stacks?.[e.stack] ?? [];
  const where = s => s.file ? `${s.file}:${s.line ?? '?'}` : `${s.module ?? '?'}+0x${(s.offset ?? 0).toString(16)}`;
  // Comes so close that the nearest other moment of the finding stands apart.
  const gap = f.moments.reduce((least, { t }) => t === e.t ? least : Math.min(least, Math.abs(t - e.t)), Infinity);
  const around = side => e.t + side * Math.min(gap * 3, (view.t1 - view.t0) / 2);
  listen(node.querySelector('button'), { click: () => { picked = e; goTo([e.lane], around(-1), around(1)); } });
  const part = s => s.blamed ? 'blamed' : s.library ? 'library' : null;
  node.querySelector('details ol').append(...frames.map(s => el('li', { class: part(s) }, el('code', {}, `${s.function ?? '?'}  ${where(s)}`))));
  return node;
}
for (const f of findings) {
  const cause = findings.find(x => x.id === f.cause), o = f.object, rate = f.rate_per_s ? `, ${count(f.rate_per_s)} per second` : '';
  const node = f.card = fill(copy('card'), {
    ...f, times: f.count > 1 && `${count(f.count)} times in ${span(f.last_ns - f.first_ns)}${rate}`,
    cause: cause && `Caused by ${cause.id}: ${cause.rule}`, thing: o && `${o.kind} ${o.id ?? ''}`,
    maker: o?.creator_pid && `made by pid ${o.creator_pid}`, owner: o?.owner_hint,
  });
  for (const role of ['actor', 'victim']) {
    const p = f[role] ?? {}, fd = o?.[`${role}_fd`], birth = `forked from ${p.parent} by thread ${p.forked_by_tid}`;
    fill(node.querySelector(`.${role}`), {
      role: f.roles[role], command: p.command, fd: fd != null && `its fd ${fd}`,
      name: p.pid ? `pid ${p.pid}${p.tid === p.pid ? '' : `, thread ${p.tid}`}` : 'not seen in this trace',
      birth: p.forked_by_tid && `${birth}, ${p.execed ? 'has called exec since' : 'never called exec'}`,
    });
  }
  node.classList.add(f.severity);
  node.querySelector('.evidence').append(...f.evidence.map(e => step(f, e)));
  listen(node, { click: ({ target }) => target.closest('.cause') ? open(cause) : target.closest('.body') || open(f) });
  $('findings').append(node);
}
// The text alternative of the picture; made when it is opened, since it can be long.
listen($('tables'), { toggle() {
  const events = [...markers, ...flows.map(f => ({ ...f, ...f.to }))].sort((a, b) => !a.finding - !b.finding || a.t - b.t).slice(0, 2000);
  const contents = [findings.map(f => [f.id, f.severity, f.rule, f.confidence, f.message, f.fix]),
    lanes.map(l => [l.full, processes[l.process].command, at(l.start), at(l.end), ...l.shares]),
    events.sort((a, b) => a.t - b.t).map(e => [at(e.t), lanes[e.lane]?.full, e.kind, e.label, e.finding])];
  const line = cells => el('tr', {}, ...cells.map(cell => el('td', {}, cell)));
  each('#tables tbody').forEach((body, i) => body.replaceChildren(...contents[i].map(line)));
} });

const tally = SEVERITIES.map(s => [findings.filter(f => f.severity === s).length, s]).filter(([n]) => n), { coarse, left_out: leftOut } = data.timeline;
each('header, #keys').forEach(root => fill(root, {
  title: data.title, verdict: tally.map(([n, s]) => many(n, s)).join(', ') || 'Nothing wrong was found.',
  started: trace.started?.slice(0, 19).replace('T', ' '), length: span(trace.duration_ns), processes: many(trace.processes, 'process'),
  threads: many(trace.threads, 'thread'), events: many(trace.events, 'event'), folded: trace.folded_calls && count(trace.folded_calls),
  incomplete: !trace.complete && 'The trace is incomplete: the answer reaches only as far as the trace does.',
  late: trace.began_after_start && 'The trace began after the program did: what happened before could not be seen.',
  blind: trace.blind_spots.length && `Could not be seen: ${trace.blind_spots.join(', ')}`,
  coarse: [coarse && `Calls shorter than ${span(coarse)} are merged with their neighbours.`, leftOut && `${many(leftOut, 'thread')} that ended soon after ${leftOut > 1 ? 'their' : 'its'} birth ${leftOut > 1 ? 'are' : 'is'} left out.`].filter(Boolean).join(' '),
}));
$('lines').append(...data.summary.map(line => el('li', {}, line)));
document.title = `${show(data.title, 80)} – faultline`;
$('verdict').className = findings[0]?.severity ?? '';
$('summary').open = !findings.some(f => f.severity !== 'note');
const print = on => () => { document.documentElement.classList.toggle('print', on); restyle(); draw(); };
listen(window, { hashchange: restore, resize: schedule, beforeprint: print(true), afterprint: print(false) });
listen(matchMedia('(prefers-color-scheme: dark)'), { change: restyle });
new ResizeObserver(schedule).observe(scroller);
restyle();
restore();
