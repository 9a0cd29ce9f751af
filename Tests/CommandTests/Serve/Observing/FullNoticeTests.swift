import Testing

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct FullNoticeTests {
    @Test func `is news once, and again when a tenth was free`() {
        var notice = FullNotice(maxConnections: 100)
        let news = [99, 100, 100, 99, 100, 91, 100, 89, 100, 120].map { notice.isNews($0) }
        #expect(news == [false, true, false, false, false, false, false, false, true, false])
    }

    @Test func `counts few connections too (S3)`() {
        var notice = FullNotice(maxConnections: 1)
        #expect([0, 1, 1, 0, 1].map { notice.isNews($0) } == [false, true, false, false, true])
    }
}
