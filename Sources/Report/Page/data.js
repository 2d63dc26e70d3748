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
const data = JSON.parse($('data').textContent), { trace, findings } = data.findings;
const digits = atob($('slices').textContent.trim()), packed = new Uint8Array(digits.length);
for (let i = 0; i < digits.length; i++) packed[i] = digits.charCodeAt(i);
const bytes = new Uint8Array(await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'))).arrayBuffer());
// JSON, and columns of LEB128 numbers, one behind the other (PackedSlices.swift). Products instead of shifts, since these end at 32 bits.
let cursor = 0;
function column(length, values = new Float64Array(length)) {
  let place = cursor;
  for (let i = 0; i < length; i++) {
    let byte = bytes[place++], value = byte & 127;
    for (let factor = 128; byte > 127; factor *= 128) value += ((byte = bytes[place++]) & 127) * factor;
    values[i] = value;
  }
  cursor = place;
  return values;
}
const [size] = column(1), timeline = JSON.parse(new TextDecoder().decode(bytes.subarray(cursor, cursor += size)));
const { processes, kinds, labels, markers, flows, channels, unit } = timeline;
// What slices stand for: kind, label, text and stack of each entry (places in the lists of these, -1 for none).
const { entries, texts, stacks, frames: frameTable } = timeline.calls, ENTRY = 4;
const sizes = column(timeline.lanes.length), sliceCount = sizes.reduce((sum, n) => sum + n, 0);
const [gaps, lengths, heads] = [column(sliceCount), column(sliceCount), column(sliceCount)], counts = column(heads.filter(h => h % 2).length);
let sliceNumber = 0, countNumber = 0;
const duration = Math.max(timeline.duration, 1000);
channels.forEach((c, index) => Object.assign(c, { index, end: c.end ?? duration, name: `${c.kind} ${c.id}` }));
const SEVERITIES = ['error', 'warning', 'note'];
findings.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
const RANK = ['life', 'run', 'sleep', 'wait', 'blocked', 'spin']; // worst last: it must not get lost in a shared pixel
const STRIDE = 5; // numbers of a slice: start, duration, rank, entry, count * 8 + what its calls differ in
const words = Object.fromEntries(each('[data-kind]').map(li => [li.dataset.kind, li.textContent]));
const arrowWords = Object.fromEntries(each('[data-flow]').map(li => [li.dataset.flow, li.textContent]));
const markersOf = Map.groupBy(markers, m => m.lane), spins = [];
const rankOf = kinds.map(kind => Math.max(RANK.indexOf(kind), 1));
const lanes = timeline.lanes.map((lane, index) => {
  const slices = new Float64Array(sizes[index] * STRIDE), end = lane.end ?? duration, total = RANK.map(() => 0);
  for (let i = 0, t = 0; i < slices.length; i += STRIDE, sliceNumber++) {
    const start = t + gaps[sliceNumber], length = lengths[sliceNumber], head = heads[sliceNumber], entry = (head - head % 2) / 2, rank = rankOf[entries[entry * ENTRY]];
    t = start + length;
    slices[i] = start * unit;
    slices[i + 1] = length * unit;
    slices[i + 2] = rank;
    slices[i + 3] = entry;
    slices[i + 4] = head % 2 ? counts[countNumber++] : 8;
    total[rank] += length * unit;
    if (RANK[rank] === 'spin') spins.push({ lane: index, t: start * unit, end: t * unit });
  }
  total[0] = Math.max(end - lane.start - total.reduce((sum, x) => sum + x), 0);
  const { pid } = processes[lane.process], full = `${pid === lane.tid ? '' : `${pid}/`}${lane.tid} ${lane.name}`;
  const shares = total.map(t => `${(100 * t / Math.max(end - lane.start, 1)).toFixed(1)} %`).reverse();
  return { ...lane, index, slices, levels: levels(slices), end, pid, full, shares, markers: markersOf.get(index) ?? [] };
});
// Summaries of 16 and of 512 slices each: first start, last end, worst rank, time inside. What is narrower than a pixel is drawn from these.
function levels(slices) {
  return [16, 512].map(size => {
    const blocks = new Float64Array(Math.ceil(slices.length / STRIDE / size) * 4);
    for (let i = 0; i < slices.length; i += STRIDE) {
      const b = Math.floor(i / STRIDE / size) * 4;
      if (i / STRIDE % size === 0) blocks[b] = slices[i];
      blocks[b + 1] = slices[i] + slices[i + 1];
      blocks[b + 2] = Math.max(blocks[b + 2], slices[i + 2]);
      blocks[b + 3] += slices[i + 1];
    }
    return { size, blocks };
  });
}
// A tid may be used twice in a trace: the last thread that had begun by then is meant.
const laneOf = (party, t) => lanes.filter(l => l.tid === party?.tid && l.pid === party.pid)
  .reduce((best, l) => best === undefined || l.start <= t ? l.index : best, undefined);
for (const f of findings) {
  f.parties = { victim: laneOf(f.victim, f.first_ns), actor: laneOf(f.actor, f.first_ns) };
  const rule = each('[data-rule]', $('rules').content).find(p => p.dataset.rule === f.rule);
  Object.assign(f, { meaning: rule?.textContent.replace(/\s+/g, ' '), roles: { actor: 'acts', victim: 'suffers', ...rule?.dataset } });
  f.evidence.forEach((e, i) => Object.assign(e, { number: i + 1, lane: laneOf(e, e.t_ns), t: e.t_ns, label: e.text, finding: f.id, frames: f.stacks?.[e.stack] ?? [] }));
  // The story has also the arrows of its cause, and the fork that parted the two.
  const pids = [f.actor?.pid, f.victim?.pid], parts = x => [x.from, x.to].every(end => pids.includes(lanes[end.lane].pid));
  f.arrows = new Set(flows.filter(x => [f.id, f.cause ?? f.id].includes(x.finding) || (x.kind === 'fork' && parts(x))));
  f.moments = [...f.evidence, ...markers.filter(m => m.finding === f.id), ...[...f.arrows].flatMap(x => [x.from, x.to])];
  f.moments.sort((a, b) => a.t - b.t);
}
const involved = new Set(findings.flatMap(f => [...Object.values(f.parties), ...f.moments.map(m => m.lane)]));
