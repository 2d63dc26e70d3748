#!/usr/bin/python3
# victim: nginx with two workers on one listening socket serves pages, reloads, serves again and quits
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: shared-epoll
# forbid: ghost-epoll-entry
# needs: nginx
#
# No bug: the master tells its workers of signals through socketpairs, one direction each; each worker has its own epoll
# instance and closes what is not its own.
import os
import signal

from servers import Server, fetch, free_port, program, temporary_folder

PAGE = b"x" * 3000

signal.alarm(60)
nginx = program("nginx")
with temporary_folder() as folder:
    port = free_port()
    with open(os.path.join(folder, "page"), "wb") as file:
        file.write(PAGE)
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="utf-8") as file:
        file.write(f"""daemon off; worker_processes 2; pid {folder}/pid; error_log stderr notice;
            {'user root;' if os.getuid() == 0 else ''}
            events {{ worker_connections 64; }}
            http {{ access_log off; root {folder};
                {' '.join(f'{kind}_temp_path {folder}/{kind};' for kind in
                          ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))}
                server {{ listen 127.0.0.1:{port}; }} }}""")
    with Server([nginx, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr"]) as server:
        server.wait_for("start worker process ", times=2)
        fetch(port, PAGE, 20)
        server.send(signal.SIGHUP)
        server.wait_for("exited with code 0", times=2)
        fetch(port, PAGE, 20)
        server.stop(signal.SIGQUIT)
