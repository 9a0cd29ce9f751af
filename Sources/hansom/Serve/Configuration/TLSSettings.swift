internal import WSServer

/// The setting `tls` of a place in a configuration file.
enum TLSSettings {
    static let names = ["certificate", "key", "ocspResponse", "names", "minimumVersion", "cipherSuites", "clientAuthority"]

    /// - Parameter folder: what the files' paths are relative to.
    static func read(_ section: ConfigurationSection, in folder: String) throws(CommandFailure) -> TLSServerOptions {
        var options = TLSServerOptions(identity: try identity(section, in: folder))
        for (name, value) in try section.entries("names") {
            let own = try ConfigurationSection(
                value, at: section.place("names[\"\(name)\"]"), allowing: ["certificate", "key", "ocspResponse"])
            options.identitiesByServerName[name] = try identity(own, in: folder)
        }
        switch try section.text("minimumVersion") {
        case nil, "1.2"?: break
        case "1.3"?: options.minimumVersion = .tls13
        default: throw section.flaw("minimumVersion", "allowed are \"1.2\" and \"1.3\"")
        }
        options.cipherSuites = try section.text("cipherSuites")
        if let authority = try section.text("clientAuthority") {
            options.clientCertificates = .required(.file(FilePath.absolute(authority, in: folder)))
        }
        return options
    }

    private static func identity(_ section: ConfigurationSection, in folder: String) throws(CommandFailure)
        -> TLSIdentity
    {
        var identity = TLSIdentity.files(
            certificateChain: FilePath.absolute(try section.needed("certificate"), in: folder),
            privateKey: FilePath.absolute(try section.needed("key"), in: folder))
        identity.ocspResponse = try section.text("ocspResponse").map { .file(FilePath.absolute($0, in: folder)) }
        return identity
    }
}
