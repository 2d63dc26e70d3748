// What waits in each channel over time, in bounded memory: of each a few hundred moments, of very many channels those that are used most.

import Lineage
import Trace

struct ChannelTracks: Sendable {
  fileprivate struct Track {
    var serial: UInt32
    var kind: ObjectKind
    var creator: ThreadID
    var created: Nanoseconds
    var gone: Nanoseconds?
    var samples: [Timeline.Sample] = []
    /// Changes that follow sooner than this are one sample, the highest.
    var interval: Nanoseconds = 0
    var changes: UInt64 = 0
    var users: Set<ProcessID> = []
  }

  private static let mostSamples = 512
  private static let mostTracks = 4096
  private static let mostUsers = 64
  /// Of those that no finding is about, so many are shown.
  private static let mostOthers = 12

  private var tracks: [Track] = []
  /// By slot of the World's channels, the place in `tracks`.
  private var places: ContiguousArray<Int32> = []

  /// A call has moved the channel.
  mutating func note(_ channel: Channel, by process: ProcessID, at time: Nanoseconds) {
    let slot = Int(channel.slot)
    while places.count <= slot { places.append(-1) }
    if places[slot] < 0 || tracks[Int(places[slot])].serial != channel.serial {
      if tracks.count >= Self.mostTracks { thinOut() }
      places[slot] = Int32(tracks.count)
      tracks.append(
        Track(serial: channel.serial, kind: channel.kind, creator: channel.creator, created: channel.created))
    }
    let place = Int(places[slot])
    if tracks[place].users.count < Self.mostUsers { tracks[place].users.insert(process) }
    let waiting = channel.queue.unread &+ channel.backQueue.unread
    guard waiting != (tracks[place].samples.last?.last ?? 0) else { return }
    tracks[place].changes += 1
    tracks[place].add(Timeline.Sample(time: time, most: waiting, last: waiting))
    if tracks[place].samples.count > Self.mostSamples { tracks[place].coarsen() }
  }

  mutating func gone(_ channel: Channel, at time: Nanoseconds) {
    let slot = Int(channel.slot)
    guard slot < places.count, places[slot] >= 0, tracks[Int(places[slot])].serial == channel.serial else { return }
    tracks[Int(places[slot])].gone = time
    places[slot] = -1
  }

  /// Forgets those that were used least, of those that are gone.
  private mutating func thinOut() {
    let weights = tracks.filter { $0.gone != nil }.map(\.changes).sorted()
    guard !weights.isEmpty else { return }
    let least = weights[weights.count / 2]
    var now: [Int32] = []
    var kept: [Track] = []
    for track in tracks {
      let stays = track.gone == nil || track.changes > least
      now.append(stays ? Int32(kept.count) : -1)
      if stays { kept.append(track) }
    }
    tracks = kept
    for slot in places.indices where places[slot] >= 0 { places[slot] = now[Int(places[slot])] }
  }

  /// The channels that matter: those that findings are about, then those by which processes speak with each other, the busiest first.
  func channels(_ findings: [Finding], world: World, tables: TraceTables) -> [Timeline.Channel] {
    var findingsOf: [UInt32: [String]] = [:]
    for finding in findings {
      if let object = finding.object, object.id > 0 { findingsOf[object.id, default: []].append(finding.id) }
    }
    let about = tracks.filter { findingsOf[$0.serial] != nil }
    let others = tracks.filter { findingsOf[$0.serial] == nil && $0.users.count > 1 && $0.changes > 0 }
      .sorted { ($0.changes, $1.serial) > ($1.changes, $0.serial) }.prefix(Self.mostOthers)
    let chosen = (about + others).sorted { $0.serial < $1.serial }
    let files = Self.files(of: Set(chosen.map(\.serial)), world)
    return chosen.map { track in
      Timeline.Channel(
        serial: track.serial, kind: track.kind, creatorPid: world.process(of: track.creator)?.pid,
        created: track.created,
        gone: track.gone, samples: track.samples,
        holders: (files[track.serial] ?? []).flatMap { Self.holders(of: $0, world: world) },
        family: (files[track.serial] ?? []).map { FamilyTree.text($0, world, tables) }.joined(separator: "\n"),
        files: (files[track.serial] ?? []).map { FileHistory($0, world, tables) },
        owner: findings.lazy.compactMap(\.object).first { $0.id == track.serial }?.ownerHint,
        findings: findingsOf[track.serial] ?? [])
    }
  }

  /// Who had the open file, from when to when: from a process's first number for it to its last.
  private static func holders(of file: OpenFile, world: World) -> [Timeline.Holder] {
    var holders: [Timeline.Holder] = []
    var open: [ProcessID: (place: Int, count: Int)] = [:]
    for step in file.history {
      var known = open[step.process] ?? (-1, 0)
      if case .acquired = step.kind {
        if known.count == 0 {
          known.place = holders.count
          holders.append(
            Timeline.Holder(
              pid: world.process(step.process)?.pid ?? 0, fd: step.fd, side: file.side, start: step.time, end: nil))
        }
        known.count += 1
      } else if known.count > 0 {
        known.count -= 1
        if known.count == 0 { holders[known.place].end = step.time }
      }
      open[step.process] = known
    }
    return holders
  }

  private static func files(of serials: Set<UInt32>, _ world: World) -> [UInt32: [OpenFile]] {
    var files: [UInt32: [OpenFile]] = [:]
    for file in world.closedFiles where serials.contains(file.channelSerial) {
      files[file.channelSerial, default: []].append(file)
    }
    for file in world.files where file.channel >= 0 && !file.history.isEmpty {
      let serial = world.channels[Int(file.channel)].serial
      if serials.contains(serial) { files[serial, default: []].append(file) }
    }
    return files.mapValues { $0.sorted { $0.serial < $1.serial } }
  }
}

extension ChannelTracks.Track {
  fileprivate mutating func add(_ sample: Timeline.Sample) {
    guard let last = samples.last, sample.time < last.time + interval else {
      samples.append(sample)
      return
    }
    samples[samples.count - 1].most = max(last.most, sample.most)
    samples[samples.count - 1].last = sample.last
  }

  fileprivate mutating func coarsen() {
    let lasted = (samples.last?.time ?? 0).less(samples.first?.time ?? 0)
    interval = max(interval * 2, lasted / UInt64(samples.count / 2))
    let all = samples
    samples = []
    for sample in all { add(sample) }
  }
}
