"""On what machine the figures were taken, and with what."""

import os
import platform
import subprocess
import time


def first_line(command):
    try:
        text = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return text.splitlines()[0].strip() if text.strip() else None


def read_field(path, name):
    """The value of the first line `name : value` in a file of /proc."""
    try:
        with open(path) as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == name:
                    return value.strip()
    except OSError:
        pass
    return None


def describe():
    memory = read_field("/proc/meminfo", "MemTotal")
    return {
        "cpu": read_field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": int(memory.split()[0]) * 1024 if memory else None,
        "kernel": platform.release(),
        "virtual": "hypervisor" in (read_field("/proc/cpuinfo", "flags") or "").split(),
        "strace": first_line(["strace", "--version"]),
        "user": "root" if os.geteuid() == 0 else "ordinary",
        # Others' work at the same time makes figures doubtful: say how much there was.
        "load_average": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def sentence(machine):
    memory = machine["memory_bytes"]
    return ", ".join(filter(None, [
        machine["cpu"], f"{machine['cores']} cores" + (" (virtual)" if machine["virtual"] else ""),
        f"{memory / (1 << 30):.0f} GiB" if memory else None, f"Linux {machine['kernel']}",
        machine["strace"] and machine["strace"].replace(" -- ", " "), f"{machine['user']} user",
        f"load {machine['load_average']:.1f} at the start", machine["date"]]))
