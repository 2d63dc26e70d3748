// ---- Calls
// What a slice stands for: the call whole, with its arguments, result and stack; of many the first one, and what the others differ in.
const DIFFERENCES = ['what is called', 'arguments', 'results']; // bits of a slice's differences (Timeline.swift)
function sliceAt(lane, i, merged = 1) {
  const { slices } = lanes[lane], entry = slices[i + 3] * ENTRY, n = slices[i + 4];
  return {
    lane, i, merged, t: slices[i], length: slices[i + 1], kind: RANK[slices[i + 2]], calls: Math.floor(n / 8), differences: n % 8,
    label: labels[entries[entry + 1]], text: texts[entries[entry + 2]], frames: stacks[entries[entry + 3]]?.map(place => frameTable[place]),
  };
}
const facts = pairs => el('dl', {}, ...pairs.filter(([, value]) => value).flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
const quoted = word => /^[\w@%+=:,./][\w@%+=:,./-]*$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
// The command that tells of every call of a process in a stretch of time. Times in s: down and up to a whole µs.
function dumpCommand({ lane, t, length = 0 }) {
  const since = Math.floor(t / 1e3), until = Math.ceil((t + length) / 1e3) + 1, seconds = us => (us / 1e6).toFixed(6);
  const path = data.path.startsWith('-') ? `./${data.path}` : data.path;
  return `faultline dump --stacks --pid ${lanes[lane].pid}${since ? ` --since ${seconds(since)}` : ''} --until ${seconds(until)} ${quoted(path)}`;
}
function describeSlice(item) {
  const { lane, t, length, kind, label, text, calls, differences, merged, frames } = item, thread = lanes[lane];
  const parts = DIFFERENCES.filter((_, bit) => differences >> bit & 1), isMany = calls > 1;
  const same = kind === 'spin' ? 'alike in what they ask' : 'alike';
  return [
    el('code', {}, text ?? label),
    facts([
      ['What', words[kind]], ['On', text && label], ['Thread', thread.full], ['Process', `${thread.pid} ${processes[thread.process].command}`],
      ['Time', `${at(t, 9)} to ${at(t + length, 9)}`], ['Lasts', span(length)],
      ['Calls', isMany && `${count(calls)}, ${count(calls / length * 1e9)} per second, ${parts.length ? `which differ in ${listed(parts)}${text ? '; shown is the first' : ''}` : same}`],
      ['Stack', !frames && (text || !isMany) && 'none was taken here (faultline trace --stacks all takes one at every call)'],
      ['Here', merged > 1 && `${count(merged)} entries share this spot; zoom in to tell them apart`],
    ]),
    ...text === undefined || isMany || merged > 1 ? [el('p', { class: 'command' }, text === undefined ? 'Its arguments and result have no room in this page. This shows them: ' : 'This shows them one by one: ', el('code', {}, dumpCommand(item)))] : [],
    ...stackLines(frames),
  ];
}
const listed = parts => parts.length < 2 ? parts.join() : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
const stackLines = frames => frames?.length ? [el('ol', { class: 'stack', 'aria-label': 'Stack, innermost first' }, ...frames.map(frameLine))] : [];
const whereOf = s => s.file ? `${s.file}:${s.line ?? '?'}` : `${s.module ?? '?'}+0x${(s.offset ?? 0).toString(16)}`;
function frameLine(s) { return el('li', { class: s.blamed ? 'blamed' : s.library ? 'library' : null }, el('code', {}, `${s.function ?? '?'}  ${whereOf(s)}`)); }
