import ArgumentParser

extension ExportCommand {
  func exportPerfetto() throws {
    throw Console.fail("export --format perfetto is not there yet", ExitStatus.failed)
  }
}
