// The command line: one file per subcommand, this one says which there are.

import ArgumentParser

@main
struct Faultline: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "faultline",
    abstract:
      "Find out who woke, robbed or starved an event loop, from the system calls of a program and its children.",
    discussion: """
      faultline trace -- python3 app.py     records what the program does
      faultline analyze python3.4711.flt    says what went wrong, and who did it
      faultline report python3.4711.flt     draws it
      faultline why 4711                    looks at a process that hangs or burns already
      """,
    version: "0.1.0",
    subcommands: [
      TraceCommand.self, WhyCommand.self, CheckCommand.self, AnalyzeCommand.self, ReportCommand.self,
      ExportCommand.self, ImportCommand.self, DumpCommand.self, LineageCommand.self, ExplainCommand.self,
      DoctorCommand.self,
    ])
}
