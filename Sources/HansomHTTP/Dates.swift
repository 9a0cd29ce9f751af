/// Dates of HTTP, read as cookies have them read, in whatever form they come (RFC 6265 section 5.1.1): the three forms
/// of RFC 9110 section 5.6.7 are among them.
package enum HTTPDate {
    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

    /// Seconds since 1970; `nil` for what is no date.
    package static func seconds(_ text: String) -> Int64? {
        var time: (Int, Int, Int)?
        var day: Int?
        var month: Int?
        var year: Int?
        for token in text.utf8.split(whereSeparator: isDelimiter) {
            if time == nil, let found = timeOfDay(token) {
                time = found
            } else if day == nil, let number = number(token, digits: 1...2) {
                day = number
            } else if month == nil, let found = monthNumber(token) {
                month = found
            } else if year == nil, let number = number(token, digits: 2...4) {
                year = number + (number < 70 ? 2000 : number < 100 ? 1900 : 0)
            }
        }
        guard let (hour, minute, second) = time, let day, let month, let year, (1...31).contains(day), year >= 1601,
            hour < 24, minute < 60, second < 60
        else { return nil }
        return Int64(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
    }

    private static func isDelimiter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x09, 0x20...0x2F, 0x3B...0x40, 0x5B...0x60, 0x7B...0x7E: true
        default: false
        }
    }

    /// `hh:mm:ss`, with one digit or two each, and whatever behind it.
    private static func timeOfDay(_ token: Substring.UTF8View) -> (Int, Int, Int)? {
        let parts = token.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 3, let hour = number(parts[0], digits: 1...2, isWhole: true),
            let minute = number(parts[1], digits: 1...2, isWhole: true), let second = number(parts[2], digits: 1...2)
        else { return nil }
        return (hour, minute, second)
    }

    /// The digits that a token begins with; what follows may not be one more, or, for `isWhole`, anything.
    private static func number(_ token: Substring.UTF8View, digits: ClosedRange<Int>, isWhole: Bool = false) -> Int? {
        let found = token.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard digits.contains(found.count), !isWhole || found.count == token.count else { return nil }
        return found.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func monthNumber(_ token: Substring.UTF8View) -> Int? {
        let name = Substring(token.prefix(3)).lowercased()
        return months.firstIndex(of: name).map { $0 + 1 }
    }

    /// Days from 1970 to a date of the Gregorian calendar, counted in years that begin in March, so that the odd day of
    /// a leap year comes last.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }
}

/// A point in time by the calendar, in UTC, as logs and HTTP write it.
package struct CalendarTime: Sendable, Hashable {
    package let year: Int
    package let month: Int
    package let day: Int
    package let hour: Int
    package let minute: Int
    package let second: Int
    /// From Sunday on, which is 0.
    package let weekday: Int

    /// - Parameter seconds: since the beginning of 1970, without leap seconds.
    package init(secondsSince1970 seconds: Int64) {
        var (days, rest) = Int(seconds).quotientAndRemainder(dividingBy: 86_400)
        if rest < 0 { (days, rest) = (days - 1, rest + 86_400) }
        (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60)
        // It began on a Thursday.
        weekday = (days % 7 + 11) % 7
        // Days since the first of March of the year 0, in eras of 400 years: a leap day is then the last of its year.
        days += 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let ofEra = days - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * ofYear + 2) / 153
        day = ofYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// As web servers log it: `10/Oct/2026:13:55:36 +0000`.
    package var commonLog: String {
        "\(Self.padded(day))/\(Self.months[month - 1])/\(year):\(clock) +0000"
    }

    /// As HTTP has it in `Date` (RFC 9110 section 5.6.7): `Sat, 10 Oct 2026 13:55:36 GMT`.
    package var http: String {
        "\(Self.weekdays[weekday]), \(Self.padded(day)) \(Self.months[month - 1]) \(year) \(clock) GMT"
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

    /// RFC 3339: `2026-10-10T13:55:36Z`.
    package var rfc3339: String { "\(year)-\(Self.padded(month))-\(Self.padded(day))T\(clock)Z" }

    /// The same to the millisecond: `2026-10-10T13:55:36.007Z`.
    ///
    /// - Parameter milliseconds: 0 to 999.
    package func rfc3339(milliseconds: Int) -> String {
        "\(rfc3339.dropLast()).\(milliseconds < 100 ? "0" : "")\(Self.padded(milliseconds))Z"
    }

    private var clock: String { [hour, minute, second].map(Self.padded).joined(separator: ":") }

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
