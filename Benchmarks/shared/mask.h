// The masking loop of RFC 6455 section 5.3, for the floor and the load generator alike.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// Writes `source` XOR `key` to `target`. Eight bytes a step, no aliasing: gcc and clang turn the loop into vector code.
static inline void mask(uint8_t *restrict target, const uint8_t *restrict source, size_t count, uint32_t key) {
    uint64_t wide = (uint64_t)key << 32 | key, word;
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        memcpy(&word, source + i, 8);
        word ^= wide;
        memcpy(target + i, &word, 8);
    }
    for (; i < count; i++) target[i] = source[i] ^ ((const uint8_t *)&wide)[i & 7];
}
