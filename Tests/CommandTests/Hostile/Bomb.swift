import Foundation
import Testing

/// Little that inflates to much.
enum Bomb {
    /// So many GiB of zeros, compressed by somebody else to about a thousandth (RFC 7692 section 7.2.1).
    static func payload(gibibytes: Int) throws -> [UInt8] {
        let program = """
            import sys, zlib
            deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
            for _ in range(\(gibibytes) << 10): sys.stdout.buffer.write(deflater.compress(bytes(1 << 20)))
            sys.stdout.buffer.write(deflater.flush(zlib.Z_SYNC_FLUSH)[:-4])
            """
        let python = try Spawned("/usr/bin/env", ["python3", "-c", program])
        let payload = [UInt8](python.output.readDataToEndOfFile())
        try #require(python.waitForEnd() == 0)
        return payload
    }
}
