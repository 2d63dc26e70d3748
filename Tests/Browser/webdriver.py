"""A browser, driven by its driver over the W3C WebDriver protocol (https://www.w3.org/TR/webdriver2/), with the standard library only."""
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # section 11
BROWSERS = {
    "chromium": ("chromedriver", "chromium", "goog:chromeOptions", ["--headless=new", "--disable-gpu", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]),
    "firefox": ("geckodriver", "firefox-esr", "moz:firefoxOptions", ["-headless"]),
}


class Missing(Exception):
    """The browser or its driver is not installed."""


class Browser:
    """One window. Use it as a context: it ends driver and browser."""

    def __init__(self, name, width=1280, height=900, dark=False):
        driver, program, options, arguments = BROWSERS[name]
        if not shutil.which(driver) or not shutil.which(program):
            raise Missing(f"{program} or {driver} is not installed")
        arguments = arguments + ([f"--window-size={width},{height}"] + (["--force-dark-mode"] if dark else []) if name == "chromium" else [])
        self.driver = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.port = self.find_port()
        wanted = {"browserName": name, options: {"args": arguments, "binary": shutil.which(program)}}
        if name == "chromium":
            wanted["browserName"] = "chrome"
            wanted["goog:loggingPrefs"] = {"browser": "ALL"}
        self.session = ""
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = "/session/" + session["sessionId"]
        self.call("POST", "/window/rect", {"width": width, "height": height})
        self.call("POST", "/timeouts", {"script": 60_000, "pageLoad": 60_000})

    def find_port(self):
        for line in self.driver.stdout:
            words = line.replace(".", " ").split()
            if "started" in line or "Listening" in line:
                numbers = [word.rpartition(":")[2] for word in words if word.rpartition(":")[2].isdigit()]
                if numbers:
                    return int(numbers[-1])
        raise Missing("the driver has not started")

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{self.session}{path}", method=method,
            data=None if method == "GET" else json.dumps(body or {}).encode(), headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def open(self, path):
        self.call("POST", "/url", {"url": "file://" + os.path.abspath(path)})

    def run(self, script, *arguments):
        """The value of a script's `return`; promises are waited for."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, script, deadline=30):
        """Waits until the script returns something true, and returns that."""
        end = time.monotonic() + deadline
        while not (value := self.run(script)):
            if time.monotonic() > end:
                raise RuntimeError(f"never came: {script}")
            time.sleep(0.02)
        return value

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click")

    def type(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def pointer(self, selector, *steps):
        """Presses, moves and releases the mouse: steps are (kind, x, y) from the element's middle; kinds down, up, move."""
        actions = []
        for kind, x, y in steps:
            actions.append({"type": "pointerMove", "x": x, "y": y, "origin": {ELEMENT: self.find(selector)}})
            if kind != "move":
                actions.append({"type": {"down": "pointerDown", "up": "pointerUp"}[kind], "button": 0})
        self.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]})

    def wheel(self, selector, x, y, by):
        action = {"type": "scroll", "x": x, "y": y, "deltaX": 0, "deltaY": by, "origin": {ELEMENT: self.find(selector)}}
        self.call("POST", "/actions", {"actions": [{"type": "wheel", "id": "wheel", "actions": [action]}]})

    def screenshot(self, path):
        import base64
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("GET", "/screenshot")))

    def complaints(self):
        """What the page wrote to the console as errors (Chromium tells; Firefox does not)."""
        try:
            return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]
        except RuntimeError:
            return []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(30)
