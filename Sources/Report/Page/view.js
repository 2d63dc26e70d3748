// ---- What is looked at
const FULL = { t0: -duration * 0.01, t1: duration * 1.02 }, view = { ...FULL };
let selected = null, picked = null, frame = 0, saving = 0, search = { text: '', hits: [], at: -1 };
let isNarrow = lanes.length > 64 && involved.size > 0; // whether only what findings touch is shown
const schedule = () => { frame ||= requestAnimationFrame(draw); };
function setView(t0, t1) {
  const width = clamp(t1 - t0, 200, FULL.t1 - FULL.t0);
  view.t0 = clamp(t0, FULL.t0, FULL.t1 - width);
  view.t1 = view.t0 + width;
  const ends = [Math.max(view.t0, 0), Math.min(view.t1, duration)].map(t => at(t, width < 1e7 ? 9 : 3));
  $('range').textContent = ends.join(' to ');
  $('range').dataset.view = `${view.t0} ${view.t1}`;
  schedule();
  clearTimeout(saving); // browsers limit how often a page may change its address
  const state = { t0: Math.round(view.t0), t1: Math.round(view.t1), ...selected && { f: selected.id } };
  const hash = new URLSearchParams({ ...state, ...search.text && { q: search.text }, ...isNarrow && { only: 1 } });
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
function reveal(indices, t0, t1) {
  $('timeline').scrollIntoView({ block: 'nearest' });
  for (const row of indices.map(i => rowOf.get(i)).filter(Boolean)) goTo(row, t0, t1);
  setView(t0, t1);
}
function goTo({ y, h }, t0, t1) {
  const seen = scroller.clientHeight - TOP;
  if (y < scroller.scrollTop || y + h > scroller.scrollTop + seen) scroller.scrollTop = y - Math.max(0, (seen - h) / 2);
  setView(t0, t1);
}
function select(finding) {
  selected = finding;
  for (const f of findings) f.card.querySelector('.go').ariaExpanded = f.card.classList.toggle('open', f === finding);
  layOut();
}
const open = finding => { select(finding); reveal(Object.values(finding.parties), ...stage(finding)); };
function restore() {
  const hash = new URLSearchParams(location.hash.slice(1)), t0 = parseFloat(hash.get('t0')), t1 = parseFloat(hash.get('t1'));
  if (hash.has('q')) $('query').value = hash.get('q');
  if (t1 > t0) isNarrow = hash.has('only');
  $('only').checked = isNarrow;
  seek($('query').value);
  select(findings.find(f => t1 > t0 ? f.id === hash.get('f') : f.severity !== 'note') ?? null);
  setView(...t1 > t0 ? [t0, t1] : selected ? stage(selected) : [FULL.t0, FULL.t1]);
}

// ---- The rows
const scroller = $('scroller'), canvas = $('canvas'), ctx = canvas.getContext('2d');
const STRIP = 20, TOP = 42, BAR = 18, HOLD = 4; // heights: the strip of the whole trace, strip and axis, a thread's bar, a holder's line
const MOST_HOLDERS = 6;
let labelled = '', rows = [], rowOf = new Map(), rowsHeight = 0;
// Children stand below their parent: the picture follows the lineage, and first the lines in which something was found.
function layOut() {
  const children = Map.groupBy(processes.keys(), i => processes[processes[i].parent] ? processes[i].parent : -1);
  const found = i => processes[i].lanes.some(l => involved.has(l)) || !!children.get(i)?.some(found);
  const isShown = l => !isNarrow || involved.has(l) || search.lanes?.has(l);
  const hasShown = i => processes[i].lanes.some(isShown) || !!children.get(i)?.some(hasShown);
  const add = (row, h) => { rows.push({ ...row, y: rowsHeight, h }); rowsHeight += h; };
  [rows, rowsHeight] = [[], 0];
  const shown = channels.filter(c => !isNarrow || c.findings.length);
  if (shown.length) add({ title: 'Channels' }, 24);
  for (const c of shown) add({ channel: c }, 30 + HOLD * Math.min(c.holders.length, MOST_HOLDERS));
  (function family(parent, depth) {
    for (const i of children.get(parent)?.sort((a, b) => found(b) - found(a) || a - b) ?? []) {
      if (!hasShown(i)) continue;
      add({ process: processes[i], depth }, 24);
      for (const l of processes[i].lanes) if (isShown(l)) add({ lane: lanes[l] }, involved.has(l) ? 46 : 28); // evidence numbers need room above the bar
      family(i, depth + 1);
    }
  })(-1, 0);
  rowOf = new Map(rows.filter(r => r.lane).map(r => [r.lane.index, r]));
  Object.assign($('gutter').style, { height: `${rowsHeight + 8}px` });
  $('gutter').dataset.rows = rows.length;
  labelled = '';
  schedule();
}
function rowLabel({ lane, process, channel, title, depth, y, h }) {
  if (title) return el('div', { class: 'process', style: `top: ${y}px; height: ${h}px` }, el('span', { class: 'ellipsis' }, title));
  if (channel) {
    const of = channel.findings.includes(selected?.id) ? 'through' : null, words = [channel.owner, channel.findings.join(', ')].filter(Boolean).join(', ');
    return el('div', { class: 'lane channel', style: `top: ${y}px; height: ${h}px`, title: channel.name, 'data-role': of, 'data-party': of && 'channel' },
      el('code', {}, channel.name), el('span', { class: 'ellipsis' }, words));
  }
  const party = lane && ['victim', 'actor'].find(p => selected?.parties[p] === lane.index), style = `top: ${y}px; height: ${h}px`;
  const name = el('span', { class: 'ellipsis' }, lane ? lane.name : `${'\u00a0\u00a0'.repeat(depth)}${process.pid} ${process.command}`);
  if (process) return el('div', { class: 'process', title: process.command, style }, name);
  const marks = { title: lane.full, 'data-party': party, 'data-role': selected?.roles[party] };
  return el('div', { class: 'lane', style, ...marks }, el('code', {}, lane.tid), name);
}
