// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

/// Programs that measure, as a package of their own: they see of Hansom what every user sees, and are built as a user's
/// would be.
let package = Package(
    name: "benchmarks",
    dependencies: [.package(name: "hansom", path: "..")],
    targets: [
        .executableTarget(
            name: "processes", dependencies: ["CHeap", .product(name: "Actors", package: "hansom")],
            path: "processes/swift", swiftSettings: strict),
        .target(name: "CHeap", path: "processes/heap"),
        .executableTarget(
            name: "client",
            dependencies: [.product(name: "Actors", package: "hansom"), .product(name: "WSClient", package: "hansom")],
            path: "client/swift", swiftSettings: strict),
        .executableTarget(
            name: "compression", dependencies: ["CHeap", .product(name: "WSProtocol", package: "hansom")],
            path: "compression/swift", swiftSettings: strict),
        .executableTarget(
            name: "broadcast",
            dependencies: [
                .product(name: "Actors", package: "hansom"), .product(name: "WSServer", package: "hansom"),
                .product(name: "WSTopics", package: "hansom"),
            ],
            path: "broadcast/swift", swiftSettings: strict),
    ]
)
