// The load: N WebSocket connections to an echo server on this machine, D messages in flight on each. Every echo is
// compared with what was sent. Counts the messages of a measuring window and the CPU time that the server spent in it.
//
//   load --port P [--pid SERVER] [--connections N] [--size BYTES] [--depth D] [--text] [--tls] [--seconds S] [--warmup S]
//   load --port P --idle [--connections N] [--tls] [--seconds S]
//   load --port P --again [--pid SERVER] [--connections N] [--size BYTES] [--tls [--resume]] [--seconds S] [--warmup S]
//
// With --again each of N threads opens a connection, sends one message, checks the echo, closes, waits for the server's end,
// and begins again; with --resume it resumes the TLS session of the connection before. Counts the connections.
//
// Prints `name value` lines. With --idle it opens the connections, prints `ready N`, and holds them, silent, until its
// standard input ends or the time is over. It only ever connects to 127.0.0.1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "../shared/mask.h"

enum { inputSize = 256 << 10, maxConnections = 20000, maxSize = 16 << 20, maxDepth = 1024, maxSeconds = 600 };

static struct {
    int port, pid, connections, depth;
    double seconds, warmup;
    size_t size;
    bool text, tls, idle, again, resume;
} options = {.connections = 64, .depth = 1, .seconds = 3, .warmup = 1, .size = 20};

/// One connection. `expected` counts what is missing of the message that is coming in; 0: a header comes next.
struct connection {
    int fd;
    SSL *tls;
    uint8_t *out;
    size_t outStart, outEnd, expected, headerCount;
    uint8_t header[10];
    bool waitingToWrite;
};

static int poller;
static uint8_t *payload, header[14], input[inputSize];
static size_t headerSize, frameSize;
static unsigned long long echoes;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/// CPU seconds that the load itself has spent so far.
static double ownTime(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/// CPU seconds that the server has spent so far: all its threads, also those that have ended, to the nanosecond.
static double serverTime(void) {
    clockid_t clock;
    struct timespec t;
    if (!options.pid) return 0;
    if (clock_getcpuclockid(options.pid, &clock) || clock_gettime(clock, &t)) errx(1, "the server is gone");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/// A fresh key for every message. A generator of random quality, not of cryptographic strength: this is a benchmark.
static uint32_t nextKey(void) {
    static _Thread_local uint64_t state;
    while (!state) if (getrandom(&state, sizeof state, 0) != sizeof state) err(1, "getrandom");
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)(state >> 16);
}

// Opening: blocking, one connection after the other.

static void writeAll(struct connection *c, const char *bytes, size_t count) {
    while (count) {
        ssize_t n = c->tls ? SSL_write(c->tls, bytes, (int)count) : send(c->fd, bytes, count, MSG_NOSIGNAL);
        if (n <= 0) errx(1, "the server hung up in the handshake");
        bytes += n, count -= (size_t)n;
    }
}

static void upgrade(struct connection *c) {
    uint8_t nonce[16], key[32], digest[SHA_DIGEST_LENGTH], accept[32];
    char text[512], answer[4096];
    if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce) err(1, "getrandom");
    EVP_EncodeBlock(key, nonce, sizeof nonce);
    int length = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", options.port, key);
    writeAll(c, text, (size_t)length);
    // A server that echoes says nothing behind the head.
    size_t count = 0;
    while (count < 4 || memcmp(answer + count - 4, "\r\n\r\n", 4)) {
        if (count == sizeof answer - 1) errx(1, "the answer's head is too long");
        size_t room = sizeof answer - 1 - count;
        ssize_t n = c->tls ? SSL_read(c->tls, answer + count, (int)room) : recv(c->fd, answer + count, room, 0);
        if (n <= 0) errx(1, "no answer to the handshake");
        count += (size_t)n;
    }
    answer[count] = 0;
    length = snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    SHA1((uint8_t *)text, (size_t)length, digest);
    EVP_EncodeBlock(accept, digest, sizeof digest);
    if (strncmp(answer, "HTTP/1.1 101", 12) || !strstr(answer, (char *)accept)) errx(1, "handshake refused:\n%s", answer);
}

/// The end of what the server says: 0, or the count of bytes, all that were asked for.
static size_t readAll(struct connection *c, uint8_t *bytes, size_t count) {
    for (size_t have = 0; have < count;) {
        ssize_t n = c->tls ? SSL_read(c->tls, bytes + have, (int)(count - have)) : recv(c->fd, bytes + have, count - have, 0);
        if (n < 0 && !c->tls) err(1, "recv");
        if (n <= 0) return have ? (errx(1, "the server hung up in the middle"), 0) : 0;
        have += (size_t)n;
    }
    return count;
}

/// `source` is the last byte of the address to come from: each has its own ports. 0: any. `session` is resumed, if there is one.
static void dialFrom(struct connection *c, SSL_CTX *context, int source, SSL_SESSION *session) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)options.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 10};
    int yes = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) err(1, "socket");
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (source) {
        struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (uint32_t)source)};
        setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
        if (bind(c->fd, (struct sockaddr *)&own, sizeof own)) err(1, "bind");
    }
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) err(1, "connect to port %d", options.port);
    if (context) {
        c->tls = SSL_new(context);
        if (c->tls && session) SSL_set_session(c->tls, session);
        if (!c->tls || !SSL_set_fd(c->tls, c->fd) || SSL_connect(c->tls) != 1) {
            ERR_print_errors_fp(stderr);
            errx(1, "the TLS handshake failed");
        }
    }
    upgrade(c);
}

static void dial(struct connection *c, SSL_CTX *context) { dialFrom(c, context, 0, NULL); }

// Again and again: blocking, a thread for each connection at a time.

static atomic_ullong opened, resumed;
static SSL_CTX *againContext;

static void *openAgain(void *number) {
    static const uint8_t closing[8] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8};
    uint8_t *sent = malloc(frameSize), *got = malloc(frameSize);
    SSL_SESSION *session = NULL;
    if (!sent || !got) err(1, "malloc");
    for (;;) {
        struct connection c = {0};
        uint32_t key = nextKey();
        dialFrom(&c, againContext, 2 + (int)(intptr_t)number, session);
        memcpy(sent, header, headerSize - 4);
        memcpy(sent + headerSize - 4, &key, 4);
        mask(sent + headerSize, payload, options.size, key);
        writeAll(&c, (char *)sent, frameSize);
        if (!readAll(&c, got, frameSize - 4) || got[0] != header[0] || memcmp(got + headerSize - 4, payload, options.size))
            errx(1, "not the echo that was expected");
        writeAll(&c, (const char *)closing, sizeof closing);
        if (!readAll(&c, got, 4) || got[0] != 0x88 || got[2] != 0x03 || got[3] != 0xe8) errx(1, "not the close that was expected");
        if (c.tls && options.resume) {
            // Before the end: a session whose connection just ends may not be resumed. Its tickets have come with the answer.
            SSL_SESSION_free(session);
            session = SSL_SESSION_dup(SSL_get0_session(c.tls));
        }
        if (readAll(&c, got, 1)) errx(1, "more than a close");
        if (c.tls) {
            resumed += (unsigned)SSL_session_reused(c.tls);
            SSL_free(c.tls);
            ERR_clear_error();
        }
        close(c.fd);
        opened++;
    }
    return NULL;
}

static void rest(double seconds) {
    struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&time, &time) && errno == EINTR) {}
}

static void runAgain(void) {
    for (int i = 0; i < options.connections; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, openAgain, (void *)(intptr_t)i)) errx(1, "no thread");
    }
    rest(options.warmup);
    double start = now(), cpuAtStart = serverTime();
    unsigned long long openedAtStart = opened, resumedAtStart = resumed;
    rest(options.seconds);
    double cpu = serverTime() - cpuAtStart, seconds = now() - start;
    unsigned long long count = opened - openedAtStart;
    if (!count) errx(1, "no connection was opened and closed");
    printf("connections %llu\nresumed %llu\nconnections_per_second %.0f\n", count, resumed - resumedAtStart, (double)count / seconds);
    if (options.pid) printf("server_cpu_share %.3f\nconnections_per_cpu_second %.0f\n", cpu / seconds, (double)count / cpu);
    fflush(stdout);
    _exit(0);
}

// Load: non-blocking, one epoll.

static void watch(struct connection *c, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (c->waitingToWrite ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(poller, operation, c->fd, &event)) err(1, "epoll_ctl");
}

static void flush(struct connection *c) {
    while (c->outStart < c->outEnd) {
        size_t count = c->outEnd - c->outStart;
        ssize_t n = c->tls ? SSL_write(c->tls, c->out + c->outStart, (int)count)
                           : send(c->fd, c->out + c->outStart, count, MSG_NOSIGNAL);
        if (n <= 0) {
            if (c->tls ? SSL_get_error(c->tls, (int)n) == SSL_ERROR_WANT_WRITE : errno == EAGAIN) break;
            errx(1, "the server hung up");
        }
        c->outStart += (size_t)n;
    }
    bool blocked = c->outStart < c->outEnd;
    if (blocked != c->waitingToWrite) {
        c->waitingToWrite = blocked;
        watch(c, EPOLL_CTL_MOD);
    }
}

/// Puts `count` messages behind what still waits.
static void enqueue(struct connection *c, size_t count) {
    if (c->outStart > 0) {
        memmove(c->out, c->out + c->outStart, c->outEnd - c->outStart);
        c->outEnd -= c->outStart;
        c->outStart = 0;
    }
    for (; count; count--) {
        uint8_t *frame = c->out + c->outEnd;
        uint32_t key = nextKey();
        memcpy(frame, header, headerSize - 4);
        memcpy(frame + headerSize - 4, &key, 4);
        mask(frame + headerSize, payload, options.size, key);
        c->outEnd += frameSize;
    }
}

static void endMessage(size_t *complete) {
    ++*complete;
    ++echoes;
}

/// Checks what came against what was sent; `complete` counts the messages that ended.
static void check(struct connection *c, const uint8_t *bytes, size_t count, size_t *complete) {
    size_t echoedHeader = headerSize - 4;
    while (count) {
        if (c->expected) {
            size_t part = count < c->expected ? count : c->expected;
            if (memcmp(bytes, payload + options.size - c->expected, part)) errx(1, "an echo differs from its message");
            bytes += part, count -= part, c->expected -= part;
            if (!c->expected) endMessage(complete);
            continue;
        }
        c->header[c->headerCount++] = *bytes++, count--;
        if (c->headerCount < echoedHeader) continue;
        if (c->header[0] != header[0] || c->header[1] != (header[1] & 0x7f) || memcmp(c->header + 2, header + 2, echoedHeader - 2))
            errx(1, "not the echo that was expected: frame starts with %02x %02x", c->header[0], c->header[1]);
        c->headerCount = 0;
        c->expected = options.size;
        if (!c->expected) endMessage(complete);
    }
}

static void takeEchoes(struct connection *c) {
    size_t complete = 0;
    bool more;
    do {
        ssize_t n = c->tls ? SSL_read(c->tls, input, inputSize) : recv(c->fd, input, inputSize, 0);
        if (n <= 0) {
            if (c->tls ? SSL_get_error(c->tls, (int)n) == SSL_ERROR_WANT_READ : errno == EAGAIN && n < 0) break;
            errx(1, "the server hung up");
        }
        check(c, input, (size_t)n, &complete);
        more = c->tls && SSL_has_pending(c->tls);
    } while (more);
    if (complete) {
        enqueue(c, complete);
        flush(c);
    }
}

static void prepare(void) {
    headerSize = options.size < 126 ? 6 : options.size < 65536 ? 8 : 14;
    frameSize = headerSize + options.size;
    header[0] = options.text ? 0x81 : 0x82;
    size_t width = headerSize == 6 ? 0 : headerSize == 8 ? 2 : 8;
    header[1] = (uint8_t)(0x80 | (width == 0 ? options.size : width == 2 ? 126 : 127));
    for (size_t i = 0; i < width; i++) header[2 + i] = (uint8_t)(options.size >> 8 * (width - 1 - i));
    payload = malloc(options.size + 1);
    if (!payload) err(1, "malloc");
    for (size_t i = 0; i < options.size; i++) payload[i] = (uint8_t)(' ' + i % 95);
}

static void run(struct connection *connections) {
    for (int i = 0; i < options.connections; i++) {
        struct connection *c = connections + i;
        c->out = malloc((size_t)options.depth * frameSize);  // what is in flight can at most be unsent
        if (!c->out) err(1, "malloc");
        watch(c, EPOLL_CTL_ADD);
        enqueue(c, (size_t)options.depth);
        flush(c);
    }
    struct epoll_event events[256];
    double start = now() + options.warmup, end = start + options.seconds, cpuAtStart = 0, ownAtStart = 0, time;
    unsigned long long echoesAtStart = 0;
    for (bool measuring = false; (time = now()) < end;) {
        if (!measuring && time >= start) {
            measuring = true, start = time, echoesAtStart = echoes, cpuAtStart = serverTime(), ownAtStart = ownTime();
        }
        int count = epoll_wait(poller, events, 256, 1000);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) flush(c);
            if (events[i].events & ~(unsigned)EPOLLOUT) takeEchoes(c);
        }
    }
    double cpu = serverTime() - cpuAtStart, own = ownTime() - ownAtStart, seconds = time - start;
    unsigned long long messages = echoes - echoesAtStart;
    if (!messages) errx(1, "no message came back");
    printf("msgs %llu\nseconds %.6f\nmsgs_per_second %.0f\ncpu_seconds %.6f\n", messages, seconds, (double)messages / seconds, own);
    if (options.pid) {
        printf("server_cpu_seconds %.6f\nserver_cpu_share %.3f\nmsgs_per_cpu_second %.0f\n", cpu, cpu / seconds, (double)messages / cpu);
    }
}

static void hold(void) {
    printf("ready %d\n", options.connections);
    fflush(stdout);
    char byte;
    double end = now() + options.seconds;
    struct pollfd standardInput = {.fd = STDIN_FILENO, .events = POLLIN};
    while (now() < end && (poll(&standardInput, 1, 100) <= 0 || read(STDIN_FILENO, &byte, 1) > 0)) {}
}

static long number(const char *text, long low, long high) {
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || end == text || value < low || value > high) errx(64, "%s: a number from %ld to %ld is wanted", text, low, high);
    return value;
}

static double duration(const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text || !(value >= 0 && value <= maxSeconds)) errx(64, "%s: seconds from 0 to %d are wanted", text, maxSeconds);
    return value;
}

static void parse(int argc, char **argv) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"pid", 1, 0, 'i'}, {"connections", 1, 0, 'c'}, {"size", 1, 0, 's'}, {"depth", 1, 0, 'd'},
        {"text", 0, 0, 't'}, {"tls", 0, 0, 'l'}, {"seconds", 1, 0, 'n'}, {"warmup", 1, 0, 'w'}, {"idle", 0, 0, 'h'}, {"again", 0, 0, 'a'},
        {"resume", 0, 0, 'r'}, {0, 0, 0, 0}};
    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (name) {
            case 'p': options.port = (int)number(optarg, 1, 65535); break;
            case 'i': options.pid = (int)number(optarg, 1, INT32_MAX); break;
            case 'c': options.connections = (int)number(optarg, 1, maxConnections); break;
            case 's': options.size = (size_t)number(optarg, 0, maxSize); break;
            case 'd': options.depth = (int)number(optarg, 1, maxDepth); break;
            case 'n': options.seconds = duration(optarg); break;
            case 'w': options.warmup = duration(optarg); break;
            case 't': options.text = true; break;
            case 'l': options.tls = true; break;
            case 'h': options.idle = true; break;
            case 'a': options.again = true; break;
            case 'r': options.resume = true; break;
            default: exit(64);
        }
    }
    if (!options.port || optind < argc) errx(64, "usage: load --port P [options]; see the head of load.c");
    if ((unsigned long long)options.connections * (unsigned)options.depth * (options.size + 14) > 1ull << 30)
        errx(64, "connections x depth x size is over 1 GiB");
    if (options.again && options.connections > 200) errx(64, "--again: 200 connections at a time at most");
}

int main(int argc, char **argv) {
    parse(argc, argv);
    prepare();
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    SSL_CTX *context = NULL;
    if (options.tls) {
        context = SSL_CTX_new(TLS_client_method());  // the certificate is our own: not verified
        if (!context) errx(1, "no TLS");
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    }
    if (options.again) {
        againContext = context;
        runAgain();
    }
    struct connection *connections = calloc((size_t)options.connections, sizeof *connections);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!connections || poller < 0) err(1, "epoll");
    for (int i = 0; i < options.connections; i++) dial(connections + i, context);
    if (options.idle) { hold(); return 0; }
    for (int i = 0; i < options.connections; i++) {
        if (fcntl(connections[i].fd, F_SETFL, O_NONBLOCK)) err(1, "fcntl");
        if (connections[i].tls) SSL_set_read_ahead(connections[i].tls, 1);
    }
    run(connections);
}
