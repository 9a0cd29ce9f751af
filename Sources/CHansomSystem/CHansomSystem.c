#define _GNU_SOURCE
#include "CHansomSystem.h"

_Thread_local void *hansom_thread_scheduler;

int hansom_accept(int listener, struct sockaddr_storage *address, socklen_t *length) {
    return accept4(listener, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int hansom_name_thread(const char *name) { return pthread_setname_np(pthread_self(), name); }
