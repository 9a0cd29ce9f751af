package import HTTPTypes

/// What there is to answer GET and HEAD with, as far as conditions and ranges care: a version of so many bytes.
///
/// Which bytes a request gets is decided here (RFC 9110 sections 13.2.2 and 14.2); who has them sends them.
package struct Representation: Sendable, Hashable {
    /// The value of `ETag`: a strong one, in quotes (RFC 9110 section 8.8.3).
    package var entityTag: String
    /// When it was last changed: seconds since 1970.
    package var lastModified: Int64
    package var length: Int

    package init(entityTag: String, lastModified: Int64, length: Int) {
        self.entityTag = entityTag
        self.lastModified = lastModified
        self.length = length
    }

    /// What a request gets.
    package enum Selection: Sendable, Hashable {
        /// All of it: 200.
        case whole
        /// These bytes: 206.
        case part(Range<Int>)
        /// It has what there is: 304.
        case notModified
        /// It did not want this version: 412.
        case preconditionFailed
        /// There are no such bytes: 416.
        case unsatisfiable
    }

    /// - Parameter fields: of a GET, or of a HEAD, which no range is meant for (section 14.2).
    package func selection(for fields: HTTPFields, isHead: Bool) -> Selection {
        if let tags = joined(fields, .ifMatch) {
            if !lists(tags, weakly: false) { return .preconditionFailed }
        } else if let time = date(fields, .ifUnmodifiedSince), lastModified > time {
            return .preconditionFailed
        }
        if let tags = joined(fields, .ifNoneMatch) {
            if lists(tags, weakly: true) { return .notModified }
        } else if let time = date(fields, .ifModifiedSince), lastModified <= time {
            return .notModified
        }
        guard !isHead, let range = fields[.range] else { return .whole }
        // A date could stand for two versions of one second (section 13.1.5), so only the tag counts.
        if let condition = joined(fields, .ifRange), condition != entityTag { return .whole }
        return part(range)
    }

    // MARK: Conditions

    private func joined(_ fields: HTTPFields, _ name: HTTPField.Name) -> String? {
        let values = fields[values: name]
        return values.isEmpty ? nil : values.joined(separator: ",")
    }

    /// A condition that is no date counts for nothing (sections 13.1.3 and 13.1.4).
    private func date(_ fields: HTTPFields, _ name: HTTPField.Name) -> Int64? {
        fields[name].flatMap(HTTPDate.seconds)
    }

    /// Whether a list of entity tags, or an asterisk, has ours among them. A comma may stand inside a tag, so the
    /// quotes are what parts them.
    private func lists(_ tags: String, weakly: Bool) -> Bool {
        let own = entityTag.utf8
        let quote = UInt8(ascii: "\"")
        let trimmed = tags.utf8.trimmingWhitespace
        if trimmed.elementsEqual("*".utf8) { return true }
        var rest = trimmed[...]
        while let opening = rest.firstIndex(of: quote) {
            let isWeak = rest[..<opening].suffix(2).elementsEqual("W/".utf8)
            guard let closing = rest[rest.index(after: opening)...].firstIndex(of: quote) else { return false }
            if weakly || !isWeak, rest[opening...closing].elementsEqual(own) { return true }
            rest = rest[rest.index(after: closing)...]
        }
        return false
    }

    // MARK: Ranges

    /// One range of bytes. Several, another unit, and what breaks the grammar count for nothing, as section 14.2
    /// allows.
    private func part(_ value: String) -> Selection {
        let text = value.utf8
        guard let equals = text.firstIndex(of: UInt8(ascii: "=")),
            text[..<equals].equalsIgnoringASCIICase("bytes".utf8)
        else { return .whole }
        let parts = text[text.index(after: equals)...].trimmingWhitespace
            .split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2 else { return .whole }
        switch (position(parts[0]), position(parts[1])) {
        case (let first?, let last?) where first <= last:
            return first < length ? .part(first..<min(last, length - 1) + 1) : .unsatisfiable
        case (let first?, nil) where parts[1].isEmpty:
            return first < length ? .part(first..<length) : .unsatisfiable
        case (nil, let count?) where parts[0].isEmpty:
            return count > 0 && length > 0 ? .part(max(0, length - count)..<length) : .unsatisfiable
        default: return .whole
        }
    }

    /// A number of any length; one that no file reaches is as good as the largest.
    private func position(_ digits: Substring.UTF8View) -> Int? {
        guard !digits.isEmpty else { return nil }
        var number = 0
        for digit in digits {
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, further) = product.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
            number = overflow || further ? .max : sum
        }
        return number
    }
}
