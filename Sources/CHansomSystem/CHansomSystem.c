#define _GNU_SOURCE
#include "CHansomSystem.h"

#include <sched.h>

_Thread_local void *hansom_thread_scheduler;
_Thread_local void *hansom_thread_held_job;

int hansom_accept(int listener, struct sockaddr_storage *address, socklen_t *length) {
    return accept4(listener, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int hansom_name_thread(const char *name) { return pthread_setname_np(pthread_self(), name); }

int hansom_affinity_count(void) {
    // A set that is too small for the system's processors is refused with EINVAL.
    for (int processors = 1024; processors <= 1 << 20; processors *= 2) {
        cpu_set_t *set = CPU_ALLOC(processors);
        if (set == NULL) return 0;
        size_t size = CPU_ALLOC_SIZE(processors);
        int status = sched_getaffinity(0, size, set);
        int failure = errno;
        int count = status == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (status == 0 || failure != EINVAL) return count;
    }
    return 0;
}
