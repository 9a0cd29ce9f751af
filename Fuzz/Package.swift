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

func hansom(_ product: String) -> Target.Dependency { .product(name: product, package: "hansom") }

/// The fuzz targets, a package of their own so that nobody else builds them: all in one program, which `Scripts/fuzz`
/// builds with libFuzzer and the address sanitizer. It looks inside the libraries (`-enable-testing`).
let package = Package(
    name: "fuzz",
    dependencies: [
        .package(name: "hansom", path: ".."),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.3.0"),
    ],
    targets: [
        .executableTarget(
            name: "fuzz",
            dependencies: [
                hansom("WSProtocol"), hansom("WSClient"), hansom("WSServer"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            path: "Sources", swiftSettings: strict)
    ]
)
