"""Chromium, driven by its driver over HTTP, with the standard library only."""
import json
import subprocess
import urllib.error
import urllib.request

ARGUMENTS = ["--headless=new", "--disable-gpu", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]
# Of WebDriver's commands (https://www.w3.org/TR/webdriver2/, section 6.3) those that are used here, by the names that Marionette gives them.
ENDPOINTS = {
    "Navigate": ("POST", "/url"), "Refresh": ("POST", "/refresh"), "ExecuteScript": ("POST", "/execute/sync"),
    "FindElement": ("POST", "/element"), "ElementClick": ("POST", "/element/{id}/click"), "ElementSendKeys": ("POST", "/element/{id}/value"),
    "PerformActions": ("POST", "/actions"), "SetWindowRect": ("POST", "/window/rect"), "SetTimeouts": ("POST", "/timeouts"),
    "TakeScreenshot": ("GET", "/screenshot"), "Print": ("POST", "/print"),
}


class Chromedriver:
    """A running Chromium with one window."""

    def __init__(self, driver, program, dark=False):
        arguments = ARGUMENTS + (["--force-dark-mode", "--enable-features=WebContentsForceDark:inversion_method/none"] if dark else [])
        self.driver = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.address = f"http://127.0.0.1:{self.find_port()}/session"
        options = {"args": arguments, "binary": program}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.address += "/" + self.call("POST", "", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def find_port(self):
        for line in self.driver.stdout:
            words = line.replace(".", " ").split()
            if "started" in line and words and words[-1].isdigit():
                return int(words[-1])
        raise RuntimeError("chromedriver has not said at which port it listens")

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            self.address + path, method=method, data=None if method == "GET" else json.dumps(body or {}).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def command(self, name, parameters=None):
        method, path = ENDPOINTS[name.removeprefix("WebDriver:")]
        return self.call(method, path.format(**parameters or {}), parameters)

    def devtools(self, name, parameters):
        """A command of the DevTools protocol, for what WebDriver has no words for."""
        return self.call("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def complaints(self, _):
        """What the page wrote to the console as errors."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]

    def end(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(30)
