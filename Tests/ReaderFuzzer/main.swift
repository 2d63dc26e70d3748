// fuzz-readers: gives readers of files what no writer wrote.
//
//   fuzz-readers READER FILE...             reads each file once: what a crash left is reproduced by it
//   fuzz-readers --seeds READER OUT FILE... makes small inputs of real files
//
// As tools/fuzz builds it, with FAULTLINE_FUZZ=READER in its environment it takes libFuzzer's options and folders instead.

import Fuzzing
import Glibc

func say(_ text: String, to descriptor: Int32) { _ = write(descriptor, Array(text.utf8), text.utf8.count) }

func fail(_ words: String) -> Never {
  say("fuzz-readers: \(words)\n", to: STDERR_FILENO)
  exit(2)
}

func content(of path: String) -> [UInt8] {
  guard let file = fopen(path, "re") else { fail("cannot read \(path)") }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var block = [UInt8](repeating: 0, count: 65536)
  while case let count = fread(&block, 1, block.count, file), count > 0 { bytes += block[..<count] }
  return bytes
}

/// The most bytes of an input: small ones are read often, and what is wrong with large ones is wrong with these.
let most = 1024

func writeSeeds(_ reader: Reader, to folder: String, from paths: [String]) {
  var number = 0
  for path in paths {
    for seed in reader.seeds(from: content(of: path), most: most) {
      guard let file = fopen("\(folder)/seed-\(number)", "we") else { fail("cannot write into \(folder)") }
      fwrite(seed, 1, seed.count, file)
      fclose(file)
      number += 1
    }
  }
}

#if FUZZING
  // Not by an argument: libFuzzer starts itself anew with its own.
  if let name = getenv("FAULTLINE_FUZZ"), let reader = Reader(rawValue: String(cString: name)) {
    exit(Fuzzer.run(reader, CommandLine.arguments))
  }
#endif

var arguments = Array(CommandLine.arguments.dropFirst())
let mode = arguments.first.flatMap { $0.hasPrefix("--") ? $0 : nil }
if mode != nil { arguments.removeFirst() }
guard let reader = arguments.first.flatMap(Reader.init(rawValue:)) else {
  fail("a reader, please: \(Reader.allCases.map(\.rawValue).joined(separator: ", "))")
}
arguments.removeFirst()
switch mode {
case nil:
  for path in arguments {
    // Which one it was that ended everything.
    say("\(path)\n", to: STDOUT_FILENO)
    reader.read(content(of: path))
  }
case "--seeds" where arguments.count > 1:
  writeSeeds(reader, to: arguments[0], from: Array(arguments.dropFirst()))
default: fail("usage: fuzz-readers [--seeds] READER ...")
}
