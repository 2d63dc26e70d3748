"""Firefox, driven over its own protocol, Marionette, with the standard library only: what geckodriver translates WebDriver to.
https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html: each message is its length in ASCII digits, a colon, and JSON:
[0, number, command, parameters] to the browser, and [1, number, error, result] back."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

# Shown to nobody: no first-run pages, no look-ups in the network; and the port is the system's choice, written into the profile.
PREFERENCES = {
    "marionette.port": 0, "app.update.disabledForTesting": True, "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0, "browser.startup.homepage_override.mstone": "ignore", "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False, "network.captive-portal-service.enabled": False, "network.connectivity-service.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False, "app.normandy.enabled": False, "extensions.update.enabled": False,
}


class Marionette:
    """A running Firefox with one window."""

    def __init__(self, program, dark=False):
        self.profile = tempfile.mkdtemp(prefix="firefox-")
        preferences = {**PREFERENCES, "ui.systemUsesDarkTheme": int(dark), "layout.css.prefers-color-scheme.content-override": 0 if dark else 1}
        with open(os.path.join(self.profile, "user.js"), "w") as file:
            file.writelines(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items())
        # System access: only to read what the page has written to the console.
        arguments = ["--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", self.profile]
        self.browser = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "HOME": self.profile, "MOZ_CRASHREPORTER_DISABLE": "1"})
        self.number = 0
        self.socket = socket.create_connection(("127.0.0.1", self.find_port()), timeout=120)
        self.stream = self.socket.makefile("rb")
        self.receive()  # who it is, and that it speaks version 3
        self.command("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {}}})

    def find_port(self, deadline=60):
        end = time.monotonic() + deadline
        path = os.path.join(self.profile, "MarionetteActivePort")
        while time.monotonic() < end and self.browser.poll() is None:
            try:
                with open(path) as file:
                    if text := file.read().strip():
                        return int(text)
            except FileNotFoundError:
                pass
            time.sleep(0.05)
        self.end()
        raise RuntimeError("Firefox has not said at which port it listens")

    def receive(self):
        digits = b""
        while not digits.endswith(b":"):
            if not (byte := self.stream.read(1)):
                raise RuntimeError("Firefox has ended")
            digits += byte
        return json.loads(self.stream.read(int(digits[:-1])))

    def command(self, name, parameters=None):
        self.number += 1
        message = json.dumps([0, self.number, name, parameters or {}]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        while (answer := self.receive())[:2] != [1, self.number]:
            pass
        if answer[2]:
            raise RuntimeError(answer[2]["message"])
        # Results that are no object come as the value of one.
        result = answer[3]
        return result["value"] if isinstance(result, dict) and list(result) == ["value"] else result

    def complaints(self, page):
        """Errors of the page's scripts, which the browser keeps for its console."""
        self.command("Marionette:SetContext", {"value": "chrome"})
        try:
            script = """return Services.console.getMessageArray().filter(m => m instanceof Ci.nsIScriptError
              && !(m.flags & Ci.nsIScriptError.warningFlag) && m.sourceName.startsWith(arguments[0])).map(m => m.errorMessage);"""
            return self.command("WebDriver:ExecuteScript", {"script": script, "args": [page]})
        finally:
            self.command("Marionette:SetContext", {"value": "content"})

    def end(self):
        self.browser.terminate()
        try:
            self.browser.wait(30)
        except subprocess.TimeoutExpired:
            self.browser.kill()
            self.browser.wait()
        shutil.rmtree(self.profile, ignore_errors=True)
