"""check_page.py BROWSER PAGE [--screenshots FOLDER]: opens a report in a real browser and uses it as a reader would. Prints a JSON object:
what was seen, and how long it took in ms. Ends with 77 where the browser is not installed."""
import argparse
import json
import os
import sys
import time

from webdriver import Browser, Missing

ROWS = "return Number(document.querySelector('#gutter').dataset.rows ?? 0)"
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


def use(browser, page, screenshots):
    seen = {}
    began = time.monotonic()
    browser.open(page)
    browser.until(ROWS)
    seen["open_ms"] = round((time.monotonic() - began) * 1000)
    if screenshots:
        browser.screenshot(os.path.join(screenshots, "page.png"))
    seen["findings"] = browser.run("return [...document.querySelectorAll('.finding h3 code')].map(code => code.textContent)")
    seen["rows"] = browser.run(ROWS)
    seen["redraw_ms"] = {kind: round(ms, 1) for kind, ms in browser.run(FRAMES).items()}
    # A click on a finding goes to its place in time.
    whole = browser.run("return document.querySelector('#range').textContent")
    if seen["findings"]:
        browser.click(".finding .go")
        browser.until("return document.querySelector('.finding.open') && location.hash.includes('f=F')")
        seen["moved"] = browser.run("return document.querySelector('#range').textContent") != whole
        browser.click(".finding.open .evidence button")
        browser.until("return !document.querySelector('#detail #facts-of').matches(':empty')")
        seen["detail"] = browser.run("return document.querySelector('#facts-of').textContent")
    # The wheel zooms, a key shows all again, and the address brings the view back.
    before = browser.run("return document.querySelector('#range').textContent")
    browser.run("document.querySelector('#timeline').scrollIntoView()")
    address = browser.run("return location.hash")
    # Who has just scrolled the page does not mean the timeline (the page's own rule), so it may take more than one turn of the wheel.
    end = time.monotonic() + 30
    seen["zoomed"] = False
    while not seen["zoomed"] and time.monotonic() < end:
        browser.wheel("#canvas", 0, 0, -400)
        seen["zoomed"] = browser.run(f"return document.querySelector('#range').textContent !== {json.dumps(before)}")
    # The address follows once the view has come to rest.
    browser.until(f"return location.hash !== {json.dumps(address)}")
    zoomed = browser.run("return document.querySelector('#range').textContent")
    browser.call("POST", "/refresh")
    browser.until(ROWS)
    seen["restored"] = browser.run("return document.querySelector('#range').textContent") == zoomed
    # Search.
    browser.type("#query", "write")
    browser.until("return document.querySelector('#found').textContent")
    seen["found"] = browser.run("return document.querySelector('#found').textContent")
    browser.type("#query", "\ue007")
    seen["next"] = browser.until("return document.querySelector('#found').textContent.includes(' of ') && document.querySelector('#found').textContent")
    # Keys and the tables of the same.
    browser.click("#tables summary")
    browser.until("return document.querySelectorAll('#tables tbody tr').length")
    seen["table_rows"] = browser.run("return [...document.querySelectorAll('#tables tbody')].map(body => body.children.length)")
    browser.click("#only")
    seen["rows_of_findings"] = browser.run(ROWS)
    browser.call("POST", "/window/rect", {"width": 500, "height": 800})
    seen["overflow"] = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if screenshots:
        browser.screenshot(os.path.join(screenshots, "narrow.png"))
    seen["complaints"] = browser.complaints()
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("browser", choices=["chromium", "firefox"])
    parser.add_argument("page")
    parser.add_argument("--screenshots")
    options = parser.parse_args()
    try:
        with Browser(options.browser) as browser:
            print(json.dumps(use(browser, options.page, options.screenshots), indent=1, ensure_ascii=False))
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
