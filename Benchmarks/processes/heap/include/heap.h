#include <malloc.h>
#include <stddef.h>

/// Bytes that are allocated and not freed, in all arenas: Swift's Glibc module leaves malloc.h out.
static inline size_t heap_in_use(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}
