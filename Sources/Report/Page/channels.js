// ---- Channels
// What waits in a channel as steps, as high as its fullest moment; below, a line for each process that has it, as long as it does.
function drawTitle({ y, h }) { rect(colour('band'), 0, y, W, h); }
function fullest(channel) {
  let most = 1;
  for (let i = 1; i < channel.samples.length; i += 3) most = Math.max(most, channel.samples[i]);
  return most;
}
function drawChannel({ channel, y, h }) {
  const { samples, holders } = channel, lines = Math.min(holders.length, MOST_HOLDERS), base = y + h - 4 - lines * HOLD, high = 20;
  const most = channel.most ??= fullest(channel), tall = value => value && Math.max(2, value / most * high);
  const born = Math.max(X(channel.start), 0), gone = Math.min(X(channel.end), W);
  rect(colour('line'), born, base, Math.max(gone - born, 0), 1);
  ctx.fillStyle = colour('wakeup');
  for (let i = 0; i < samples.length; i += 3) {
    const left = Math.max(X(samples[i]), 0), right = Math.min(i + 3 < samples.length ? X(samples[i + 3]) : gone, W);
    if (right < 0 || left > W) continue;
    const [peak, level] = [tall(samples[i + 1]), tall(samples[i + 2])];
    if (level) ctx.fillRect(left, base - level, Math.max(right - left, 1), level);
    if (peak > level) ctx.fillRect(left, base - peak, Math.max(Math.min(right - left, 2), 1), peak);
  }
  holders.slice(0, lines).forEach((holder, i) => {
    const left = Math.max(X(holder.start), 0), right = Math.min(X(holder.end ?? duration), W);
    const ink = colour(holder.reads && holder.writes ? 'fork' : holder.reads ? 'run' : 'signal');
    if (right > left) rect(ink, left, base + 3 + i * HOLD, Math.max(right - left, 2), HOLD - 2);
  });
}
function waitingAt({ samples }, t) {
  let value = 0;
  for (let i = 0; i < samples.length && samples[i] <= t; i += 3) value = samples[i + 2];
  return value;
}
function describeChannel({ channel, t }) {
  const amount = waitingAt(channel, t), isCount = channel.kind === 'eventfd';
  const has = h => `pid ${h.pid} ${[h.reads && 'reads', h.writes && 'writes'].filter(Boolean).join(' and ')} by fd ${h.fd}`;
  const holders = channel.holders.filter(h => h.start <= t && t <= (h.end ?? duration)).map(has);
  const told = [
    ['Time', at(t, 9)], ['Waiting', isCount ? `count ${count(amount)}` : many(amount, 'byte')], ['Fullest', isCount ? count(fullest(channel)) : many(fullest(channel), 'byte')],
    ['Made by', channel.maker && `pid ${channel.maker} at ${at(channel.start)}`], ['Owner', channel.owner],
    ['Who has it', holders.join('; ') || 'nobody'], ['Findings', channel.findings.join(', ')],
  ];
  return [el('code', {}, channel.name), facts(told), el('pre', { class: 'family' }, ...channel.family.split('\n').map(line => el('div', {}, line || ' ')))];
}
