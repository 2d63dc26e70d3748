// The page of one trace: findings in words at the top, below them every thread as a row of what it did. A finding's
// evidence is numbered, and the same numbers stand in the timeline, so that the words and the picture are one story.

const $ = id => document.getElementById(id);
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

// ---- Words and numbers

// Argv, names and payloads come from a stranger's program. They become text, never markup, and characters that hide or
// reorder their neighbours are spelled out: a bidi override could make one payload read as another.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\p{Cs}/gu;
function show(text, limit = 4000) {
  const whole = String(text ?? ''), cut = whole.length > limit ? `${whole.slice(0, limit)}…` : whole;
  return cut.replace(HIDDEN, c => `\\u{${c.codePointAt(0).toString(16)}}`);
}

// Elements with text from the data are made here or filled by textContent, always through show().
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value != null) node.setAttribute(name, show(value));
  }
  node.append(...children.flat().filter(c => c != null && c !== '').map(c => c instanceof Node ? c : show(c)));
  return node;
}

const count = n => (n ?? 0).toLocaleString('en-US');
const many = (n, noun) => `${count(n)} ${noun}${n === 1 ? '' : noun.endsWith('s') ? 'es' : 's'}`;
const unitFor = ns => [['s', 1e9], ['ms', 1e6], ['µs', 1e3]].find(([, size]) => ns >= size) ?? ['ns', 1];
const CLOCK = 120e9; // from two minutes on, minutes read better than seconds
function clock(ns, digits) {
  const parts = 10 ** digits, n = Math.round(ns / 1e9 * parts), s = Math.floor(n / parts), two = x => `${x}`.padStart(2, '0');
  const seconds = two(s % 60) + (digits ? `.${`${n % parts}`.padStart(digits, '0')}` : ''), minutes = Math.floor(s / 60);
  return s < 3600 ? `${minutes}:${seconds} min` : `${Math.floor(s / 3600)}:${two(minutes % 60)}:${seconds} h`;
}
const at = (ns, digits = 6) => ns < CLOCK ? `${(ns / 1e9).toFixed(digits)} s` : clock(ns, digits);
const span = ns => ns < CLOCK ? `${+(ns / unitFor(ns)[1]).toPrecision(4)} ${unitFor(ns)[0]}` : clock(ns, 1);

// ---- The data

let data;
try {
  data = JSON.parse($('data').textContent);
} catch (error) {
  $('verdict').textContent = 'The data in this page cannot be read: the file may be cut off.';
  throw error;
}
const { trace, findings } = data.findings, { processes, kinds, labels, markers, flows } = data.timeline;
const duration = Math.max(data.timeline.duration, 1000);
const SEVERITIES = ['error', 'warning', 'note'];
findings.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));

const markersOf = Map.groupBy(markers, m => m.lane);
const flowEnds = flows.flatMap(f => [f.from, f.to].map(end => ({ ...f, ...end })));

const RANK = ['life', 'run', 'sleep', 'wait', 'blocked', 'spin']; // worst last: it must not get lost in a shared pixel
const STRIDE = 5; // numbers of a slice: start, duration, kind, label, count
const kindOf = (slices, i) => RANK.includes(kinds[slices[i + 2]]) ? kinds[slices[i + 2]] : 'run';
const lanes = data.timeline.lanes.map((lane, index) => {
  const slices = Float64Array.from(lane.slices), end = lane.end ?? duration, total = { life: end - lane.start };
  for (let i = 0; i < slices.length; i += STRIDE) {
    const kind = kindOf(slices, i);
    total[kind] = (total[kind] ?? 0) + slices[i + 1];
    total.life = Math.max(total.life - slices[i + 1], 0);
  }
  const pid = processes[lane.process].pid, name = `${pid === lane.tid ? '' : `${pid}/`}${lane.tid} ${lane.name}`;
  return { ...lane, index, slices, end, total, pid, full: name, markers: markersOf.get(index) ?? [] };
});
const share = (lane, kind) => `${(100 * (lane.total[kind] ?? 0) / Math.max(lane.end - lane.start, 1)).toFixed(1)} %`;
const words = Object.fromEntries([...document.querySelectorAll('[data-kind]')].map(li => [li.dataset.kind, li.textContent]));

// A tid may be used twice in a trace; the thread alive at that time is meant.
function laneOf(party, t) {
  const same = lanes.filter(l => l.tid === party?.tid && l.pid === party.pid);
  return (same.find(l => l.start <= t && t <= l.end) ?? same[0])?.index;
}
for (const f of findings) {
  const rule = [...$('rules').content.children].find(p => p.dataset.rule === f.rule);
  f.meaning = rule?.textContent.replace(/\s+/g, ' ');
  f.roles = { actor: rule?.dataset.actor ?? 'acts', victim: rule?.dataset.victim ?? 'suffers' };
  f.parties = { victim: laneOf(f.victim, f.first_ns), actor: laneOf(f.actor, f.first_ns) };
  f.evidence.forEach((e, i) => Object.assign(e, { number: i + 1, lane: laneOf(e, e.t_ns), t: e.t_ns, label: e.text, finding: f.id }));
  f.moments = [...f.evidence, ...markers.filter(m => m.finding === f.id), ...flowEnds.filter(m => m.finding === f.id)];
}
const involved = new Set(findings.flatMap(f => [...Object.values(f.parties), ...f.moments.map(m => m.lane)]));

// ---- What is looked at

const FULL = { t0: -duration * 0.01, t1: duration * 1.02 }, view = { ...FULL };
let selected = null, picked = null, pointer = null, moving = 0, frame = 0, saving = 0;
const schedule = () => { frame ||= requestAnimationFrame(draw); };

function setView(t0, t1) {
  const width = clamp(t1 - t0, 200, FULL.t1 - FULL.t0);
  view.t0 = clamp(t0, FULL.t0, FULL.t1 - width);
  view.t1 = view.t0 + width;
  $('range').textContent = `${at(Math.max(view.t0, 0), 3)} to ${at(Math.min(view.t1, duration), 3)} (${span(width)})`;
  schedule();
  clearTimeout(saving); // browsers limit how often a page may change its address
  saving = setTimeout(() => history.replaceState(null, '',
    `#t0=${Math.round(view.t0)}&t1=${Math.round(view.t1)}${selected ? `&f=${encodeURIComponent(selected.id)}` : ''}`), 300);
}
function zoom(factor, t = (view.t0 + view.t1) / 2) {
  cancelAnimationFrame(moving);
  setView(t - (t - view.t0) * factor, t + (view.t1 - t) * factor);
}
const pan = part => setView(view.t0 + part * (view.t1 - view.t0), view.t1 + part * (view.t1 - view.t0));
// Jumps are shown as movement: otherwise nobody knows where in the trace they have landed.
function glide(t0, t1) {
  cancelAnimationFrame(moving);
  const from = { ...view }, began = performance.now(), time = matchMedia('(prefers-reduced-motion: reduce)').matches ? 1 : 250;
  moving = requestAnimationFrame(function step(now) {
    const k = 1 - (1 - clamp((now - began) / time, 0, 1)) ** 3;
    setView(from.t0 + (t0 - from.t0) * k, from.t1 + (t1 - from.t1) * k);
    if (k < 1) moving = requestAnimationFrame(step);
  });
}
// The cause is often short and the harm endless: the cause gets at least 1/25 of the picture, the harm may run out of it.
function stage(f) {
  const times = f.moments.map(m => m.t), begin = Math.min(f.first_ns, ...times), end = Math.max(f.last_ns, ...times);
  const width = Math.max(Math.min(end - begin, (f.first_ns - begin) * 25 || Infinity), 2000);
  return [begin - width * 0.08, begin + width * 1.08];
}
// Comes so close that the nearest neighbouring moment stands apart.
function goTo(t, lane, neighbours) {
  const gap = Math.min(...neighbours.map(n => Math.abs(n.t - t)).filter(d => d > 0)), width = Math.min(view.t1 - view.t0, gap * 6);
  glide(t - width / 2, t + width / 2);
  reveal([lane]);
}
function reveal(indices) {
  const found = rows.filter(r => r.lane && indices.includes(r.lane.index)), room = scroller.clientHeight - TOP;
  const top = found[0]?.y ?? 0, bottom = found.length ? found.at(-1).y + found.at(-1).h : 0;
  if (top < scroller.scrollTop || bottom > scroller.scrollTop + room) scroller.scrollTop = Math.min(top, (top + bottom - room) / 2);
  $('timeline').scrollIntoView({ block: innerHeight < 800 ? 'start' : 'nearest' });
}
function select(finding, move = true) {
  selected = finding;
  for (const f of findings) {
    f.card.classList.toggle('open', f === finding);
    f.card.querySelector('.badge').setAttribute('aria-expanded', f === finding);
  }
  layOut();
  if (!move || !finding) return;
  reveal(Object.values(finding.parties));
  glide(...stage(finding));
}
function restore() {
  const hash = new URLSearchParams(location.hash.slice(1)), t0 = parseFloat(hash.get('t0')), t1 = parseFloat(hash.get('t1'));
  const worst = findings[0]?.severity === 'note' ? null : findings[0];
  select(findings.find(f => f.id === hash.get('f')) ?? (t1 > t0 ? null : worst) ?? null, false);
  setView(...t1 > t0 ? [t0, t1] : selected ? stage(selected) : [FULL.t0, FULL.t1]);
}

// ---- The rows

const scroller = $('scroller'), canvas = $('canvas'), ctx = canvas.getContext('2d');
const STRIP = 20, TOP = 42, BAR = 18; // heights: the strip of the whole trace, strip and axis, a thread's bar
let rows = [], rowOf = new Map(), rowsHeight = 0;

// Children stand below their parent: the picture follows the lineage, not the order of births.
function layOut() {
  const children = Map.groupBy(processes.keys(), i => processes[processes[i].parent] ? processes[i].parent : -1);
  let y = 0;
  const add = (row, h) => { rows.push({ ...row, y, h }); y += h; };
  rows = [];
  (function family(parent, depth) {
    for (const i of children.get(parent) ?? []) {
      const shown = processes[i].lanes.filter(l => !$('only').checked || involved.has(l));
      if (shown.length) add({ process: processes[i], depth }, 24);
      for (const l of shown) add({ lane: lanes[l], depth }, involved.has(l) ? 46 : 28); // evidence numbers need room above the bar
      family(i, depth + 1);
    }
  })(-1, 0);
  rowOf = new Map(rows.filter(r => r.lane).map(r => [r.lane.index, r]));
  rowsHeight = y + 8;
  $('gutter').replaceChildren(el('div', { class: 'corner' }, el('span', {}, 'whole trace'), el('span', {}, 'time')), ...rows.map(gutterRow));
  $('gutter').style.height = `${TOP + rowsHeight}px`;
  schedule();
}
function gutterRow({ process, lane, depth, y, h }) {
  const party = lane && ['victim', 'actor'].find(p => selected?.parties[p] === lane.index), indent = '└ '.repeat(depth && 1);
  const node = process
    ? el('div', { class: 'process', title: process.command }, el('span', { class: 'ellipsis' }, `${indent}${process.pid} ${process.command}`))
    : el('div', { class: 'lane', title: `${lane.full}: ${RANK.filter(k => lane.total[k]).map(k => `${k} ${share(lane, k)}`).join(', ')}`,
      'data-party': party, 'data-role': party && selected.roles[party] }, el('code', {}, lane.tid), el('span', { class: 'ellipsis' }, lane.name));
  Object.assign(node.style, { top: `${TOP + y}px`, height: `${h}px`, marginLeft: `${Math.min(Math.max(depth - 1, 0), 5) * 10}px` });
  return node;
}

// ---- Drawing

const styles = getComputedStyle(document.documentElement), MONO = `11px ${styles.getPropertyValue('--mono')}`;
const glyphs = Object.fromEntries([...document.querySelectorAll('[data-marker]')]
  .map(li => [li.dataset.marker, new Path2D(li.querySelector('path').getAttribute('d'))]));
const DASH = { wakeup: [6, 3], signal: [2, 3] };
// Each kind has a pattern too, as boxes in an 8 × 8 tile: nobody should need to tell red from green.
const PATTERN = {
  life: [], run: [], wait: [[1, 1, 2, 2], [5, 5, 2, 2]], blocked: [[0, 0, 2, 8], [4, 0, 2, 8]], sleep: [[0, 1, 8, 1], [0, 5, 8, 1]],
  spin: Array.from({ length: 32 }, (_, i) => [[i / 4, 7.75 - i / 4, 3, 0.25], [i / 4 - 8, 7.75 - i / 4, 3, 0.25]]).flat(),
};
let colours = {}, fills = {}, ratio = 0, W = 0, H = 0, hits = [], taken = [];
const colour = name => colours[name] ??= styles.getPropertyValue(`--${name}`).trim();
const X = t => (t - view.t0) / (view.t1 - view.t0) * W;
const T = x => view.t0 + x / W * (view.t1 - view.t0);

function restyle() {
  colours = {};
  ratio = devicePixelRatio;
  for (const kind in PATTERN) {
    const tile = el('canvas', { width: 8 * ratio, height: 8 * ratio }), c = tile.getContext('2d');
    c.scale(tile.width / 8, tile.width / 8);
    c.fillStyle = colour(kind);
    c.fillRect(0, 0, 8, 8);
    c.fillStyle = colour(`${kind}-mark`);
    for (const box of PATTERN[kind]) c.fillRect(...box);
    fills[kind] = ctx.createPattern(tile, 'repeat');
    fills[kind].setTransform(new DOMMatrix().scale(8 / tile.width));
  }
  schedule();
}

function rect(fill, x, y, w, h) {
  ctx.fillStyle = fill;
  ctx.fillRect(x, y, w, h);
}
function text(string, x, y, ink, halo = colour('paper')) {
  ctx.lineWidth = 4;
  ctx.strokeStyle = halo;
  ctx.strokeText(string, x, y);
  ctx.fillStyle = ink;
  ctx.fillText(string, x, y);
}
// A remark beside a point, left out where another one stands already.
function remark(string, x, y, ink) {
  const words = show(string, 90), width = ctx.measureText(words).width, left = Math.min(x, W - width - 4);
  if (x > W || left < 0 || taken.some(b => Math.abs(b.y - y) < 14 && left < b.right + 8 && left + width + 8 > b.left)) return;
  taken.push({ y, left, right: left + width });
  text(words, left, y, ink);
}
function glyph(path, x, y, ink) {
  ctx.save();
  ctx.translate(x, y);
  ctx.lineWidth = 3;
  ctx.strokeStyle = colour('paper');
  ctx.stroke(path);
  ctx.fillStyle = ink;
  ctx.fill(path);
  ctx.restore();
}

// The first slice that ends after t; slices of a lane never overlap, so their ends are in order too.
function firstAfter(slices, t) {
  let low = 0, high = slices.length / STRIDE;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (slices[middle * STRIDE] + slices[middle * STRIDE + 1] > t) high = middle; else low = middle + 1;
  }
  return low * STRIDE;
}

function drawLane({ lane, y, h }) {
  const { slices } = lane, top = y + h - BAR - 4, cells = [], born = Math.max(X(lane.start), 0), gone = Math.min(X(lane.end), W);
  if (gone > born) rect(colour('life'), born, top + 7, gone - born, 4);
  ctx.save();
  ctx.translate(0, top); // patterns stick to the row while it scrolls
  for (let i = firstAfter(slices, view.t0); i < slices.length && slices[i] < view.t1; i += STRIDE) {
    const left = X(slices[i]), filled = X(slices[i] + slices[i + 1]) - left, kind = kindOf(slices, i), x = Math.floor(left);
    if (filled >= 2) {
      const from = Math.max(left, 0), width = Math.min(left + filled, W) - from;
      rect(fills[kind], from, 0, width, BAR);
      if (width > 40) drawLabel(slices, i, kind, from, width);
    } else if (cells.at(-1)?.x === x) {
      const cell = cells.at(-1);
      cell.filled += filled;
      if (RANK.indexOf(kind) > RANK.indexOf(cell.kind)) cell.kind = kind;
    } else cells.push({ x, kind, filled });
  }
  // Slices too short to be seen share a pixel column, as high as they fill it: a busy stretch must not look like a full one.
  for (const { x, kind, filled } of cells) {
    const height = kind === 'spin' ? BAR : clamp(Math.round(filled * BAR), 5, BAR);
    rect(colour(kind === 'spin' || kind === 'run' ? kind : `${kind}-mark`), x, (BAR - height) / 2, kind === 'spin' ? 2 : 1, height);
  }
  ctx.restore();
  let last = -9;
  for (const marker of lane.markers) {
    const x = X(marker.t);
    if (x < -8 || x > W + 8 || (Math.abs(x - last) < 7 && !marker.finding)) continue;
    last = x;
    glyph(glyphs[marker.kind] ?? glyphs.create, x, top + BAR / 2, colour(selected && marker.finding === selected.id ? 'wakeup' : 'ink'));
    hits.push({ x, y: top + BAR / 2, item: marker });
  }
}
function drawLabel(slices, i, kind, left, width) {
  const n = slices[i + 4], label = show(labels[slices[i + 3]], 200);
  ctx.font = kind === 'spin' ? `bold ${MONO}` : MONO;
  const string = kind === 'spin' ? `spins: ${count(n)} × ${label}` : n > 1 ? `${label} × ${count(n)}` : label;
  const fits = Math.floor((width - 12) / ctx.measureText('0').width);
  if (fits > 4) text(string.length > fits ? `${string.slice(0, fits - 1)}…` : string, left + 6, BAR / 2, colour(`${kind}-ink`), colour(kind));
  ctx.font = MONO;
}

// A process's row tells its life in words: born by whom, what it became, how it ended.
function drawProcess({ process, y, h }) {
  const fork = flows.find(f => f.kind === 'fork' && process.lanes.includes(f.to.lane)), by = lanes[fork?.from.lane]?.tid;
  const tell = (t, words, ink) => {
    remark(words, X(t) + 9, y + h / 2, ink);
    rect(ink, X(t) - 3, y + h / 2 - 3, 6, 6);
  };
  rect(colour('band'), 0, y, W, h);
  if (process.parent !== null) tell(process.start, `born at ${at(process.start, 3)}${by ? `, forked by thread ${by}` : ''}`, colour('fork'));
  if (process.end !== null) tell(process.end, `ends: ${process.exit ?? 'not seen how'}`, colour('ink'));
  for (const exec of process.execs) if (exec.t > 0) tell(exec.t, `becomes ${exec.command}`, colour('accent'));
}

function drawFlows(top, bottom) {
  const seen = new Set(), mine = f => selected !== null && f.finding === selected.id;
  const draw = (flow, strong) => {
    const a = rowOf.get(flow.from.lane), b = rowOf.get(flow.to.lane), x0 = X(flow.from.t), x1 = X(flow.to.t), ink = colour(flow.kind);
    if (!a || !b || a === b || Math.max(x0, x1) < -9 || Math.min(x0, x1) > W + 9) return;
    if (Math.max(a.y + a.h, b.y + b.h) < top || Math.min(a.y, b.y) > bottom) return;
    const place = (flow.from.lane * lanes.length + flow.to.lane) * 4096 + (x0 >> 2);
    if (!strong && seen.has(place)) return; // a thousand arrows on one spot are one arrow
    seen.add(place);
    const down = a.y < b.y ? 1 : -1, edge = (row, side) => row.y + row.h - 4 - (side > 0 ? 0 : BAR);
    const y0 = edge(a, down), y1 = edge(b, -down), width = strong ? 2.5 : 1, middle = (y0 + y1) / 2, size = 4 + 1.5 * width;
    ctx.globalAlpha = strong ? 1 : seen.size < 100 ? 0.7 : 0.3;
    const line = new Path2D(`M${x0} ${y0}C${x0} ${middle} ${x1} ${middle} ${x1} ${y1 - down * size}`);
    for (const [stroke, wide] of [[colour('paper'), width + 3], [ink, width]]) {
      ctx.setLineDash(wide > width ? [] : DASH[flow.kind] ?? []);
      Object.assign(ctx, { strokeStyle: stroke, lineWidth: wide });
      ctx.stroke(line);
    }
    ctx.setLineDash([]);
    ctx.fillStyle = ink;
    ctx.fill(new Path2D(`M${x1} ${y1}l${-size / 2} ${-down * size}h${size}Z`));
    ctx.globalAlpha = 1;
    for (const [x, y, end] of [[x0, y0, flow.from], [x1, y1, flow.to]]) hits.push({ x, y, item: { ...flow, ...end } });
    if (strong) remark(flow.label, x1 + 8, y1 - down * 11, ink);
  };
  for (const flow of flows) if (!mine(flow)) draw(flow, false);
  for (const flow of flows) if (mine(flow)) draw(flow, true);
}

// The numbers of the evidence; those that would cover each other share a pill.
function drawPins() {
  const pins = (selected?.evidence ?? []).filter(e => rowOf.has(e.lane)).sort((a, b) => a.lane - b.lane || a.t - b.t), pills = [];
  for (const e of pins) {
    const x = X(e.t), pill = pills.at(-1);
    if (pill?.lane === e.lane && x - pill.x < 18) pill.text += `, ${e.number}`;
    else if (x > -10 && x < W + 10) pills.push({ x, lane: e.lane, text: `${e.number}`, item: e });
  }
  ctx.font = `bold ${MONO}`;
  for (const { x, lane, text: numbers, item } of pills) {
    const row = rowOf.get(lane), y = row.y + 12, width = Math.max(ctx.measureText(numbers).width + 10, 18);
    rect(colour('ink'), x - 0.75, y, 1.5, row.h - 12 - BAR - 4);
    ctx.fillStyle = colour('ink');
    ctx.beginPath();
    ctx.roundRect(x - width / 2, y - 9, width, 18, 9);
    ctx.fill();
    ctx.fillStyle = colour('paper');
    ctx.fillText(numbers, x - width / 2 + (width - ctx.measureText(numbers).width) / 2, y + 0.5);
    hits.push({ x, y, item });
  }
  ctx.font = MONO;
}
