// zlib as Swift sees it: the header, and inline functions for what it offers only as macros.
#ifndef HANSOM_ZLIB_H
#define HANSOM_ZLIB_H

#include <zlib.h>

/// Begins to compress to raw deflate data, without the header and the checksum of zlib's own format.
static inline int CHansomZlib_deflate_init(z_stream *stream, int level, int window_bits, int memory_level) {
    return deflateInit2(stream, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY);
}

/// Begins to inflate raw deflate data.
static inline int CHansomZlib_inflate_init(z_stream *stream, int window_bits) {
    return inflateInit2(stream, -window_bits);
}

#endif
