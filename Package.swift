// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours holds to the same bar: Swift 6 mode and no warning.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
  name: "faultline",
  products: [
    .executable(name: "faultline", targets: ["faultline"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.30.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.4.0"),
  ],
  targets: [
    .target(name: "CLinux"),
    .target(name: "CUnwind"),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "Trace",
      dependencies: ["CZlib", .product(name: "SystemPackage", package: "swift-system")],
      swiftSettings: strict),
    .target(name: "Lineage", dependencies: ["Trace"], swiftSettings: strict),
    .target(
      name: "StraceLog",
      dependencies: ["Lineage", "Trace", .product(name: "SystemPackage", package: "swift-system")],
      swiftSettings: strict),
    .target(name: "Ptrace", dependencies: ["CLinux"], swiftSettings: strict),
    .target(name: "CSymbols", linkerSettings: [.linkedLibrary("iberty")]),
    .target(name: "Stacks", dependencies: ["CLinux", "CSymbols", "CUnwind", "Trace"], swiftSettings: strict),
    .target(
      name: "Recorder", dependencies: ["CLinux", "Lineage", "Ptrace", "Stacks", "Trace"],
      swiftSettings: strict),
    .target(name: "Analysis", dependencies: ["Lineage", "Trace"], swiftSettings: strict),
    .target(
      name: "Report",
      dependencies: [
        "Analysis", "CZlib", "Lineage", "Trace", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["Perfetto/perfetto_trace.proto"],
      resources: [.embedInCode("Page"), .embedInCode("Rules")],
      swiftSettings: strict),
    .executableTarget(
      name: "faultline",
      dependencies: [
        "Analysis", "CLinux", "Lineage", "Recorder", "Report", "StraceLog", "Trace",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict,
      // A program that can lie anywhere has its addresses put right at each start: 1 ms here, of which a short trace is made.
      linkerSettings: [.unsafeFlags(["-Xclang-linker", "-no-pie"], .when(configuration: .release))]),
    .executableTarget(
      name: "fuzz-lineage", dependencies: ["CLinux", "Lineage", "Recorder", "Trace"], path: "Tests/LineageFuzzer",
      swiftSettings: strict),
    .executableTarget(
      name: "make-trace", dependencies: ["Trace"], path: "Tests/TraceMaker", swiftSettings: strict),
    .target(
      name: "Fuzzing", dependencies: ["Analysis", "Lineage", "Report", "StraceLog", "Trace"], path: "Tests/Fuzzing",
      swiftSettings: strict),
    .executableTarget(
      name: "fuzz-readers", dependencies: ["Fuzzing"], path: "Tests/ReaderFuzzer", swiftSettings: strict),
    .target(name: "Support", dependencies: ["Trace"], path: "Tests/Support", swiftSettings: strict),
    .testTarget(name: "TraceTests", dependencies: ["Support", "Trace"], swiftSettings: strict),
    .testTarget(name: "PtraceTests", dependencies: ["Ptrace"], swiftSettings: strict),
    .testTarget(name: "StacksTests", dependencies: ["Stacks"], swiftSettings: strict),
    .testTarget(name: "LineageTests", dependencies: ["Lineage", "Support", "Trace"], swiftSettings: strict),
    .testTarget(name: "AnalysisTests", dependencies: ["Analysis", "Support", "Trace"], swiftSettings: strict),
    .testTarget(name: "ReportTests", dependencies: ["Analysis", "Report", "Support", "Trace"], swiftSettings: strict),
    .testTarget(
      name: "StraceLogTests", dependencies: ["Analysis", "StraceLog", "Support", "Trace"], swiftSettings: strict),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "Analysis", "faultline", "Fuzzing", "fuzz-lineage", "fuzz-readers", "Recorder", "Report", "Support", "Trace",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
