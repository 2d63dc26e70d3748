"""check_escaping.py BROWSER PAGE: opens the report of a trace whose every text tries to run a script, and shows all of it. Prints a JSON
object: what the page has made of it. Ends with 77 where the browser is not installed."""
import json
import sys

from webdriver import Browser, Missing

# All that a reader can open; what it shows is on the page afterwards.
SHOW_ALL = """
const pause = ms => new Promise(done => setTimeout(done, ms));
return (async () => {
  const shown = [];
  for (const button of document.querySelectorAll('.finding .go, .finding .evidence button, .finding summary, details summary, #table button')) {
    button.click();
    await pause(20);
    shown.push(document.body.textContent);
  }
  // Along the lanes, so that what lies under the pointer is said.
  const canvas = document.querySelector('#canvas'), box = canvas.getBoundingClientRect();
  for (let y = 4; y < box.height; y += 8)
    for (let x = 10; x < box.width; x += box.width / 12) {
      const at = { clientX: box.left + x, clientY: box.top + y, bubbles: true };
      for (const kind of ['pointermove', 'mousemove']) canvas.dispatchEvent(new PointerEvent(kind, at));
      canvas.dispatchEvent(new MouseEvent('click', at));
      if (y % 24 === 4) await pause(2);
    }
  await pause(200);
  shown.push(document.body.textContent);
  return [...new Set(shown)].join('\\n');
})();
"""


def main():
    browser_name, page = sys.argv[1:]
    try:
        browser = Browser(browser_name)
    except Missing as missing:
        print(missing, file=sys.stderr)
        sys.exit(77)
    with browser:
        browser.open(page)
        browser.until("return Number(document.querySelector('#gutter').dataset.rows ?? 0)")
        text = browser.run(SHOW_ALL)
        seen = {
            "pwned": browser.run("return typeof window.pwned"),
            "title": browser.run("return document.title"),
            "images": browser.run("return document.querySelectorAll('img, svg[onload], iframe, object, embed').length"),
            "scripts": browser.run("return document.querySelectorAll('script').length"),
            "shows_markup": "<img src=x" in text,
            "findings": browser.run("return document.querySelectorAll('.finding').length"),
            "harmful": sorted({f"{ord(c):x}" for c in text if c in "\x1b\x07\x7f\x9b\u202e\u2066\u061c\u200b\u2028\U000e0041"}),
            "complaints": browser.complaints(),
        }
    print(json.dumps(seen))


main()
