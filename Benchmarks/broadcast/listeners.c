// Those who listen to a broadcast: so many WebSocket connections that read what a server sends to all, and so many that never
// read. Each message begins with the time at which it was published, of the same clock; the difference to the time of
// arrival is noted.
//
//   listeners --port P [--connections N] [--stalled N] [--size BYTES]
//
// Prints `ready N` once all are connected, and when its standard input ends `messages N`, `p50_us`, `p99_us`, `max_us`. It only
// ever connects to 127.0.0.1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { inputSize = 256 << 10, timeSize = 8, maxNoted = 32 << 20 };

static struct {
    int port, connections, stalled;
    size_t size;
} options = {.connections = 1000, .size = 100};

/// One that reads: where in a frame the next byte belongs, and the time of that frame as far as it has come.
struct listener {
    int fd;
    size_t position;
    uint8_t time[timeSize];
};

static uint8_t input[inputSize];
static uint32_t *noted;
static size_t notedCount, headerSize, frameSize;

static uint64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/// Connects and shakes hands.
static int open_connection(bool isStalled) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) err(1, "socket");
    int small = 4096;
    if (isStalled) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) err(1, "connect");
    char request[256];
    int length = snprintf(request, sizeof request,
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", options.port);
    if (write(fd, request, (size_t)length) != length) err(1, "write");
    // A byte at a time: what comes behind the head is a frame already.
    uint32_t last = 0;
    for (char byte; last != 0x0D0A0D0A; last = last << 8 | (uint8_t)byte)
        if (read(fd, &byte, 1) != 1) errx(1, "the server ended the handshake");
    if (!isStalled) fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/// Frames of one size come one after the other.
static void take(struct listener *listener, size_t count, uint64_t now) {
    for (size_t i = 0; i < count;) {
        size_t at = listener->position;
        if (at >= headerSize && at < headerSize + timeSize) listener->time[at - headerSize] = input[i];
        // Beyond the time the rest of the frame is passed over at once.
        size_t step = at < headerSize + timeSize ? 1 : frameSize - at;
        if (step > count - i) step = count - i;
        i += step;
        listener->position = at + step;
        if (listener->position < frameSize) continue;
        listener->position = 0;
        uint64_t published;
        memcpy(&published, listener->time, sizeof published);
        if (notedCount < maxNoted) noted[notedCount++] = (uint32_t)((now - published) / 1000);
    }
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void report(void) {
    qsort(noted, notedCount, sizeof *noted, ascending);
    printf("messages %zu\n", notedCount);
    if (notedCount == 0) return;
    printf("p50_us %u\np99_us %u\nmax_us %u\n", noted[notedCount / 2], noted[notedCount * 99 / 100], noted[notedCount - 1]);
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"connections", 1, 0, 'c'}, {"stalled", 1, 0, 's'}, {"size", 1, 0, 'b'}, {0, 0, 0, 0}};
    for (int name; (name = getopt_long(argc, argv, "", names, 0)) != -1;) {
        switch (name) {
        case 'p': options.port = atoi(optarg); break;
        case 'c': options.connections = atoi(optarg); break;
        case 's': options.stalled = atoi(optarg); break;
        case 'b': options.size = (size_t)atol(optarg); break;
        default: return 2;
        }
    }
    if (options.port <= 0 || options.size < timeSize || options.size > 65535) errx(2, "--port, and --size 8 to 65535");
    headerSize = options.size < 126 ? 2 : 4;
    frameSize = headerSize + options.size;
    noted = malloc((size_t)maxNoted * sizeof *noted);
    struct listener *listeners = calloc((size_t)options.connections, sizeof *listeners);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    if (!noted || !listeners || poller < 0) err(1, "setup");
    for (int i = 0; i < options.stalled; i++) open_connection(true);
    for (int i = 0; i < options.connections; i++) {
        listeners[i].fd = open_connection(false);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listeners[i]};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, listeners[i].fd, &event)) err(1, "epoll_ctl");
    }
    struct epoll_event end = {.events = EPOLLIN, .data.ptr = 0};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &end)) err(1, "epoll_ctl");
    printf("ready %d\n", options.connections + options.stalled);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < count; i++) {
            struct listener *listener = events[i].data.ptr;
            if (!listener) return report(), 0;
            ssize_t got = read(listener->fd, input, sizeof input);
            if (got > 0) take(listener, (size_t)got, nanoseconds());
            if (got == 0) errx(1, "the server ended a connection");
        }
    }
}
