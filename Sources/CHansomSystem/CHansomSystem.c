#define _GNU_SOURCE
#include "CHansomSystem.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>

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

int hansom_has_membarrier;
static pthread_once_t fences_once = PTHREAD_ONCE_INIT;

static void prepare_fences(void) {
    hansom_has_membarrier = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void hansom_prepare_fences(void) { pthread_once(&fences_once, prepare_fences); }

void hansom_heavy_fence(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (hansom_has_membarrier) syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

int hansom_thread_clock(void) {
    clockid_t clock;
    // The clocks of threads have negative numbers, so a positive one says that there is none.
    return pthread_getcpuclockid(pthread_self(), &clock) == 0 ? clock : 1;
}

uint64_t hansom_clock_nanoseconds(int clock) {
    struct timespec time;
    if (clock > 0 || clock_gettime(clock, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int hansom_monotonic_condition(pthread_cond_t *condition) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int status = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return status;
}
