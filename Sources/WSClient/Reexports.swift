@_exported public import WSConnection

// Everything that the file of a client's user needs comes with `import WSClient`.
@_exported public import struct HansomHTTP.HeadLimits
@_exported public import struct HansomTransport.SocketOptions
@_exported public import struct HansomTransport.TLSClientOptions
@_exported public import struct HansomTransport.TLSIdentity
@_exported public import enum HansomTransport.TLSPEM
@_exported public import enum HansomTransport.TLSTrustRoots
@_exported public import enum HansomTransport.TLSVersion
@_exported public import struct WSProtocol.CompressionOffer
@_exported public import struct WSProtocol.CompressionOptions
