// `interlock`, as people start it: rooms and the connections into them are made here, since they
// must start at once; everything else is the core's, beside it. Static, so that the time goes into
// the room and not into loading libraries.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "account.h"
#include "commands.h"
#include "context.h"

namespace interlock::app {
namespace {

// What asks the name service, and all that ends in a help text or a usage error, which list every
// command.
bool IsForCore(const Result<CommandLine>& line) {
  const char* home = std::getenv("HOME");
  return !line || line->help || line->command == nullptr || line->Has("--ssh") || home == nullptr ||
         home[0] != '/';
}

char** words_of_caller = nullptr;

// Comes back only where the core can't be started.
Error StartCore() {
  const auto core = Beside("interlock-core");
  ::execv(core.c_str(), words_of_caller);
  return {Code::unavailable, "can't start " + core.native() + ": " + std::strerror(errno) +
                                 "; install Interlock again, or build it whole"};
}

}  // namespace

std::optional<Account> OwnAccount() { return std::nullopt; }

// Nothing was made yet that the core would find in its way.
Result<void> StartGateway(const CommandLine&) { return std::unexpected(StartCore()); }

}  // namespace interlock::app

int main(int argc, char** argv) {
  using namespace interlock::app;
  words_of_caller = argv;
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto line = ParseCommandLine(RoomCommands(), words);
  if (IsForCore(line)) return Report(StartCore());
  // A peer that goes away is an error of the write that meets it, not the end of the program.
  ::signal(SIGPIPE, SIG_IGN);
  return line->command->run(*line);
}
