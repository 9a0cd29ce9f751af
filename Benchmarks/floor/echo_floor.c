// The floor: a bare WebSocket echo server on one thread and one epoll, without limits, timers, validation or options.
// What it needs a message is what the kernel needs, plus next to nothing; `Benchmarks/run` divides by it.
//
//   echo_floor [--port P] [--tls-cert FILE --tls-key FILE]
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../shared/mask.h"

enum { capacity = 2 << 20 };  // one frame fits, or the connection ends

/// `rest` holds the part of a frame that came without its end. An idle connection owns no buffer.
struct connection { int fd; SSL *tls; bool upgraded, closing; uint8_t *rest; size_t restCount; };

static uint8_t input[capacity + 1], output[capacity + 512];
static SSL_CTX *tlsContext;

static void keepRest(struct connection *c, const uint8_t *bytes, size_t count) {
    free(c->rest);
    c->rest = count ? malloc(count) : NULL;
    c->restCount = count;
    if (count && !c->rest) err(1, "malloc");
    if (count) memcpy(c->rest, bytes, count);
}

static void end(struct connection *c) {
    SSL_free(c->tls);
    close(c->fd);
    free(c->rest);
    free(c);
    ERR_clear_error();
}

/// Reads once (TLS: all records that one read brought). Returns 0 at the end, -1 when there is nothing yet.
static ssize_t receive(struct connection *c, uint8_t *target, size_t space) {
    if (!c->tls) {
        ssize_t n = recv(c->fd, target, space, 0);
        return n >= 0 ? n : errno == EAGAIN ? -1 : 0;
    }
    size_t total = 0;
    do {
        int n = SSL_read(c->tls, target + total, (int)(space - total));
        if (n > 0) { total += (size_t)n; continue; }
        int problem = SSL_get_error(c->tls, n);
        if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE) return total ? (ssize_t)total : -1;
        return (ssize_t)total;
    } while (total < space && SSL_has_pending(c->tls));
    return (ssize_t)total;
}

/// Sends everything: one call, unless the socket is full. Then the whole server waits for this peer, which always reads.
static bool transmit(struct connection *c, const uint8_t *bytes, size_t count) {
    while (count) {
        ssize_t n = c->tls ? SSL_write(c->tls, bytes, (int)count) : send(c->fd, bytes, count, MSG_NOSIGNAL);
        bool full = n <= 0 && (c->tls ? SSL_get_error(c->tls, (int)n) == SSL_ERROR_WANT_WRITE : errno == EAGAIN);
        if (full && poll(&(struct pollfd){.fd = c->fd, .events = POLLOUT}, 1, 10000) == 1) continue;
        if (n <= 0) return false;
        bytes += n, count -= (size_t)n;
    }
    return true;
}

/// Answers an upgrade request. Returns the bytes used, 0 when the head is not complete, -1 when it is no such request.
static ssize_t upgrade(struct connection *c, uint8_t *bytes, size_t count, size_t *written) {
    static const char name[] = "\r\nSec-WebSocket-Key:", guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    bytes[count] = 0;
    char *head = (char *)bytes, *tail = strstr(head, "\r\n\r\n"), *key = strcasestr(head, name);
    if (!tail) return count < 16384 ? 0 : -1;
    if (!key || key > tail) return -1;
    key += strlen(name);
    key += strspn(key, " ");
    char text[128];
    uint8_t digest[SHA_DIGEST_LENGTH], accept[32];
    int length = snprintf(text, sizeof text, "%.*s%s", (int)strcspn(key, " \r"), key, guid);
    if (length >= (int)sizeof text) return -1;
    SHA1((uint8_t *)text, (size_t)length, digest);
    EVP_EncodeBlock(accept, digest, sizeof digest);
    *written = (size_t)sprintf((char *)output, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
    c->upgraded = true;
    return tail + 4 - head;
}

/// Echoes all complete frames of `bytes` into `output`, as they came but unmasked. Returns the bytes used, -1 for a bad frame.
static ssize_t echo(struct connection *c, const uint8_t *bytes, size_t count, size_t *written) {
    size_t used = 0;
    while (count - used >= 6 && !c->closing) {
        const uint8_t *frame = bytes + used;
        size_t length = frame[1] & 0x7f, header = 2;
        if (!(frame[1] & 0x80)) return -1;
        if (length >= 126) {
            size_t width = length == 126 ? 2 : 8;
            header += width;
            if (count - used < header) break;
            length = 0;
            for (size_t i = 0; i < width; i++) length = length << 8 | frame[2 + i];
        }
        if (length > capacity - 14) return -1;
        if (count - used < header + 4 + length) break;
        uint32_t key;
        memcpy(&key, frame + header, 4);
        uint8_t *reply = output + *written;
        memcpy(reply, frame, header);
        if ((frame[0] & 0x0f) == 9) reply[0] = 0x8a;
        c->closing = (frame[0] & 0x0f) == 8;
        reply[1] &= 0x7f;
        mask(reply + header, frame + header + 4, length, key);
        *written += header + length;
        used += header + 4 + length;
    }
    return (ssize_t)used;
}

/// One read, all that it brought, one send. False when the connection is over.
static bool serve(struct connection *c) {
    size_t have = c->restCount, written = 0, used = 0;
    if (have) memcpy(input, c->rest, have);
    ssize_t n = receive(c, input + have, capacity - have);
    if (n <= 0) return n < 0;
    have += (size_t)n;
    if (!c->upgraded) {
        ssize_t head = upgrade(c, input, have, &written);
        if (head < 0) return false;
        used = (size_t)head;
    }
    if (c->upgraded) {
        ssize_t frames = echo(c, input + used, have - used, &written);
        if (frames < 0) return false;
        used += (size_t)frames;
    }
    if (have != used || c->rest) keepRest(c, input + used, have - used);
    return transmit(c, output, written) && !c->closing;
}

static void welcome(int listener, int poller) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), yes = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct connection *c = calloc(1, sizeof *c);
    if (!c) err(1, "calloc");
    c->fd = fd;
    if (tlsContext) {
        c->tls = SSL_new(tlsContext);
        if (!c->tls || !SSL_set_fd(c->tls, fd)) errx(1, "no TLS session");
        SSL_set_accept_state(c->tls);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) err(1, "epoll_ctl");
}

int main(int argc, char **argv) {
    const char *certificate = NULL, *key = NULL;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--port")) address.sin_port = htons((uint16_t)atoi(argv[i + 1]));
        else if (!strcmp(argv[i], "--tls-cert")) certificate = argv[i + 1];
        else if (!strcmp(argv[i], "--tls-key")) key = argv[i + 1];
        else errx(64, "unknown option %s", argv[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    if (certificate && key) {
        tlsContext = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_read_ahead(tlsContext, 1);
        SSL_CTX_set_mode(tlsContext, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
        if (SSL_CTX_use_certificate_chain_file(tlsContext, certificate) != 1 ||
            SSL_CTX_use_PrivateKey_file(tlsContext, key, SSL_FILETYPE_PEM) != 1) errx(1, "certificate or key unusable");
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
    socklen_t size = sizeof address;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) err(1, "listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[256], first = {.events = EPOLLIN, .data.ptr = NULL};
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &first)) err(1, "epoll");
    printf("listening on %s://127.0.0.1:%d\n", tlsContext ? "wss" : "ws", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) welcome(listener, poller);
            else if (!serve(c)) end(c);
        }
    }
}
