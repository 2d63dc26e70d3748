// ---- Pointing
function itemAt({ offsetX: x, offsetY: y }, reach) {
  const inside = y - TOP + scroller.scrollTop, row = rows.find(r => y > TOP && inside >= r.y && inside < r.y + r.h);
  if (row?.channel) return { channel: row.channel, t: T(x) };
  const near = hits.findLast(h => Math.hypot(h.x - x, h.y - inside) < reach);
  const lane = row?.lane, slices = lane?.slices ?? [];
  let worst = null, merged = 0;
  for (let i = firstAfter(slices, T(x - 1)); i < slices.length && slices[i] < T(x + 1) && merged < 1e5; i += STRIDE, merged++) {
    if (!worst || slices[i + 2] > worst[2]) worst = slices.subarray(i, i + STRIDE);
  }
  if (near || !worst) return near?.item ?? null;
  return { lane: lane.index, t: worst[0], length: worst[1], kind: RANK[worst[2]], label: labels[worst[3]], calls: worst[4], merged };
}
function describe(item) {
  if (item.channel) return describeChannel(item);
  const facts = [
    ['What', words[item.kind] ?? item.kind ?? `evidence ${item.number}`], ['Thread', lanes[item.lane]?.full], ['Time', at(item.t, 9)],
    ['Finding', item.finding], ['Lasts', item.length && span(item.length)],
    ['Calls', item.calls > 1 && `${count(item.calls)}, ${count(item.calls / item.length * 1e9)} per second`],
    ['Here', item.merged > 1 && `${count(item.merged)} entries share this spot; zoom in to tell them apart`],
  ].filter(([, value]) => value).flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]);
  // A mark in the timeline is a finding's evidence, too.
  const frames = item.frames ?? findings.find(f => f.id === item.finding)?.evidence.find(e => e.t === item.t && e.lane === item.lane)?.frames;
  return [el('code', {}, item.label || item.kind), el('dl', {}, ...facts), ...frames?.length ? [el('ol', { class: 'stack' }, ...frames.map(frameLine))] : []];
}
const whereOf = s => s.file ? `${s.file}:${s.line ?? '?'}` : `${s.module ?? '?'}+0x${(s.offset ?? 0).toString(16)}`;
function frameLine(s) { return el('li', { class: s.blamed ? 'blamed' : s.library ? 'library' : null }, el('code', {}, `${s.function ?? '?'}  ${whereOf(s)}`)); }
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
    if (event.shiftKey && event.pointerType === 'mouse') span0 = span1 = T(event.offsetX);
    fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY, strip: event.offsetY < STRIP, travelled: 0 });
    point(null);
  },
  pointermove(event) {
    const old = fingers.get(event.pointerId), { offsetX: x, offsetY: y } = event;
    if (!old) return point(event);
    if (span0 !== null) {
      span1 = T(x);
      return schedule();
    }
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (old.strip) pan((FULL.t0 + x / W * (FULL.t1 - FULL.t0) - view.t0) / (view.t1 - view.t0) - 0.5);
    else if (other) zoom(Math.max(Math.abs(old.x - other.x), 9) / Math.max(Math.abs(x - other.x), 9), T(other.x));
    else pan((old.x - x) / W);
    if (event.pointerType === 'mouse') scroller.scrollTop += old.y - y; // a finger scrolls by itself: touch-action pan-y
    Object.assign(old, { x, y, travelled: old.travelled + Math.abs(x - old.x) + Math.abs(y - old.y) });
  },
  pointerup(event) {
    const [from, to] = [span0, span1];
    span0 = span1 = null;
    if (from !== null && Math.abs(X(to) - X(from)) > 4) setView(Math.min(from, to), Math.max(from, to));
    if (fingers.get(event.pointerId)?.travelled < 6) pick(itemAt(event, event.pointerType === 'mouse' ? 8 : 18));
    fingers.delete(event.pointerId);
  },
  dblclick: event => zoom(1 / 4, T(event.offsetX)),
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
  '/': () => $('query').focus(), n: () => next(1), N: () => next(-1),
};
listen(scroller, { scroll: schedule });
listen(document, {
  wheel(event) { if (!event.defaultPrevented) page.scrolledAt = event.timeStamp; }, click(event) { KEYS[event.target.dataset.key]?.(); },
  keydown(event) {
    if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '/' ? /INPUT|SELECT/.test(event.target.tagName) : event.target !== scroller && event.key !== 'Escape') return;
    event.preventDefault();
    KEYS[event.key]();
  },
});
