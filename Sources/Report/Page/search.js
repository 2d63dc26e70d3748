// ---- Searching
// In threads, processes, calls, evidence with its stacks, and channels: by pid, number, call, function or file.
let span0 = null, span1 = null; // what is being selected with the shift key
const MOST_HITS = 5000;
function seek(text) {
  const wanted = text.trim().toLowerCase(), hits = [], has = words => String(words ?? '').toLowerCase().includes(wanted);
  search = { text: text.trim(), hits, at: -1 };
  if (wanted) {
    for (const l of lanes) if (has(`${l.full} ${processes[l.process].command}`)) hits.push({ lane: l.index, t: l.start, end: l.end });
    for (const m of markers) if (has(m.label)) hits.push(m);
    for (const f of flows) if (has(f.label)) hits.push(arrowItem(f));
    for (const f of findings) for (const e of f.evidence) {
      const frames = f.stacks?.[e.stack] ?? [];
      if (has(e.text) || frames.some(s => has(`${s.function} ${s.file}:${s.line}`))) hits.push(e);
    }
    const named = labels.map(has), told = texts.map(has), framed = frameTable.map(s => has(`${s.function} ${s.file}:${s.line}`));
    const stood = stacks.map(stack => stack.some(place => framed[place]));
    const wants = Array.from({ length: entries.length / ENTRY }, (_, e) => named[entries[e * ENTRY + 1]] || told[entries[e * ENTRY + 2]] || stood[entries[e * ENTRY + 3]]);
    if (wants.includes(true)) {
      for (const l of lanes) for (let i = 0; i < l.slices.length && hits.length < MOST_HITS; i += STRIDE) {
        if (wants[l.slices[i + 3]]) hits.push(sliceAt(l.index, i));
      }
    }
    for (const c of channels) if (has(`${c.name} ${c.owner} ${c.family}`)) hits.push({ channel: c, t: c.start });
    hits.sort((a, b) => a.t - b.t);
    search.lanes = new Set(hits.map(h => h.lane));
  }
  $('found').textContent = !wanted ? '' : hits.length ? `${count(hits.length)}${hits.length >= MOST_HITS ? ' or more' : ''} found` : 'not found';
  each('.finding').forEach((card, i) => card.classList.toggle('unfound', !!wanted && !has(card.textContent)));
}
function next(step) {
  const { hits } = search;
  if (!hits.length) return;
  search.at = (search.at + step + hits.length) % hits.length;
  const hit = hits[search.at], { from, to } = hit.flow ?? {}, start = Math.min(from?.t ?? hit.t, hit.t), length = from ? Math.abs(to.t - from.t) : hit.length ?? 0;
  const width = hit.end ? hit.end - hit.t : Math.max((view.t1 - view.t0) / 20, length * 1.2, 2000);
  $('found').textContent = `${count(search.at + 1)} of ${count(hits.length)}`;
  pick(hit.end ? null : hit);
  reveal(from ? [from.lane, to.lane] : hit.lane === undefined ? [] : [hit.lane], start - width * 0.1, start + width);
}
listen($('query'), {
  input() { seek($('query').value); layOut(); setView(view.t0, view.t1); },
  keydown(event) { if (event.key === 'Enter') next(event.shiftKey ? -1 : 1); },
});
listen($('only'), { change() { isNarrow = $('only').checked; layOut(); setView(view.t0, view.t1); } });
