import Analysis
import ArgumentParser
import Report

extension RuleID: ExpressibleByArgument {}

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Say what a rule means, how it comes about, how to mend it, and who met it.")

  @Argument(help: "The rule. Without one, all are listed.")
  var rule: RuleID?

  func run() throws {
    Console.print(rule.map { Look.terminal().explanation($0) } ?? Look.terminal().rules())
  }
}
