// victim: an X client under Xvfb: a thread wakes its poll loop by a pipe to draw, events come back, and a child connects anew
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
// links: -lX11
// needs: xvfb libx11-dev
//
// No bug: the forked child opens a connection of its own and closes the inherited one's descriptor without a word.
#include "victim.h"
#include <X11/Xlib.h>
#include <X11/Xutil.h>

enum { ROUNDS = 40, LACKS_NEEDS = 77 };

static int wakeup[2];
static char name[32] = ":";
static sem_t drawn;

static pid_t start_server(void) {
    int answer[2];
    need(pipe(answer) == 0, "pipe");
    pid_t server = fork_child();
    if (server == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", answer[1]);
        close(answer[0]);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        alarm(0);
        execlp("Xvfb", "Xvfb", "-displayfd", number, "-screen", "0", "320x240x24", "-nolisten", "tcp", NULL);
        _exit(LACKS_NEEDS);
    }
    close(answer[1]);
    char *end = name + 1;
    while (end < name + sizeof name - 1 && read(answer[0], end, 1) == 1 && *end != '\n') end++;
    if (end == name + 1) {
        int status = status_of(server);
        bool lacks = WIFEXITED(status) && WEXITSTATUS(status) == LACKS_NEEDS;
        fprintf(stderr, lacks ? "skipped: Xvfb is not installed\n" : "not as labelled: Xvfb failed\n");
        exit(lacks ? LACKS_NEEDS : 1);
    }
    *end = 0;
    close(answer[0]);
    return server;
}

static void *ask_to_draw(void *unused) {
    for (int i = 0; i < ROUNDS; i++) {
        put_byte(wakeup[1], 'd');
        wait_for(&drawn);
    }
    return unused;
}

static Window open_window(Display *display) {
    need(display != NULL, "XOpenDisplay");
    Window window = XCreateSimpleWindow(display, DefaultRootWindow(display), 0, 0, 100, 100, 0, 0, 0);
    XSelectInput(display, window, StructureNotifyMask);
    XMapWindow(display, window);
    XFlush(display);
    return window;
}

static void run(Display *display, Window window) {
    struct pollfd entries[] = {{.fd = ConnectionNumber(display), .events = POLLIN}, {.fd = wakeup[0], .events = POLLIN}};
    int moved = 0;
    while (moved < ROUNDS) {
        while (XPending(display)) {
            XEvent event;
            XNextEvent(display, &event);
            if (event.type != ConfigureNotify || event.xconfigure.x != moved + 1) continue;
            moved++;
            sem_post(&drawn);
        }
        if (moved == ROUNDS) break;
        if (poll(entries, 2, -1) < 0) continue;
        char byte;
        if (entries[1].revents && read(wakeup[0], &byte, 1) == 1) XMoveWindow(display, window, moved + 1, 0);
        XFlush(display);
    }
}

int main(void) {
    limit();
    sem_init(&drawn, 0, 0);
    pid_t server = start_server();
    need(pipe2(wakeup, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
    Display *display = XOpenDisplay(name);
    Window window = open_window(display);
    pthread_t thread = start(ask_to_draw);
    run(display, window);
    finish(thread);
    pid_t child = fork_child();
    if (child == 0) {
        close(ConnectionNumber(display));
        Display *own = XOpenDisplay(name);
        open_window(own);
        XSync(own, False);
        XCloseDisplay(own);
        _exit(0);
    }
    need_success(child);
    XCloseDisplay(display);
    need(kill(server, SIGTERM) == 0, "kill");
    need_success(server);
    return 0;
}
