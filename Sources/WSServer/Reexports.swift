@_exported public import WSConnection

// Everything that the file of a server's user needs comes with `import WSServer`.
@_exported public import struct HansomHTTP.HeadLimits
@_exported public import struct HansomHTTP.RequestHead
@_exported public import struct HansomTransport.IPRange
@_exported public import struct HansomTransport.TLSConfigurationError
@_exported public import struct HansomTransport.TLSIdentity
@_exported public import enum HansomTransport.TLSOCSPResponse
@_exported public import class HansomTransport.TLSOCSPSource
@_exported public import enum HansomTransport.TLSPEM
@_exported public import struct HansomTransport.TLSServerOptions
@_exported public import enum HansomTransport.TLSVersion
@_exported public import struct WSProtocol.CompressionOptions
@_exported public import enum WSProtocol.OriginPolicy
@_exported public import enum WSProtocol.SubprotocolPolicy
