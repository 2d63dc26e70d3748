# victim: an idle source that returns True keeps the main loop from waiting
# expect: zero-timeout-spin victim=root
# forbid: busy-poll
# needs: python3-gi
#
import time

from gi.repository import GLib

loop = GLib.MainLoop()
end = time.monotonic() + 1.5


def idle():
    if time.monotonic() < end:
        return True
    loop.quit()
    return False


GLib.idle_add(idle)
loop.run()
