internal import Glibc

/// What an error of accept4(2), or of watching a listening socket, means for who meets it.
enum AcceptFault: Sendable {
    /// It was one connection's: the next one is a different one.
    case ofConnection
    /// The system has no descriptor or memory left for now: to wait helps.
    case exhaustion
    /// The socket is of no more use: to try again cannot help.
    case ofSocket

    init(_ errno: Int32) {
        switch errno {
        // The peer has gone before it was accepted.
        case ECONNABORTED, EPROTO: self = .ofConnection
        // "Linux accept() passes already-pending network errors on the new socket as an error code from accept(). For reliable
        // operation the application should detect the network errors defined for the protocol after accept() and treat them
        // like EAGAIN by retrying. In the case of TCP/IP, these are ..." (accept(2)). EPROTO is above; ETIMEDOUT is one that
        // "various Linux kernels can return".
        case ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, ETIMEDOUT:
            self = .ofConnection
        // "Firewall rules forbid connection": this one.
        case EPERM: self = .ofConnection
        // A signal came first, or another acceptor. `Socket.accept` heeds both already.
        case EINTR, EAGAIN: self = .ofConnection
        // The limit of this process, and that of the system.
        case EMFILE, ENFILE: self = .exhaustion
        // "Not enough free memory": often for the socket's buffers. Of epoll_ctl(2) ENOSPC is its limit of watches.
        case ENOBUFS, ENOMEM, ENOSPC: self = .exhaustion
        // EBADF, EINVAL, ENOTSOCK, and whatever nobody has thought of.
        default: self = .ofSocket
        }
    }
}
