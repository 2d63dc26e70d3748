// ---- The answer in words
function step(f, e) {
  const node = fill(copy('step'), { ...e, time: at(e.t), who: lanes[e.lane]?.full ?? e.tid }), { frames } = e, blamed = frames.find(s => s.blamed);
  // Comes so close that the nearest other moment of the finding stands apart.
  const gap = f.moments.reduce((least, { t }) => t === e.t ? least : Math.min(least, Math.abs(t - e.t)), Infinity);
  const around = side => e.t + side * Math.min(gap * 3, (view.t1 - view.t0) / 2);
  listen(node.querySelector('button'), { click: () => { reveal([e.lane], around(-1), around(1)); pick(e); } });
  if (blamed) node.querySelector('summary').textContent = show(`in ${blamed.function ?? '?'} (${whereOf(blamed).split('/').pop()})`);
  node.querySelector('details ol').append(...frames.map(frameLine));
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

const tally = SEVERITIES.map(s => [findings.filter(f => f.severity === s).length, s]).filter(([n]) => n), { coarse, left_out: leftOut, wakes_until: wakesUntil } = timeline;
each('header, #keys').forEach(root => fill(root, {
  title: data.title, verdict: tally.map(([n, s]) => many(n, s)).join(', ') || 'Nothing wrong was found.',
  started: trace.started?.slice(0, 19).replace('T', ' '), length: span(trace.duration_ns), processes: many(trace.processes, 'process'),
  threads: many(trace.threads, 'thread'), events: many(trace.events, 'event'), folded: trace.folded_calls && count(trace.folded_calls),
  incomplete: !trace.complete && 'The trace is incomplete: the answer reaches only as far as the trace does.',
  late: trace.began_after_start && 'The trace began after the program did: what happened before could not be seen.',
  blind: trace.blind_spots.length && `Could not be seen: ${trace.blind_spots.join(', ')}`,
  coarse: [coarse && `Calls shorter than ${span(coarse)} are merged with their neighbours${findings.length ? ', but for those around what was found' : ''}.`, wakesUntil && `Arrows from writes to the waits that they end reach up to ${at(wakesUntil, 3)}.`, leftOut && `${many(leftOut, 'thread')} that ended soon after ${leftOut > 1 ? 'their' : 'its'} birth ${leftOut > 1 ? 'are' : 'is'} left out.`].filter(Boolean).join(' '),
}));
$('lines').append(...data.summary.map(line => el('li', {}, line)));
document.title = `${show(data.title, 80)} – faultline`;
$('verdict').className = findings[0]?.severity ?? '';
$('summary').open = !findings.some(f => f.severity !== 'note');
const print = on => () => {
  if (on) scroller.scrollTop = 0;
  $('cut').hidden = !on || TOP + rowsHeight <= MOST_PRINTED;
  document.documentElement.classList.toggle('print', on);
  restyle();
  draw();
};
listen(window, { hashchange: restore, resize: schedule, beforeprint: print(true), afterprint: print(false) });
listen(matchMedia('(prefers-color-scheme: dark)'), { change: restyle });
new ResizeObserver(schedule).observe(scroller);
restyle();
restore();
