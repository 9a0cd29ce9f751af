internal import CTLS

/// Options made ready for use: certificates read, keys checked. One serves any number of sessions, on any thread.
package final class TLSContext: Sendable {
    package init(client options: TLSClientOptions) throws(TLSConfigurationError) {
        throw TLSConfigurationError(.library, "under construction")
    }

    package init(server options: TLSServerOptions) throws(TLSConfigurationError) {
        throw TLSConfigurationError(.library, "under construction")
    }
}
