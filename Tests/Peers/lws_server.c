// An echo server of libwebsockets. The text `close CODE REASON` closes so; prints `listening PORT`.
//
//   lws_server [--cert FILE --key FILE] [--deflate]
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A message to be sent back; LWS_PRE bytes of room stand in front of it.
struct message {
    struct message *next;
    size_t count;
    int is_binary;
    unsigned char bytes[];
};

struct connection {
    struct message *first, **last;
    unsigned char *part; // what has come of the next message
    size_t part_count;
};

static void complete(struct connection *connection, int is_binary) {
    struct message *message = malloc(sizeof *message + LWS_PRE + connection->part_count + 1);
    message->next = NULL;
    message->count = connection->part_count;
    message->is_binary = is_binary;
    memcpy(message->bytes + LWS_PRE, connection->part, connection->part_count);
    message->bytes[LWS_PRE + message->count] = 0;
    *connection->last = message;
    connection->last = &message->next;
    connection->part_count = 0;
}

static int take(struct connection *connection, struct lws *wsi, const void *bytes, size_t count) {
    connection->part = realloc(connection->part, connection->part_count + count + 1);
    memcpy(connection->part + connection->part_count, bytes, count);
    connection->part_count += count;
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi)) return 0;
    complete(connection, lws_frame_is_binary(wsi));
    lws_callback_on_writable(wsi);
    return 0;
}

static int send_back(struct connection *connection, struct lws *wsi) {
    struct message *message = connection->first;
    if (!message) return 0;
    int code, end = 0, written;
    const char *text = (const char *)message->bytes + LWS_PRE;
    if (!message->is_binary && sscanf(text, "close %d %n", &code, &end) == 1) {
        lws_close_reason(wsi, (enum lws_close_status)code, (unsigned char *)text + end, strlen(text + end));
        return -1;
    }
    written = lws_write(wsi, message->bytes + LWS_PRE, message->count, message->is_binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
    connection->first = message->next;
    if (!connection->first) connection->last = &connection->first;
    else lws_callback_on_writable(wsi);
    free(message);
    return written < 0 ? -1 : 0;
}

static void forget(struct connection *connection) {
    while (connection->first) {
        struct message *next = connection->first->next;
        free(connection->first);
        connection->first = next;
    }
    free(connection->part);
}

static int called(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t count) {
    struct connection *connection = user;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        memset(connection, 0, sizeof *connection);
        connection->last = &connection->first;
        return 0;
    case LWS_CALLBACK_RECEIVE: return take(connection, wsi, in, count);
    case LWS_CALLBACK_SERVER_WRITEABLE: return send_back(connection, wsi);
    case LWS_CALLBACK_CLOSED: forget(connection); return 0;
    default: return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {"chat", called, sizeof(struct connection), 65536, 0, NULL, 0}, {NULL, NULL, 0, 0, 0, NULL, 0}};

static const struct lws_extension extensions[] = {
    {"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate"}, {NULL, NULL, NULL}};

int main(int count, char **words) {
    struct lws_context_creation_info info = {
        .port = 0, .iface = "127.0.0.1", .protocols = protocols, .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS};
    for (int i = 1; i < count; i++) {
        if (!strcmp(words[i], "--deflate")) info.extensions = extensions;
        else if (!strcmp(words[i], "--cert") && i + 1 < count) {
            info.ssl_cert_filepath = words[++i];
            info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        } else if (!strcmp(words[i], "--key") && i + 1 < count) info.ssl_private_key_filepath = words[++i];
        else return 64;
    }
    alarm(120);
    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context *context = lws_create_context(&info);
    struct lws_vhost *host = context ? lws_create_vhost(context, &info) : NULL;
    if (!host) return 1;
    printf("listening %d\n", lws_get_vhost_listen_port(host));
    fflush(stdout);
    while (lws_service(context, 0) >= 0) {}
    return 0;
}
