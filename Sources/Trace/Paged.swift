// A table by dense numbers that are never used again, of which old ones are forgotten: a trace may go on for days.

/// Places from 0, each of which may be empty. Memory is held only for pages on which something is left.
public struct Paged<Element: Sendable>: Sendable {
  /// So many places a page.
  @usableFromInline static var size: Int { 64 }
  @usableFromInline var pages: ContiguousArray<ContiguousArray<Element?>> = []

  public init() {}

  /// Nil, too, beyond all that was ever set.
  public subscript(place: Int) -> Element? {
    // No `_read`: a coroutine that is not inlined takes its frame from the heap, and every event comes by here many times.
    @inlinable @inline(__always)
    get {
      guard place < pages.count &* Self.size, !pages[place / Self.size].isEmpty else { return nil }
      return pages[place / Self.size][place % Self.size]
    }
    @inlinable @inline(__always)
    _modify {
      reach(place)
      yield &pages[place / Self.size][place % Self.size]
    }
  }

  @usableFromInline
  mutating func reach(_ place: Int) {
    while pages.count <= place / Self.size { pages.append([]) }
    if pages[place / Self.size].isEmpty {
      pages[place / Self.size] = ContiguousArray(repeating: nil, count: Self.size)
    }
  }

  /// Empties a place; with the last of its page the page is given back.
  public mutating func forget(_ place: Int) {
    guard place < pages.count * Self.size, !pages[place / Self.size].isEmpty else { return }
    pages[place / Self.size][place % Self.size] = nil
    if pages[place / Self.size].allSatisfy({ $0 == nil }) { pages[place / Self.size] = [] }
  }
}

/// What is there, in the order of the places.
extension Paged: Sequence {
  public struct Iterator: IteratorProtocol {
    @usableFromInline let table: Paged
    @usableFromInline var place = 0

    @inlinable init(_ table: Paged) { self.table = table }

    @inlinable
    public mutating func next() -> Element? {
      while place < table.pages.count &* Paged.size {
        if table.pages[place / Paged.size].isEmpty {
          place = (place / Paged.size + 1) * Paged.size
          continue
        }
        defer { place += 1 }
        if let found = table.pages[place / Paged.size][place % Paged.size] { return found }
      }
      return nil
    }
  }

  @inlinable public func makeIterator() -> Iterator { Iterator(self) }
}
