// ---- Keys
// All that the mouse does. With Shift the arrows choose: slices of a row, and the rows above and below.
function nearest(row, t) {
  if (row.channel) return { channel: row.channel, t: clamp(t, row.channel.start, row.channel.end) };
  const { lane } = row, i = Math.min(firstAfter(lane.slices, t), lane.slices.length - STRIDE);
  return i < 0 ? { lane: lane.index, t: clamp(t, lane.start, lane.end), kind: 'life', label: 'no calls' } : sliceAt(lane.index, i);
}
function beside(item, step) {
  if (item.channel) {
    const times = item.channel.samples.filter((_, i) => i % 3 === 0), after = step > 0 ? times.find(t => t > item.t) : times.findLast(t => t < item.t);
    return after === undefined ? item : { ...item, t: after };
  }
  const { slices } = lanes[item.lane], i = item.i === undefined ? firstAfter(slices, item.t) : item.i + step * STRIDE;
  return slices.length ? sliceAt(item.lane, clamp(i, 0, slices.length - STRIDE)) : item;
}
function choose(across, down) {
  const choices = rows.filter(r => r.lane || r.channel), t = picked ? clamp(picked.t, view.t0, view.t1) : view.t0;
  const at = choices.findIndex(r => picked && (picked.channel ? r.channel === picked.channel : r.lane?.index === picked.lane));
  const row = at < 0 ? choices.find(r => r.lane && r.y >= scroller.scrollTop) : choices[clamp(at + down, 0, choices.length - 1)];
  if (!row) return;
  const item = at >= 0 && across ? beside(picked, across) : nearest(row, t), end = item.t + (item.length ?? 0);
  pick(item);
  const width = view.t1 - view.t0, isSeen = item.t >= view.t0 && item.t <= view.t1 || item.t < view.t0 && end > view.t0;
  goTo(row, ...isSeen ? [view.t0, view.t1] : [item.t - width * 0.1, item.t + width * 0.9]);
}
function enter() {
  if (!picked) choose(0, 0);
  else $('detail').focus();
}
function leave() {
  if ($('detail').contains(document.activeElement)) scroller.focus();
  pick(null);
}
const KEYS = {
  ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15), Home: () => setView(FULL.t0, FULL.t1), Escape: leave, Enter: enter,
  'Shift ArrowLeft': () => choose(-1, 0), 'Shift ArrowRight': () => choose(1, 0), 'Shift ArrowUp': () => choose(0, -1), 'Shift ArrowDown': () => choose(0, 1),
  '+': () => zoom(1 / 1.5), '=': () => zoom(1 / 1.5), '-': () => zoom(1.5),
  '/': () => $('query').focus(), n: () => next(1), N: () => next(-1),
};
listen(scroller, { scroll: schedule });
listen(document, {
  wheel(event) { if (!event.defaultPrevented) page.scrolledAt = event.timeStamp; },
  click(event) { KEYS[event.target.dataset.key]?.(); },
  keydown(event) {
    const { key, target } = event, name = event.shiftKey && key.startsWith('Arrow') ? `Shift ${key}` : key;
    if (!KEYS[name] || event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === '/' ? /INPUT|SELECT/.test(target.tagName) : target !== scroller && key !== 'Escape') return;
    event.preventDefault();
    KEYS[name]();
  },
});
