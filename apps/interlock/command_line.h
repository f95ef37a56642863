// The command line as data: one table of commands drives parsing, `--help`, usage errors and shell
// completion.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace interlock::app {

struct Option {
  std::string_view name;      // "--env"
  std::string_view argument;  // "NAME", "" for a switch
  std::string_view help;
};

struct CommandLine;
struct Command {
  std::string_view name;      // "run", "vault add"
  std::string_view operands;  // "NAME", "-- CMD…"
  std::string_view help;      // one sentence
  std::string_view example;
  std::span<const Option> options;
  int (*run)(const CommandLine&);
  bool takes_command = false;  // everything after `--` is a command
  std::size_t operands_min = 0;
  std::size_t operands_max = 0;
};

struct CommandLine {
  const Command* command = nullptr;
  std::vector<std::string> operands;
  std::multimap<std::string, std::string, std::less<>> options;  // name → value ("" for switches)
  std::vector<std::string> rest;                                 // after `--`
  bool json = false;
  std::string config;  // "" when not given
  std::string state;   // "" when not given
  bool help = false;

  bool Has(std::string_view option) const { return options.contains(option); }
  std::string Get(std::string_view option, std::string_view fallback = "") const;
  std::vector<std::string> All(std::string_view option) const;
};

// Reads argv against the table. The error is a usage error (exit status 2) and names the nearest
// word.
Result<CommandLine> ParseCommandLine(std::span<const Command> commands,
                                     std::span<const std::string> words);

std::string HelpFor(const Command& command);
std::string Overview(std::span<const Command> commands);
// A bash completion script made of the same table.
std::string BashCompletion(std::span<const Command> commands);
// A man page (roff) made of the same table.
std::string ManPage(std::span<const Command> commands, std::string_view version);

}  // namespace interlock::app
