/// A point in time by the calendar, in UTC, as logs write it.
struct CalendarTime: Sendable, Hashable {
    let year: Int
    let month: Int
    let day: Int
    let hour: Int
    let minute: Int
    let second: Int
    /// From Sunday on, which is 0.
    let weekday: Int

    /// - Parameter seconds: since the beginning of 1970, without leap seconds.
    init(secondsSince1970 seconds: Int64) {
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
    var commonLog: String {
        "\(Self.padded(day))/\(Self.months[month - 1])/\(year):\(clock) +0000"
    }

    /// As HTTP has it in `Date` (RFC 9110 section 5.6.7): `Sat, 10 Oct 2026 13:55:36 GMT`.
    var http: String {
        "\(Self.weekdays[weekday]), \(Self.padded(day)) \(Self.months[month - 1]) \(year) \(clock) GMT"
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

    /// RFC 3339: `2026-10-10T13:55:36Z`.
    var rfc3339: String { "\(year)-\(Self.padded(month))-\(Self.padded(day))T\(clock)Z" }

    private var clock: String { [hour, minute, second].map(Self.padded).joined(separator: ":") }

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
