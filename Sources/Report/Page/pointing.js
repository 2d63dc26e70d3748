// ---- Pointing
function itemAt({ x, y }, reach) {
  const inside = y - TOP + scroller.scrollTop, row = rows.find(r => y > TOP && inside >= r.y && inside < r.y + r.h);
  if (row?.channel) return { channel: row.channel, t: T(x) };
  const near = hits.filter(h => Math.hypot(h.x - x, h.y - inside) < reach), mark = near.findLast(h => !h.item.flow);
  if (mark) return mark.item;
  const { lane } = row ?? {}, slices = lane?.slices ?? [], isBar = row && inside >= row.y + row.h - BAR - 4;
  let worst = -1, merged = 0;
  for (let i = firstAfter(slices, T(x - 1)); i < slices.length && slices[i] < T(x + 1) && merged < 1e5; i += STRIDE, merged++) {
    if (worst < 0 || slices[i + 2] > slices[worst + 2]) worst = i;
  }
  // On a bar the slice is meant, unless an arrow begins or ends right there.
  const arrow = near.filter(h => !isBar || worst < 0 || Math.hypot(h.x - x, h.y - inside) < reach / 2).at(-1);
  return arrow?.item ?? (worst < 0 ? null : sliceAt(lane.index, worst, merged));
}
function describe(item) {
  if (item.channel) return describeChannel(item);
  if (item.flow) return describeFlow(item);
  if (item.i !== undefined) return describeSlice(item);
  // A mark in the timeline is a finding's evidence, too.
  const frames = item.frames ?? findings.find(f => f.id === item.finding)?.evidence.find(e => e.t === item.t && e.lane === item.lane)?.frames;
  return [el('code', {}, item.label || item.kind), facts([
    ['What', item.number ? `evidence ${item.number}` : item.kind], ['Thread', lanes[item.lane]?.full], ['Time', at(item.t, 9)], ['Finding', item.finding],
  ]), ...stackLines(frames)];
}
function pick(item) {
  picked = item;
  $('facts-of').replaceChildren(...item ? describe(item) : []);
  const row = item && (rowOf.get(item.flow ? item.flow.to.lane : item.lane) ?? rows.find(r => r.channel && r.channel === item.channel));
  if (row) keepInSight(row);
  schedule();
}
// Where on the canvas, in its own pixels: on a large screen the page is magnified.
function spot({ clientX, clientY }) {
  const { left, top } = canvas.getBoundingClientRect();
  return { x: (clientX - left) / magnified, y: (clientY - top) / magnified };
}
// The details lie over the lower end of the timeline: what they are about must not disappear below them.
function keepInSight({ y, h }) {
  const { top } = canvas.getBoundingClientRect(), limit = $('detail').getBoundingClientRect().top - 8;
  const hidden = top + (TOP + y + h - scroller.scrollTop) * magnified - limit, most = top + TOP * magnified;
  if (hidden <= 0) return;
  if (hidden < most) scrollBy({ top: hidden });
  else scroller.scrollTop += hidden / magnified;
}
function point(event) {
  const item = event?.pointerType === 'mouse' ? itemAt(spot(event), 8) : null, [x, y] = [event?.clientX / magnified, event?.clientY / magnified], tip = $('tip');
  tip.replaceChildren(...item ? describe(item) : []);
  tip.style.translate = `min(${x + 14}px, 100vw / ${magnified} - 100% - 20px) ${y > innerHeight / magnified * 0.6 ? `calc(${y - 14}px - 100%)` : `${y + 18}px`}`;
}
const fingers = new Map(), page = { scrolledAt: -Infinity };
listen(canvas, {
  pointerdown(event) {
    const { x, y } = spot(event);
    canvas.setPointerCapture(event.pointerId);
    if (event.shiftKey && event.pointerType === 'mouse') span0 = span1 = T(x);
    fingers.set(event.pointerId, { x, y, strip: y < STRIP, travelled: 0 });
    point(null);
  },
  pointermove(event) {
    const old = fingers.get(event.pointerId), { x, y } = spot(event);
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
    if (fingers.get(event.pointerId)?.travelled < 6) pick(itemAt(spot(event), event.pointerType === 'mouse' ? 8 : 18));
    fingers.delete(event.pointerId);
  },
  dblclick: event => zoom(1 / 4, T(spot(event).x)),
  pointercancel: event => fingers.delete(event.pointerId), pointerleave: () => point(null),
  wheel(event) {
    if (event.timeStamp - page.scrolledAt < 300) return; // who scrolls the page past the timeline does not mean it
    event.preventDefault();
    const [dx, dy] = [event.deltaX, event.deltaY].map(d => d * [1, 16, 100][event.deltaMode]);
    if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) pan((dx || dy) / W); else zoom(1.002 ** dy, T(spot(event).x));
  },
});
