// What Swift cannot see of Linux through Glibc: epoll, eventfd, accept4, and one thread-local pointer.
#ifndef HANSOM_SYSTEM_H
#define HANSOM_SYSTEM_H

#ifndef __linux__
#error "Hansom runs on Linux: a port adds a poller beside EpollPoller.swift and the socket calls beside Socket.swift"
#endif

#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

// The scheduler that the calling thread is running, or NULL on a thread that is none.
extern _Thread_local void *hansom_thread_scheduler;

static inline void *hansom_current_scheduler(void) { return hansom_thread_scheduler; }
static inline void hansom_set_current_scheduler(void *scheduler) { hansom_thread_scheduler = scheduler; }

// Where the job goes that the calling thread enqueues for a scheduler which is not its own, or NULL: to that scheduler.
extern _Thread_local void *hansom_thread_held_job;

static inline void *hansom_held_job(void) { return hansom_thread_held_job; }
static inline void hansom_set_held_job(void *place) { hansom_thread_held_job = place; }

// The task whose job the calling thread runs, or NULL: of Swift's runtime, which Swift shows by `withUnsafeCurrentTask`
// only, at ten times the cost. To be compared, and never followed.
extern void *swift_task_getCurrent(void);

static inline int hansom_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static inline int hansom_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

// struct epoll_event is packed on x86-64, so its fields are read here and not from Swift.
static inline uint32_t hansom_epoll_events(const struct epoll_event *events, int index) { return events[index].events; }
static inline uint64_t hansom_epoll_token(const struct epoll_event *events, int index) { return events[index].data.u64; }

static inline int hansom_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

// Only tells the processor that this is a spin loop.
static inline void hansom_spin_hint(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// GNU extensions, out of line: defining _GNU_SOURCE here would change types that Glibc's module shares.
int hansom_accept(int listener, struct sockaddr_storage *address, socklen_t *length);
int hansom_name_thread(const char *name);
// On how many processors the calling thread may run; 0 if the system does not say.
int hansom_affinity_count(void);

static inline int hansom_socket(int family) {
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// The two halves of one fence. A thread that writes one place and then reads another, while a second thread does so the
// other way round, needs a full fence on both sides, or one of them might miss the other's write. The heavy half makes
// every thread of the program go through one (membarrier(2)), so that the light half needs to hold the compiler only.
// Where the kernel refuses that, both are full.
extern int hansom_has_membarrier;

// Asks the kernel for it: once, before the first fence.
void hansom_prepare_fences(void);

static inline void hansom_light_fence(void) {
    if (__builtin_expect(hansom_has_membarrier, 1)) {
        __asm__ volatile("" ::: "memory");
    } else {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
}

void hansom_heavy_fence(void);

// The clock that counts what the calling thread works; 1 if there is none.
int hansom_thread_clock(void);
// What a clock shows, in nanoseconds; 0 once its thread has ended.
uint64_t hansom_clock_nanoseconds(int clock);

// Condition variables whose deadlines are times of CLOCK_MONOTONIC.
int hansom_monotonic_condition(pthread_cond_t *condition);

// Lets glibc keep freed memory instead of giving it back to the kernel and faulting it in again for every message.
// Thresholds in bytes; 1 on success.
static inline int hansom_retain_heap(int trim_threshold, int mmap_threshold) {
#ifdef __GLIBC__
    return mallopt(M_TRIM_THRESHOLD, trim_threshold) & mallopt(M_MMAP_THRESHOLD, mmap_threshold);
#else
    return 1;
#endif
}

// Gives free memory of all arenas back to the kernel, but for the free end of those that are not the main one; holds the
// lock of each arena meanwhile.
static inline void hansom_trim_heap(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

// Gives the free end of the calling thread's arena back: glibc looks at it when a piece of 64 KiB or more is freed there.
// For one thread at a time; `trim_threshold` is that of `hansom_retain_heap`.
static inline void hansom_trim_arena(int trim_threshold) {
#ifdef __GLIBC__
    mallopt(M_TRIM_THRESHOLD, 128 << 10);
    // Volatile: else the compiler leaves both calls out.
    void *volatile piece = malloc(128 << 10);
    free(piece);
    mallopt(M_TRIM_THRESHOLD, trim_threshold);
#endif
}

#endif
