// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is built alike: Swift 6 mode, strict memory safety, and no warning left standing.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let metricsTesting: Target.Dependency = .product(name: "MetricsTestKit", package: "swift-metrics")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let tracingTesting: Target.Dependency = .product(name: "InMemoryTracing", package: "swift-distributed-tracing")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: resources, swiftSettings: strict)
}

let package = Package(
    name: "hansom",
    products: [
        .library(name: "Actors", targets: ["Actors"]),
        .library(name: "ActorsMetrics", targets: ["ActorsMetrics"]),
        .library(name: "WSProtocol", targets: ["WSProtocol"]),
        .library(name: "WSClient", targets: ["WSClient"]),
        .library(name: "WSServer", targets: ["WSServer"]),
        .library(name: "WSTopics", targets: ["WSTopics"]),
        .library(name: "HansomLifecycle", targets: ["HansomLifecycle"]),
        .library(name: "WSServerTelemetry", targets: ["WSServerTelemetry"]),
        .library(name: "HansomTesting", targets: ["HansomTesting"]),
        .executable(name: "hansom", targets: ["hansom"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.3.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.3.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.5.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
    ],
    targets: [
        // C: module maps and inline shims only.
        .target(name: "CHansomSystem"),
        .systemLibrary(name: "CTLS", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CHansomZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // Arrows point down only: see ARCHITECTURE.md.
        library("Actors", ["CHansomSystem", deque, logging]),
        library("ActorsMetrics", ["Actors", metrics]),
        library("HansomTransport", ["Actors", "CHansomSystem", "CTLS"]),
        library("HansomHTTP", [httpTypes]),
        library("WSProtocol", ["HansomHTTP", "CHansomZlib", httpTypes]),
        library(
            "WSConnection",
            ["Actors", "CHansomSystem", "HansomTransport", "HansomHTTP", "WSProtocol", deque, httpTypes]),
        library("WSClient", ["WSConnection", "Actors", "HansomTransport", "HansomHTTP", "WSProtocol", httpTypes]),
        library(
            "WSServer",
            ["WSConnection", "Actors", "HansomTransport", "HansomHTTP", "WSProtocol", deque, httpTypes, logging]),
        library("WSTopics", ["WSConnection", "WSProtocol", "Actors", deque]),
        library("HansomLifecycle", ["WSServer", "Actors", lifecycle, logging]),
        library(
            "WSServerTelemetry",
            [
                "WSServer", "WSConnection", "HansomHTTP", "WSProtocol", "HansomTransport", "ActorsMetrics", "Actors",
                httpTypes, metrics, tracing,
            ]),
        library("HansomTesting", ["Actors", "HansomTransport", "WSProtocol", "WSConnection", logging]),

        .executableTarget(
            name: "hansom",
            dependencies: [
                "WSClient", "WSServer", "WSTopics", "WSConnection", "WSProtocol", "HansomHTTP", "HansomTransport",
                "Actors", httpTypes, logging, argumentParser,
            ],
            swiftSettings: strict),

        tests("ActorsTests", ["Actors", "HansomTesting", logging]),
        tests("ActorsMetricsTests", ["ActorsMetrics", "Actors", "HansomTesting", metrics, metricsTesting]),
        // Scenarios of process behaviour, run here and by Erlang/OTP: see Tests/OTPScenarios/README.md.
        .target(
            name: "OTPScenarios", dependencies: ["Actors", "HansomTesting"], path: "Tests/OTPScenarios/Interpreter",
            swiftSettings: strict),
        .executableTarget(
            name: "otp-scenarios", dependencies: ["OTPScenarios"], path: "Tests/OTPScenarios/Command",
            swiftSettings: strict),
        tests("OTPCompareTests", ["OTPScenarios"]),
        // Heads and random values, for both kinds of pure machines.
        .target(
            name: "ProtocolTesting", dependencies: ["HansomHTTP", httpTypes], path: "Tests/ProtocolTesting",
            swiftSettings: strict),
        tests("HansomHTTPTests", ["HansomHTTP", "WSProtocol", "ProtocolTesting", httpTypes]),
        tests("WSProtocolTests", ["HansomHTTP", "WSProtocol", "ProtocolTesting", httpTypes]),
        // Real sockets that say any bytes at all, and a look at what a test leaves behind.
        .target(
            name: "SocketTesting", dependencies: ["Actors", "HansomTransport", "WSConnection", "WSProtocol"],
            path: "Tests/SocketTesting",
            swiftSettings: strict),
        tests(
            "WSClientTests",
            [
                "WSClient", "WSServer", "WSConnection", "WSProtocol", "HansomHTTP", "Actors", "HansomTransport",
                "HansomTesting", "SocketTesting", httpTypes,
            ]),
        tests(
            "WSServerTests",
            [
                "WSServer", "WSTopics", "WSClient", "WSConnection", "WSProtocol", "HansomHTTP", "Actors",
                "HansomTransport", "HansomTesting", "SocketTesting", httpTypes, logging,
            ]),
        tests(
            "WSTopicsTests",
            ["WSTopics", "WSServer", "WSClient", "WSConnection", "WSProtocol", "Actors", "HansomTesting"]),
        tests(
            "HansomLifecycleTests",
            ["HansomLifecycle", "WSServer", "WSClient", "Actors", "HansomTesting", "SocketTesting", lifecycle, logging]),
        // A server for tests of signals, and of one process that replaces another.
        .executableTarget(
            name: "service-peer",
            dependencies: ["HansomLifecycle", "WSServer", "Actors", lifecycle, unixSignals, logging],
            path: "Tests/ServicePeer",
            swiftSettings: strict),
        tests(
            "WSServerTelemetryTests",
            [
                "WSServerTelemetry", "WSServer", "WSClient", "Actors", "SocketTesting", httpTypes, metrics,
                metricsTesting, tracing, tracingTesting,
            ]),
        tests(
            "InteropTests",
            [
                "service-peer", "hansom", "WSClient", "WSServer", "Actors", "HansomTransport", "HansomTesting",
                "SocketTesting", httpTypes,
            ]),
        tests("WSConnectionTests", ["WSConnection", "HansomTesting", "Actors", "HansomTransport", "WSProtocol"]),
        // What README.md and GUIDE.md show, compiled and run.
        tests(
            "GuideTests",
            [
                "WSClient", "WSServer", "WSTopics", "WSServerTelemetry", "WSProtocol", "HansomLifecycle",
                "ActorsMetrics", "Actors", "HansomTesting", lifecycle, unixSignals, logging,
            ]),
        tests("HansomTransportTests", ["HansomTransport", "Actors", "CTLS", "HansomTesting"]),
        // The programs of Examples/FirstWeek, built as part of this package so that the tests run them.
        .executableTarget(
            name: "first-week", dependencies: ["Actors"], path: "Examples/FirstWeek", exclude: ["OTP", "expected"],
            swiftSettings: strict),
        // What a hostile peer makes us do, for a test that counts instructions.
        .executableTarget(
            name: "hostile-cost", dependencies: ["HansomHTTP", "WSProtocol", httpTypes], path: "Tests/HostileCost",
            swiftSettings: strict),
        tests(
            "CommandTests",
            [
                "hostile-cost", "first-week", "hansom", "WSClient", "WSServer", "WSProtocol", "HansomHTTP",
                "HansomTransport", "Actors", "SocketTesting", argumentParser, logging,
            ]),
    ]
)
