#include "command_line.h"

#include <algorithm>

#include "base/bytes.h"

namespace interlock::app {
namespace {

constexpr Option kGlobal[] = {
    {"--json", "", "machine-readable output"},
    {"--config", "FILE", "read this configuration instead of the usual files"},
    {"--state", "DIR", "where the gateway keeps its state (default $XDG_STATE_HOME/interlock)"},
    {"--help", "", "what the command does, with an example"},
};

const Option* FindOption(std::span<const Option> options, std::string_view name) {
  const auto it = std::ranges::find(options, name, &Option::name);
  return it == options.end() ? nullptr : &*it;
}

// The longest command whose words are at the front of `words`.
const Command* FindCommand(std::span<const Command> commands, const std::vector<std::string>& words,
                           std::size_t& used) {
  for (std::size_t count = std::min<std::size_t>(2, words.size()); count > 0; --count) {
    const std::string name = count == 2 ? words[0] + " " + words[1] : words[0];
    const auto it = std::ranges::find(commands, name, &Command::name);
    if (it != commands.end()) {
      used = count;
      return &*it;
    }
  }
  return nullptr;
}

std::string Suggestion(std::string_view word, const std::vector<std::string_view>& candidates) {
  const auto nearest = Nearest(word, candidates);
  return nearest ? " (did you mean \"" + *nearest + "\"?)" : "";
}

bool FiltersByState(const Command* command) {
  return command != nullptr && FindOption(command->options, "--state") != nullptr;
}

std::string Roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '-') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string CommandLine::Get(std::string_view option, std::string_view fallback) const {
  const auto it = options.find(option);
  return it == options.end() ? std::string(fallback) : it->second;
}

std::vector<std::string> CommandLine::All(std::string_view option) const {
  std::vector<std::string> values;
  for (auto [it, end] = options.equal_range(option); it != end; ++it) values.push_back(it->second);
  return values;
}

Result<CommandLine> ParseCommandLine(std::span<const Command> commands,
                                     std::span<const std::string> words) {
  CommandLine line;
  std::vector<std::string> plain;
  struct Given {
    std::string name;
    std::string value;
    bool has_value;
  };
  std::vector<Given> given;
  // Values belong to options whose command isn't known yet: every command's options are looked at.
  const auto takes_value = [&](std::string_view name) {
    if (const Option* option = FindOption(kGlobal, name)) return !option->argument.empty();
    for (const Command& command : commands) {
      if (const Option* option = FindOption(command.options, name))
        return !option->argument.empty();
    }
    return false;
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      line.rest.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    if (word == "-h") {
      line.help = true;
    } else if (word.starts_with("--")) {
      const auto equals = word.find('=');
      Given option{word.substr(0, equals), "", false};
      if (equals != std::string::npos) {
        option.value = word.substr(equals + 1);
        option.has_value = true;
      } else if (takes_value(option.name)) {
        if (i + 1 >= words.size() || words[i + 1].starts_with("--"))
          return Fail(Code::invalid_input, option.name + " wants a value");
        option.value = words[++i];
        option.has_value = true;
      }
      given.push_back(std::move(option));
    } else {
      plain.push_back(word);
    }
  }
  std::size_t used = 0;
  line.command = FindCommand(commands, plain, used);
  for (Given& option : given) {
    if (option.name == "--help") {
      line.help = true;
    } else if (option.name == "--json") {
      line.json = true;
    } else if (option.name == "--config") {
      line.config = option.value;
    } else if (option.name == "--state" &&
               (!FiltersByState(line.command) || option.value.find('/') != std::string::npos)) {
      // `holds --state pending` filters; what has a slash is the directory, wherever it stands.
      line.state = option.value;
    } else if (line.command == nullptr && plain.empty()) {
      return Fail(Code::invalid_input, "unknown option " + option.name);
    } else if (line.command != nullptr) {
      const Option* known = FindOption(line.command->options, option.name);
      if (known == nullptr) {
        std::vector<std::string_view> names;
        for (const Option& o : line.command->options) names.push_back(o.name);
        for (const Option& o : kGlobal) names.push_back(o.name);
        return Fail(Code::invalid_input, std::string(line.command->name) + " has no option " +
                                             option.name + Suggestion(option.name, names));
      }
      if (known->argument.empty() && option.has_value) {
        return Fail(Code::invalid_input, option.name + " takes no value");
      }
      line.options.emplace(option.name, std::move(option.value));
    }
  }
  if (line.command == nullptr) {
    if (line.help || plain.empty()) {
      line.help = true;
      return line;
    }
    std::vector<std::string_view> names;
    for (const Command& command : commands) names.push_back(command.name);
    return Fail(Code::invalid_input, "there is no command \"" + plain[0] + "\"" +
                                         Suggestion(plain[0], names) +
                                         "; interlock --help lists them");
  }
  line.operands.assign(plain.begin() + static_cast<std::ptrdiff_t>(used), plain.end());
  if (line.help) return line;
  const Command& command = *line.command;
  if (line.operands.size() < command.operands_min || line.operands.size() > command.operands_max) {
    return Fail(Code::invalid_input, "usage: interlock " + std::string(command.name) + " " +
                                         std::string(command.operands));
  }
  if (command.takes_command && line.rest.empty() && !line.Has("--print-plan") &&
      !line.Has("--ssh")) {
    return Fail(Code::invalid_input, "usage: interlock " + std::string(command.name) + " " +
                                         std::string(command.operands));
  }
  if (!command.takes_command && !line.rest.empty()) {
    return Fail(Code::invalid_input, std::string(command.name) + " takes nothing after --");
  }
  return line;
}

std::string HelpFor(const Command& command) {
  std::string out = "usage: interlock " + std::string(command.name);
  if (!command.options.empty()) out += " [options]";
  if (!command.operands.empty()) out += " " + std::string(command.operands);
  out += "\n\n" + std::string(command.help) + "\n";
  const auto list = [&](std::span<const Option> options) {
    for (const Option& option : options) {
      std::string head = "  " + std::string(option.name);
      if (!option.argument.empty()) head += " " + std::string(option.argument);
      if (head.size() < 26) head.resize(26, ' ');
      out += head + " " + std::string(option.help) + "\n";
    }
  };
  if (!command.options.empty()) {
    out += "\noptions:\n";
    list(command.options);
  }
  out += "\neverywhere:\n";
  list(kGlobal);
  out += "\nexample:\n  " + std::string(command.example) + "\n";
  return out;
}

std::string Overview(std::span<const Command> commands) {
  std::string out =
      "interlock: the safety interlock between AI coding agents and infrastructure\n\n"
      "usage: interlock COMMAND [options]\n\n";
  for (const Command& command : commands) {
    std::string head = "  " + std::string(command.name);
    if (head.size() < 22) head.resize(22, ' ');
    out += head + " " + std::string(command.help) + "\n";
  }
  out += "\ninterlock COMMAND --help shows options and an example.\n";
  return out;
}

std::string BashCompletion(std::span<const Command> commands) {
  std::string out =
      "# bash completion for interlock; made by: interlock completion bash\n_interlock() {\n"
      "  local words=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\" options=\"\" first=\"\"\n  case "
      "\"$words\" in\n";
  // Longest names first, so that "vault add" is met before "vault".
  std::vector<const Command*> sorted;
  for (const Command& command : commands) sorted.push_back(&command);
  std::ranges::sort(sorted, std::greater{}, [](const Command* c) { return c->name.size(); });
  for (const Command* command : sorted) {
    out += "    \"" + std::string(command->name) + "\"*) options=\"";
    for (const Option& option : command->options) out += std::string(option.name) + " ";
    for (const Option& option : kGlobal) out += std::string(option.name) + " ";
    out += "\" ;;\n";
  }
  out += "    *) options=\"";
  for (const Command& command : commands) {
    const std::string_view first = command.name.substr(0, command.name.find(' '));
    if (out.find(" " + std::string(first) + " ") == std::string::npos)
      out += std::string(first) + " ";
  }
  out +=
      "--json --config --state --help\" ;;\n  esac\n"
      "  COMPREPLY=($(compgen -W \"$options\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"
      "complete -o default -F _interlock interlock\n";
  return out;
}

std::string ManPage(std::span<const Command> commands, std::string_view version) {
  std::string out = ".TH INTERLOCK 1 \"\" \"interlock " + Roff(version) +
                    "\"\n.SH NAME\ninterlock \\- the safety interlock "
                    "between AI coding agents and infrastructure\n.SH SYNOPSIS\n.B "
                    "interlock\nCOMMAND [options]\n.SH COMMANDS\n";
  for (const Command& command : commands) {
    out += ".SS " + Roff(command.name) + " " + Roff(command.operands) + "\n" + Roff(command.help) +
           "\n";
    for (const Option& option : command.options) {
      out += ".TP\n.B " + Roff(option.name) + " " + Roff(option.argument) + "\n" +
             Roff(option.help) + "\n";
    }
    out += ".PP\nExample:\n.EX\n" + Roff(command.example) + "\n.EE\n";
  }
  out +=
      ".SH EXIT STATUS\n0 done; 1 failed; 2 usage; 3 held or still waiting; 4 denied, rejected, "
      "expired or withdrawn; "
      "5 verification failed.\n";
  return out;
}

}  // namespace interlock::app
