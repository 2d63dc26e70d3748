// Where a file of ours is to stand. What a trace holds is private, and its folder may be one that others write to: nobody must be able
// to lead us, by a link or a file of theirs, to write it elsewhere or into their hands.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A place for a file: a folder that is held open, and a name in it.
///
/// - A regular file that stands there is replaced, never written into; in a folder that everybody may write to only one of our own.
/// - A symbolic link as the last part of the path is refused. One on the way is followed as the kernel does with
///   fs.protected_symlinks: in a folder that everybody may write to only if it is ours or root's.
/// - Devices, fifos and the descriptors that /dev/stdout and its like name are written to as they are.
public final class FilePlace {
  /// As the user gave it.
  public let path: String
  /// The last part of it.
  public let name: String
  /// The folder, open for the calls that end with "at".
  public let folder: Int32
  /// What stands there is no file to replace, but something to write to.
  public let isStream: Bool

  private static let mostLinks = 40
  #if os(Linux)
    /// O_PATH (asm-generic/fcntl.h), which glibc's module does not show: a folder need not be readable.
    private static let folderFlags = 0o1000_0000 | O_CLOEXEC
  #else
    private static let folderFlags = O_RDONLY | O_CLOEXEC
  #endif

  public init(_ path: String) throws(TraceError) {
    self.path = path
    if path.hasPrefix("/dev/") || path.hasPrefix("/proc/") {
      var status = stat()
      if unsafe stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR,
        Self.isStream(status) || Self.own(path) != nil
      {
        (name, folder, isStream) = (path, -1, true)
        return
      }
    }
    let (opened, last) = try Self.walk(path)
    do throws(TraceError) {
      isStream = try Self.examine(last, in: opened, path)
    } catch {
      close(opened)
      throw error
    }
    (name, folder) = (last, opened)
  }

  deinit { if folder >= 0 { close(folder) } }

  // MARK: Making

  /// A file in the folder for temporary ones (TMPDIR, else /tmp) whose name is gone at once; mode 0600.
  public static func nameless() throws(TraceError) -> Int32 {
    let folder = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? ""
    let pattern = "\(folder.isEmpty ? "/tmp" : folder)/faultline-XXXXXX"
    var name = Array(pattern.utf8CString)
    let made = unsafe mkstemp(&name)
    guard made >= 0 else { throw .unwritable(path: pattern, errno: errno) }
    unsafe unlink(name)
    _ = fcntl(made, F_SETFD, FD_CLOEXEC)
    return made
  }

  /// A file in the same folder, mode 0600, that has no name until it takes this place; on file systems that do not know such files
  /// (open(2), O_TMPFILE) it has `spareName` meanwhile.
  public func createNameless() throws(TraceError) -> Int32 {
    #if os(Linux)
      // O_TMPFILE (asm-generic/fcntl.h), which glibc's module does not show.
      let made = unsafe openat(folder, ".", 0o2000_0000 | O_DIRECTORY | O_RDWR | O_CLOEXEC, 0o600)
      if made >= 0 { return made }
    #endif
    remove(spareName)
    return try create(spareName)
  }

  private var spareName: String { ".\(name).newer" }

  /// The file of `createNameless` takes this place at once, whatever stands there.
  public func take(nameless descriptor: Int32) throws(TraceError) {
    var status = stat()
    if unsafe fstat(descriptor, &status) == 0, status.st_nlink == 0 {
      remove(spareName)
      // AT_SYMLINK_FOLLOW: the file behind the link (open(2), O_TMPFILE).
      guard unsafe linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", folder, spareName, AT_SYMLINK_FOLLOW) == 0 else {
        throw .unwritable(path: path, errno: errno)
      }
    }
    try take(spareName)
  }

  /// Takes away a file of `createNameless` that has not taken this place, as far as it has a name.
  public func removeSpare(made descriptor: Int32) { remove(made: descriptor, spareName) }

  /// A new file of mode 0600 (less what the umask takes) under that name, or another in the same folder; nothing may stand there.
  public func create(_ name: String? = nil) throws(TraceError) -> Int32 {
    let made = unsafe openat(folder, name ?? self.name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard made >= 0 else { throw .unwritable(path: path, errno: errno) }
    return made
  }

  /// Takes away what stands there under that name, or another.
  public func remove(_ name: String? = nil) { unsafe unlinkat(folder, name ?? self.name, 0) }

  /// Takes away what stands there under that name, or another, if it is still the file behind that descriptor.
  public func remove(made descriptor: Int32, _ name: String? = nil) {
    var ours = stat()
    var standing = stat()
    guard unsafe fstat(descriptor, &ours) == 0,
      unsafe fstatat(folder, name ?? self.name, &standing, AT_SYMLINK_NOFOLLOW) == 0, ours.st_dev == standing.st_dev,
      ours.st_ino == standing.st_ino
    else { return }
    remove(name)
  }

  /// The file of that other name takes this place at once; where it cannot, it is gone.
  public func take(_ other: String) throws(TraceError) {
    guard unsafe renameat(folder, other, folder, name) == 0 else {
      let refused = errno
      remove(other)
      throw .unwritable(path: path, errno: refused)
    }
  }

  /// Opens what is there and is no regular file; a fifo waits for its reader.
  public func openStream() throws(TraceError) -> Int32 {
    let opened: Int32
    if let number = Self.own(path) {
      opened = fcntl(number, F_DUPFD_CLOEXEC, 3)
    } else if folder < 0 {
      opened = unsafe open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC)
    } else {
      opened = unsafe openat(folder, name, O_WRONLY | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC)
    }
    guard opened >= 0 else { throw .unwritable(path: path, errno: errno) }
    return opened
  }

  // MARK: Looking

  /// The number of the descriptor of ours that such a path names.
  private static func own(_ path: String) -> Int32? {
    switch path {
    case "/dev/stdout": return STDOUT_FILENO
    case "/dev/stderr": return STDERR_FILENO
    default:
      for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
        return Int32(path.dropFirst(folder.count))
      }
      return nil
    }
  }

  private static func isStream(_ status: stat) -> Bool {
    ![S_IFREG, S_IFDIR, S_IFLNK].contains(status.st_mode & S_IFMT)
  }

  private static func isEverybodys(_ folder: stat) -> Bool { folder.st_mode & S_IWOTH != 0 }

  /// Opens the folder of a path, part by part; its last part.
  private static func walk(_ path: String) throws(TraceError) -> (folder: Int32, last: String) {
    var parts = Array(path.split(separator: "/").map(String.init).reversed())
    guard let last = parts.first, !path.hasSuffix("/"), last != ".", last != ".." else {
      throw .unwritable(path: path, errno: path.isEmpty ? ENOENT : EISDIR)
    }
    parts.removeFirst()
    var folder = unsafe open(path.hasPrefix("/") ? "/" : ".", folderFlags | O_DIRECTORY)
    var links = 0
    while folder >= 0, let part = parts.popLast() {
      let next = unsafe openat(folder, part, folderFlags | O_NOFOLLOW)
      var status = stat()
      var above = stat()
      guard next >= 0, unsafe fstat(next, &status) == 0, unsafe fstat(folder, &above) == 0 else {
        try fail(path, errno, folder, next)
      }
      switch status.st_mode & S_IFMT {
      case S_IFDIR:
        close(folder)
        folder = next
      case S_IFLNK:
        links += 1
        if links > mostLinks { try fail(path, ELOOP, folder, next) }
        if isEverybodys(above), status.st_uid != geteuid(), status.st_uid != 0, status.st_uid != above.st_uid {
          close(folder)
          close(next)
          throw .refusedPlace(
            path: path, why: "\(part) is another user's symbolic link, in a folder that everybody may write to")
        }
        var text = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let length = unsafe readlinkat(folder, part, &text, Int(PATH_MAX))
        guard length > 0 else { try fail(path, errno, folder, next) }
        let target = String(decoding: text[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        close(next)
        parts += target.split(separator: "/").map(String.init).reversed()
        if target.hasPrefix("/") {
          close(folder)
          folder = unsafe open("/", folderFlags | O_DIRECTORY)
        }
      default: try fail(path, ENOTDIR, folder, next)
      }
    }
    guard folder >= 0 else { throw .unwritable(path: path, errno: errno) }
    return (folder, last)
  }

  private static func fail(_ path: String, _ error: Int32, _ folder: Int32, _ next: Int32) throws(TraceError) -> Never {
    close(folder)
    if next >= 0 { close(next) }
    throw .unwritable(path: path, errno: error)
  }

  /// Whether what stands there is a stream.
  private static func examine(_ name: String, in folder: Int32, _ path: String) throws(TraceError) -> Bool {
    var status = stat()
    var above = stat()
    guard unsafe fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      if errno == ENOENT { return false }
      throw .unwritable(path: path, errno: errno)
    }
    guard unsafe fstat(folder, &above) == 0 else { throw .unwritable(path: path, errno: errno) }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: throw .unwritable(path: path, errno: EISDIR)
    case S_IFLNK: throw .refusedPlace(path: path, why: "it is a symbolic link, which is not followed")
    default:
      if isEverybodys(above), status.st_uid != geteuid() {
        throw .refusedPlace(path: path, why: "it is another user's, in a folder that everybody may write to")
      }
      return isStream(status)
    }
  }
}
