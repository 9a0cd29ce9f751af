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

func example(_ name: String, _ products: String...) -> Target {
    .executableTarget(
        name: name, dependencies: products.map { .product(name: $0, package: "hansom") }, path: name,
        swiftSettings: strict)
}

/// Programs to learn from, as a package of their own: they see of Hansom what every user sees.
let package = Package(
    name: "examples",
    dependencies: [.package(name: "hansom", path: "..")],
    targets: [
        example("Echo", "WSServer"),
        example("Passive", "WSClient"),
        example("ActiveMailbox", "WSClient"),
    ]
)
