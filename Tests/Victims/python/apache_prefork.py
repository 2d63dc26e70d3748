#!/usr/bin/python3
# victim: Apache with the prefork MPM serves pages, restarts gracefully by its pipe of death, and stops
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: shared-epoll
# needs: apache2-bin
#
# No bug: the parent writes one byte for each child into a pipe that all children read; any of them may take any byte.
import os
import signal

from servers import Server, fetch, free_port, lacking, program, temporary_folder

MODULES = "/usr/lib/apache2/modules"
PAGE = b"x" * 3000

signal.alarm(60)
apache = program("apache2")
if not os.path.exists(f"{MODULES}/mod_mpm_prefork.so"):
    lacking("Apache's prefork module")
with temporary_folder() as folder:
    port = free_port()
    with open(os.path.join(folder, "page"), "wb") as file:
        file.write(PAGE)
    with open(os.path.join(folder, "httpd.conf"), "w", encoding="utf-8") as file:
        file.write(f"""ServerRoot {folder}
            ServerName localhost
            DefaultRuntimeDir {folder}
            PidFile {folder}/pid
            Listen 127.0.0.1:{port}
            DocumentRoot {folder}
            ErrorLog /dev/stderr
            LogLevel notice
            {'User nobody' if os.getuid() == 0 else ''}
            {'Group nogroup' if os.getuid() == 0 else ''}
            LoadModule mpm_prefork_module {MODULES}/mod_mpm_prefork.so
            LoadModule authz_core_module {MODULES}/mod_authz_core.so
            StartServers 3
            MinSpareServers 2
            MaxSpareServers 4
            """)
    # It signals its whole group in the end.
    with Server([apache, "-D", "FOREGROUND", "-f", f"{folder}/httpd.conf"], start_new_session=True) as server:
        server.wait_for("resuming normal operations")
        fetch(port, PAGE, 20)
        server.send(signal.SIGUSR1)
        server.wait_for("resuming normal operations")
        fetch(port, PAGE, 20)
        server.stop(signal.SIGTERM)
