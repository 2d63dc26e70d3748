"""A browser as a reader's hands and eyes, over the W3C WebDriver protocol (https://www.w3.org/TR/webdriver2/), with the standard library
only. Chromium has its driver (chromedriver.py); Firefox is spoken to itself (marionette.py)."""
import base64
import os
import shutil
import time

from chromedriver import Chromedriver
from marionette import Marionette

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # section 11
PROGRAMS = {"chromium": ["chromedriver", "chromium"], "firefox": ["firefox-esr"]}


class Missing(Exception):
    """The browser or its driver is not installed."""


class Browser:
    """One window. Use it as a context: it ends the browser."""

    def __init__(self, name, width=1280, height=900, dark=False):
        programs = [shutil.which(program) for program in PROGRAMS[name]]
        if None in programs:
            raise Missing(f"{' or '.join(PROGRAMS[name])} is not installed")
        self.name = name
        self.link = (Chromedriver if name == "chromium" else Marionette)(*programs, dark=dark)
        self.page = ""
        self.resize(width, height)
        self.command("SetTimeouts", {"script": 60_000, "pageLoad": 60_000})

    def command(self, name, parameters=None):
        return self.link.command(f"WebDriver:{name}", parameters)

    def resize(self, width, height):
        """The window; the page is a little smaller."""
        self.command("SetWindowRect", {"width": width, "height": height})

    def open(self, path):
        self.page = "file://" + os.path.abspath(path)
        self.command("Navigate", {"url": self.page})

    def refresh(self):
        self.command("Refresh")

    def run(self, script, *arguments):
        """The value of a script's `return`; promises are waited for."""
        return self.command("ExecuteScript", {"script": script, "args": list(arguments)})

    def until(self, script, deadline=30):
        """Waits until the script returns something true, and returns that."""
        end = time.monotonic() + deadline
        while not (value := self.run(script)):
            if time.monotonic() > end:
                raise RuntimeError(f"never came: {script}")
            time.sleep(0.02)
        return value

    def find(self, selector):
        return self.command("FindElement", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.command("ElementClick", {"id": self.find(selector)})

    def type(self, selector, text):
        self.command("ElementSendKeys", {"id": self.find(selector), "text": text})

    def keys(self, *keys, held=None):
        """Presses keys, one after the other, where the focus is; `held`: one that is down meanwhile."""
        presses = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        if held:
            presses = [{"type": "keyDown", "value": held}, *presses, {"type": "keyUp", "value": held}]
        self.act({"type": "key", "id": "keys", "actions": presses})

    def pointer(self, *steps, kind="mouse"):
        """Presses, moves and releases one pointer: steps are (what, x, y) in the window; what is down, up or move."""
        self.act(self.track("pointer", kind, steps))

    def fingers(self, *tracks):
        """As many fingers at once, each with its steps."""
        self.act(*(self.track(f"finger {i}", "touch", steps) for i, steps in enumerate(tracks)))

    @staticmethod
    def track(name, kind, steps):
        actions = []
        for what, x, y in steps:
            actions.append({"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0 if what == "down" else 60})
            actions.append({"type": {"down": "pointerDown", "up": "pointerUp"}[what], "button": 0} if what != "move" else {"type": "pause"})
        return {"type": "pointer", "id": name, "parameters": {"pointerType": kind}, "actions": actions}

    def wheel(self, selector, x, y, by):
        action = {"type": "scroll", "x": x, "y": y, "deltaX": 0, "deltaY": by, "origin": {ELEMENT: self.find(selector)}}
        self.act({"type": "wheel", "id": "wheel", "actions": [action]})

    def act(self, *tracks):
        self.command("PerformActions", {"actions": list(tracks)})

    def screenshot(self, path):
        picture = self.command("TakeScreenshot", {"full": False} if self.name == "firefox" else None)
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture))

    def print(self, path):
        """The pages that a printer would get, as PDF."""
        pages = self.command("Print", {"background": True})
        with open(path, "wb") as file:
            file.write(base64.b64decode(pages))

    def complaints(self):
        """Errors that the page's scripts have met."""
        return self.link.complaints(self.page)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.end()
