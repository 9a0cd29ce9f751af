// The heads that a handshake reads and writes, so that one import is enough for whoever speaks the protocol without
// I/O.
@_exported public import HansomHTTP
