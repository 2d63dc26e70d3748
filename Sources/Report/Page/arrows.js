// ---- Arrows
// From cause to effect. Their kinds differ in dashes too (as in the legend), and a click tells what an arrow stands for.
const DASHES = { clone: [12, 3], wakeup: [6, 3], signal: [2, 3], wakes: [1, 2], pass: [10, 3, 2, 3] };
const GRIPS = [0.2, 0.35, 0.5, 0.65, 0.8]; // where an arrow's line can be pointed at, besides its ends
function drawFlows() {
  const seen = new Set(), own = f => !!selected?.arrows.has(f), shown = flows.filter(f => {
    const x0 = X(f.from.t), x1 = X(f.to.t), spot = (f.from.lane * lanes.length + f.to.lane) * 4096 + (x0 >> 2);
    if (f.from.lane === f.to.lane || !rowOf.has(f.from.lane) || !rowOf.has(f.to.lane) || Math.max(x0, x1) < -9 || Math.min(x0, x1) > W + 9 || (seen.has(spot) && !own(f))) return false;
    return seen.add(spot); // a thousand arrows on one spot are one arrow
  });
  // A thicket of arrows hides what it should explain, so then only the finding's are drawn; these come last, on top.
  for (const flow of [...shown.length > 150 ? [] : shown.filter(f => !own(f)), ...shown.filter(own)]) drawFlow(flow, own(flow));
}
function drawFlow(flow, strong) {
  const a = rowOf.get(flow.from.lane), b = rowOf.get(flow.to.lane), x0 = X(flow.from.t), x1 = X(flow.to.t), isPicked = picked?.flow === flow;
  const down = a.y < b.y ? 1 : -1, [y0, y1] = [a.y + a.h - (down > 0 ? 4 : BAR + 4), b.y + b.h - (down < 0 ? 4 : BAR + 4)];
  const size = strong ? 8 : 5, end = y1 - down * size, middle = (y0 + y1) / 2, line = new Path2D(`M${x0} ${y0}C${x0} ${middle} ${x1} ${middle} ${x1} ${end}`);
  for (const [ink, extra] of [['paper', 3], [flow.kind, 0]]) {
    Object.assign(ctx, { strokeStyle: colour(ink), fillStyle: colour(ink), lineWidth: (strong || isPicked ? 2.5 : 1) + extra });
    ctx.setLineDash(DASHES[ink] ?? []);
    ctx.stroke(line);
  }
  ctx.setLineDash([]);
  ctx.fill(new Path2D(`M${x1} ${y1}l${-size / 2} ${-down * size}h${size}Z`));
  const item = arrowItem(flow);
  hits.push({ x: x0, y: y0, item }, { x: x1, y: y1, item });
  for (const p of GRIPS) {
    const q = 1 - p, [near, far] = [q ** 3 + 3 * q * q * p, 3 * q * p * p + p ** 3]; // both handles of the curve lie half way
    hits.push({ x: x0 * near + x1 * far, y: q ** 3 * y0 + 3 * q * p * middle + p ** 3 * end, item });
  }
  if (strong && flow.kind !== 'fork') remark(flow.label, ...down > 0 ? [x1, y1 - 11] : [x0, y0 - 11], colour(flow.kind));
}
const arrowItem = flow => ({ flow, finding: flow.finding, lane: flow.to.lane, t: flow.to.t });
function describeFlow({ flow, finding }) {
  const { kind, from, to, label } = flow, end = ({ lane, t }) => `${lanes[lane]?.full}, at ${at(t, 9)}`;
  return [el('code', {}, label || kind), facts([
    ['Arrow', arrowWords[kind] ?? kind], ['From', end(from)], ['To', end(to)], ['Takes', to.t > from.t && span(to.t - from.t)], ['Finding', finding],
  ])];
}
