@_exported public import WSServer
