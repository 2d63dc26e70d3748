"""check_page.py BROWSER PAGE [--passing PAGE] [--screenshots FOLDER]: opens a report in a real browser and uses it as a reader would: with
mouse, keys and fingers. Prints a JSON object: what was seen, and how long it took in ms. Ends with 77 where the browser is not installed.
--passing: the page of a trace in which a descriptor is passed by SCM_RIGHTS."""
import argparse
import json
import os
import re
import sys
import tempfile
import time

from webdriver import Browser, Missing

ROWS = "return Number(document.querySelector('#gutter').dataset.rows ?? 0)"
RANGE = "return document.querySelector('#range').textContent"
DETAIL = "return document.querySelector('#facts-of').textContent"
ENTER, ESCAPE, SHIFT, LEFT, UP, RIGHT, DOWN = "\ue007", "\ue00c", "\ue008", "\ue012", "\ue013", "\ue014", "\ue015"
BAR, LOWEST = 18, 4  # a thread's bar, and how far above its row's end it stands (Page/view.js)
FRAMES = """
const scroller = document.querySelector('#scroller'), press = key => scroller.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
const frame = () => new Promise(done => requestAnimationFrame(() => {
  const began = performance.now(), channel = new MessageChannel();
  channel.port1.onmessage = () => done(performance.now() - began);
  channel.port2.postMessage(null);
}));
const middle = times => times.sort((a, b) => a - b)[times.length >> 1];
return (async () => {
  const full = [], near = [];
  for (let i = 0; i < 15; i++) { press('Home'); full.push(await frame()); }
  for (let i = 0; i < 12; i++) { press('+'); await frame(); }
  for (let i = 0; i < 15; i++) { press(i % 2 ? 'ArrowLeft' : 'ArrowRight'); near.push(await frame()); }
  press('Home');
  await frame();
  return { full: middle(full), near: middle(near) };
})();
"""
# Where a thread's bar is in the window: its ends and its middle.
BAR_OF = f"""
const row = [...document.querySelectorAll('#gutter .lane:not(.channel)')].find(e => e.querySelector('code').textContent === arguments[0]);
if (!row) return null;
row.scrollIntoView({{ block: arguments[1] ?? 'center' }});
const canvas = document.querySelector('#canvas').getBoundingClientRect();
return {{ left: canvas.left, width: canvas.width, y: row.getBoundingClientRect().bottom - {LOWEST} - {BAR} / 2 }};
"""


class Reader:
    """Somebody who reads a page."""

    def __init__(self, browser, page):
        self.browser = browser
        began = time.monotonic()
        browser.open(page)
        browser.until(ROWS)
        self.open_ms = round((time.monotonic() - began) * 1000)

    def view(self):
        """The times at the canvas's left and right, ns."""
        return tuple(float(t) for t in self.browser.run("return document.querySelector('#range').dataset.view").split())

    def place(self, tid, time_ns):
        """Where a moment of a thread is in the window."""
        bar, (t0, t1) = self.browser.run(BAR_OF, str(tid), "nearest"), self.view()
        return bar["left"] + bar["width"] * (time_ns - t0) / (t1 - t0), bar["y"]

    def search(self, words):
        self.browser.run("document.querySelector('#query').value = ''")
        self.browser.type("#query", words)
        self.browser.until("return document.querySelector('#found').textContent")
        found = self.browser.run("return document.querySelector('#found').textContent")
        self.browser.type("#query", ENTER)
        return found, self.browser.until("return document.querySelector('#found').textContent.includes(' of ') && document.querySelector('#found').textContent")

    def detail(self):
        return self.browser.run(DETAIL)

    def close_detail(self):
        self.browser.run("document.querySelector('#scroller').focus()")
        self.browser.keys(ESCAPE)
        self.browser.until("return document.querySelector('#facts-of').matches(':empty')")


def use_findings(reader, seen):
    """A click on a finding goes to its place in time; one on its evidence shows that."""
    browser = reader.browser
    whole = browser.run(RANGE)
    browser.click(".finding .go")
    browser.until("return document.querySelector('.finding.open') && location.hash.includes('f=F')")
    seen["moved"] = browser.run(RANGE) != whole
    browser.click(".finding.open .evidence button")
    browser.until("return !document.querySelector('#facts-of').matches(':empty')")
    seen["detail"] = reader.detail()
    reader.close_detail()


def use_slices(reader, seen):
    """A click on a slice shows its call; keys go from call to call, and into the details."""
    browser = reader.browser
    spinning = browser.run("return document.querySelector('#gutter [data-party=victim] code')?.textContent")
    if spinning:
        browser.click("#timeline [data-key=Home]")
        bar = browser.run(BAR_OF, spinning)
        at = (bar["left"] + bar["width"] * 0.7, bar["y"])
        browser.pointer(("down", *at), ("up", *at))
        browser.until("return !document.querySelector('#facts-of').matches(':empty')")
        seen["spin"] = reader.detail()
        seen["command"] = browser.run("return document.querySelector('#facts-of .command code')?.textContent")
        reader.close_detail()
    # The row below the last one is none: where the keys end is the last thread.
    browser.run("document.querySelector('#scroller').focus()")
    browser.keys(*[DOWN] * 20, held=SHIFT)
    seen["by_keys"] = []
    for _ in range(40):
        browser.keys(RIGHT, held=SHIFT)
        if reader.detail() in seen["by_keys"]:
            break
        seen["by_keys"].append(reader.detail())
        if browser.run("return !!document.querySelector('#facts-of .stack li.blamed')"):
            seen["stack"] = browser.run("return document.querySelector('#facts-of .stack li.blamed').textContent")
            break
    browser.keys(ENTER)
    seen["focused"] = browser.run("return document.activeElement.id")
    reader.close_detail()


def use_channels(reader, seen):
    """A click on a channel's row shows who has it, and the family trees of its open files."""
    browser = reader.browser
    box = browser.run("""const row = document.querySelector('#gutter .channel');
      row?.scrollIntoView({ block: 'center' });
      const { top, height } = row?.getBoundingClientRect() ?? {}, { left, width } = document.querySelector('#canvas').getBoundingClientRect();
      return row && { x: left + width / 2, y: top + height / 2 };""")
    if box:
        browser.pointer(("down", box["x"], box["y"]), ("up", box["x"], box["y"]))
        browser.until("return !document.querySelector('#facts-of').matches(':empty')")
        seen["family"] = browser.run("return document.querySelector('#facts-of .family')?.textContent")
        reader.close_detail()


def use_wheel(reader, seen):
    """The wheel zooms, and the address brings the view back."""
    browser = reader.browser
    before = browser.run(RANGE)
    browser.run("document.querySelector('#timeline').scrollIntoView()")
    address = browser.run("return location.hash")
    # Who has just scrolled the page does not mean the timeline (the page's own rule), so it may take more than one turn of the wheel.
    end = time.monotonic() + 30
    seen["zoomed"] = False
    while not seen["zoomed"] and time.monotonic() < end:
        browser.wheel("#canvas", 0, 0, -400)
        seen["zoomed"] = browser.run(RANGE) != before
    # The address follows once the view has come to rest.
    browser.until(f"return location.hash !== {json.dumps(address)}")
    zoomed = browser.run(RANGE)
    browser.refresh()
    browser.until(ROWS)
    seen["restored"] = browser.run(RANGE) == zoomed


def use_fingers(reader, seen):
    """One finger moves the view, two change how much is seen, and a tap shows what is there."""
    browser = reader.browser

    def after(*tracks):
        before = reader.view()
        browser.fingers(*tracks)
        after = reader.view()
        return after[0] - before[0], (after[1] - after[0]) - (before[1] - before[0])

    browser.run("document.querySelector('#timeline').scrollIntoView()")
    box = browser.run("const { left, top, width } = document.querySelector('#canvas').getBoundingClientRect(); return { left, top, width }")
    x, y = box["left"] + box["width"] / 2, box["top"] + 90
    moved, wider = after([("down", x, y), ("move", x - 30, y), ("move", x - 90, y), ("up", x - 90, y)])
    seen["panned"] = moved > 0 and abs(wider) < 2
    _, wider = after(
        [("down", x - 40, y), ("move", x - 60, y), ("move", x - 110, y), ("up", x - 110, y)],
        [("down", x + 40, y), ("move", x + 60, y), ("move", x + 110, y), ("up", x + 110, y)])
    seen["pinched"] = wider < 0
    browser.click("#timeline [data-key=Home]")
    browser.fingers([("down", x, y), ("up", x, y)])
    browser.until("return !document.querySelector('#facts-of').matches(':empty')")
    seen["tapped"] = reader.detail()
    browser.click("#detail button")


def use_tables(reader, seen):
    browser = reader.browser
    seen["found"], seen["next"] = reader.search("write")
    reader.close_detail()
    browser.click("#tables summary")
    browser.until("return document.querySelectorAll('#tables tbody tr').length")
    seen["table_rows"] = browser.run("return [...document.querySelectorAll('#tables tbody')].map(body => body.children.length)")
    browser.click("#only")
    seen["rows_of_findings"] = browser.run(ROWS)


def use_arrow(reader, seen):
    """Search finds the arrow; a click on its middle tells the same."""
    browser = reader.browser
    reader.search("passed by message")
    seen["arrow"] = reader.detail()
    ends = re.findall(r"(?:From|To)(?:\d+/)?(\d+) .*?, at ([\d.]+) s", seen["arrow"])
    reader.close_detail()
    browser.run("document.querySelector('#timeline').scrollIntoView()")
    places = [reader.place(tid, float(seconds) * 1e9) for tid, seconds in ends]
    down = 1 if places[0][1] < places[1][1] else -1
    x, y = (sum(pair) / 2 for pair in zip(*[(places[0][0], places[0][1] + down * BAR / 2), (places[1][0], places[1][1] - down * (BAR / 2 + 5))]))
    browser.pointer(("down", x, y), ("up", x, y))
    browser.until("return !document.querySelector('#facts-of').matches(':empty')")
    seen["arrow_clicked"] = reader.detail()


def use(browser, options):
    reader = Reader(browser, options.page)
    seen = {"open_ms": reader.open_ms}

    def picture(name):
        if options.screenshots:
            browser.screenshot(os.path.join(options.screenshots, f"{name}.png"))

    picture("page")
    seen["findings"] = browser.run("return [...document.querySelectorAll('.finding h3 code')].map(code => code.textContent)")
    seen["rows"] = browser.run(ROWS)
    seen["redraw_ms"] = {kind: round(ms, 1) for kind, ms in browser.run(FRAMES).items()}
    if seen["findings"]:
        use_findings(reader, seen)
    use_slices(reader, seen)
    picture("call")
    use_channels(reader, seen)
    use_wheel(reader, seen)
    use_fingers(reader, seen)
    with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
        browser.print(file.name)
        seen["printed"] = file.read(5).decode() == "%PDF-"
    use_tables(reader, seen)
    browser.resize(500, 800)
    seen["overflow"] = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    picture("narrow")
    browser.resize(1280, 900)
    if options.passing:
        use_arrow(Reader(browser, options.passing), seen)
        picture("arrow")
    seen["complaints"] = browser.complaints()
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("browser", choices=["chromium", "firefox"])
    parser.add_argument("page")
    parser.add_argument("--passing")
    parser.add_argument("--screenshots")
    options = parser.parse_args()
    try:
        with Browser(options.browser) as browser:
            print(json.dumps(use(browser, options), indent=1, ensure_ascii=False))
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
