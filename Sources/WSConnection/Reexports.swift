@_exported public import HTTPTypes

// What the user of a connection meets of other modules, so that one import is enough.
@_exported public import struct Actors.ExitReason
@_exported public import struct Actors.PID
@_exported public import enum HansomTransport.SocketAddress
@_exported public import struct HansomTransport.TLSDetails
@_exported public import struct WSProtocol.CloseCode
@_exported public import struct WSProtocol.EncodedMessage
@_exported public import enum WSProtocol.MessageView
