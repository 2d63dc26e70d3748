// libFuzzer's side (LLVM's docs/LibFuzzer.rst; fuzzer/FuzzerInterface.h). The ordinary build has none of it.

#if FUZZING
  import Fuzzing
  import Glibc

  @_silgen_name("LLVMFuzzerRunDriver")
  private func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ input: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
  ) -> Int32

  @_silgen_name("LLVMFuzzerMutate")
  private func mutate(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ most: Int) -> Int

  enum Fuzzer {
    nonisolated(unsafe) static var reader = Reader.trace
    /// The input before: records are taken from it.
    nonisolated(unsafe) static var former: [UInt8] = []

    static func run(_ reader: Reader, _ arguments: [String]) -> Int32 {
      self.reader = reader
      var texts = arguments.map { strdup($0) } + [nil]
      var count = Int32(texts.count - 1)
      return texts.withUnsafeMutableBufferPointer { texts in
        var start = texts.baseAddress!
        return runDriver(&count, &start) { bytes, count in
          Fuzzer.reader.read(Array(UnsafeBufferPointer(start: bytes, count: count)), isThorough: false)
          return 0
        }
      }
    }

    static func bent(_ bytes: [UInt8], _ most: Int) -> [UInt8] {
      var copy = bytes + Array(repeating: 0, count: max(0, most - bytes.count))
      let count = mutate(&copy, bytes.count, most)
      return Array(copy.prefix(count))
    }
  }

  @_cdecl("LLVMFuzzerCustomMutator")
  public func customMutator(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ most: Int, _ seed: UInt32) -> Int {
    let input = Array(UnsafeBufferPointer(start: bytes, count: count))
    guard Fuzzer.reader == .trace else { return mutate(bytes, count, most) }
    let output = TraceMutator.mutated(input, with: Fuzzer.former, seed: seed, most: most, bend: Fuzzer.bent)
    if seed % 8 == 0 { Fuzzer.former = input }
    let taken = min(output.count, most)
    for place in 0..<taken { bytes[place] = output[place] }
    return taken
  }
#endif
