// interlock-probe: attempts to get out of a room, and the bait for them. `interlock doctor` runs
// it; by hand, --list says what it tries.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <cstring>
#include <optional>

#include "attempt.h"
#include "bait.h"
#include "base/file.h"
#include "facts.h"
#include "open_world.h"
#include "probe.h"

namespace interlock::probe {
namespace {

constexpr char kUsage[] =
    "usage: interlock-probe --list [--json]\n"
    "       interlock-probe --inside  --facts FILE [--json] [--only PREFIX]...   the attempts, in "
    "a room\n"
    "       interlock-probe --control --facts FILE [--json] [--only PREFIX]...   the same outside, "
    "on bait\n"
    "       interlock-probe --after   --facts FILE [--only PREFIX]...            what is left on "
    "the host\n"
    "       interlock-probe --bait DIR --canary WORD                             lays bait and "
    "serves it\n";

struct Options {
  std::string mode, facts, directory, canary;
  bool json = false;
  std::vector<std::string> only;
};

std::optional<Options> Parse(std::span<char*> words) {
  Options out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const bool more = i + 1 < words.size();
    const auto next = [&] { return std::string(words[++i]); };
    if (word == "--json") {
      out.json = true;
    } else if (word == "--facts" && more) {
      out.facts = next();
    } else if (word == "--canary" && more) {
      out.canary = next();
    } else if (word == "--only" && more) {
      out.only.push_back(next());
    } else if (word == "--bait" && more) {
      out.mode = word;
      out.directory = next();
    } else if (word == "--list" || word == "--inside" || word == "--control" || word == "--after") {
      out.mode = word;
    } else {
      return {};
    }
  }
  return out;
}

void Print(const Options& options, const Probe& probe, const Attempt& attempt) {
  if (options.json) {
    const json::object line{
        {"probe", probe.name}, {"reached", attempt.reached}, {"how", attempt.how}};
    std::printf("%s\n", json::serialize(line).c_str());
  } else {
    std::printf("%-26s %s %s\n", std::string(probe.name).c_str(),
                attempt.reached ? "SUCCEEDED:" : "blocked:", attempt.how.c_str());
  }
  std::fflush(stdout);
}

void List(const Options& options) {
  for (const Probe* probe : Select(options.only)) {
    if (options.json) {
      // The variables of line 48 are set by the caller, which needs their names.
      const bool is_variable = probe->name.starts_with("B48.");
      const json::object line{{"probe", probe->name},
                              {"tries", probe->tries},
                              {"variable", is_variable ? probe->text : ""},
                              {"left_on_the_host", probe->remains != nullptr}};
      std::printf("%s\n", json::serialize(line).c_str());
    } else {
      std::printf("%-26s %s\n", std::string(probe->name).c_str(),
                  std::string(probe->tries).c_str());
    }
  }
}

void RunAll(const Options& options, const Facts& facts, std::optional<Ground> ground) {
  for (const Probe* probe : Select(options.only)) {
    if (!ground || probe->ground == *ground) Print(options, *probe, Make(*probe, facts));
  }
}

void RunControl(const Options& options, const Facts& facts) {
  RunAll(options, facts, Ground::host);
  const auto made = InOpenWorld(facts.canary, [&] { RunAll(options, facts, Ground::open_world); });
  if (made) return;
  for (const Probe* probe : Select(options.only)) {
    if (probe->ground == Ground::open_world) Print(options, *probe, Blocked(made.error().message));
  }
}

void RunAfter(const Options& options, const Facts& facts) {
  for (const Probe* probe : Select(options.only)) {
    if (probe->remains == nullptr) continue;
    const json::object line{{"probe", probe->name}, {"remains", probe->remains(facts, *probe)}};
    std::printf("%s\n", json::serialize(line).c_str());
  }
}

int Fault(const std::string& what) {
  std::fprintf(stderr, "interlock-probe: %s\n", what.c_str());
  return 1;
}

int Main(std::span<char*> words) {
  const auto options = Parse(words);
  if (!options || options->mode.empty()) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  ::signal(SIGPIPE, SIG_IGN);
  if (options->mode == "--list") {
    List(*options);
    return 0;
  }
  if (options->mode == "--bait") {
    const auto served = ServeBait(options->directory, options->canary);
    return served ? 0 : Fault(served.error().message);
  }
  const auto text = ReadFile(options->facts, 1u << 20);
  if (!text) return Fault(text.error().message);
  const auto facts = FactsFrom(*text);
  if (!facts) return Fault(facts.error().message);
  if (options->mode != "--after" && facts->control != (options->mode == "--control")) {
    return Fault("these facts are for the other side of the room's wall");
  }
  if (options->mode == "--inside") RunAll(*options, *facts, std::nullopt);
  if (options->mode == "--control") RunControl(*options, *facts);
  if (options->mode == "--after") RunAfter(*options, *facts);
  return 0;
}

}  // namespace
}  // namespace interlock::probe

int main(int argc, char** argv) {
  return interlock::probe::Main(std::span(argv + 1, static_cast<std::size_t>(argc - 1)));
}
