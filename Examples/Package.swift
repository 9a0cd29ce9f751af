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

func example(
    _ name: String, _ products: String..., others: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
    .executableTarget(
        name: name, dependencies: products.map { .product(name: $0, package: "hansom") } + others, path: name,
        exclude: exclude, swiftSettings: strict)
}

/// Programs to learn from, as a package of their own: they see of Hansom what every user sees.
let package = Package(
    name: "examples",
    dependencies: [
        .package(name: "hansom", path: ".."),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
    ],
    targets: [
        example("Echo", "WSServer"),
        example("Passive", "WSClient"),
        example("ActiveMailbox", "WSClient"),
        example("Workers", "Actors"),
        example("FirstWeek", "Actors", exclude: ["OTP", "expected"]),
        example(
            "Supervised", "WSServer", "Actors", "HansomLifecycle",
            others: [
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),
    ]
)
