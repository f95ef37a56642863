// interlock-core: every subcommand, started by the launcher.
#include <signal.h>

#include <cstdio>
#include <cstring>

#include "commands.h"
#include "context.h"

int main(int argc, char** argv) {
  using namespace interlock::app;
  // A peer that goes away is an error of the write that meets it, not the end of the program.
  ::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 1 && words[0] == "--version") {
    std::printf("interlock %s\n", ILK_VERSION);
    return kDone;
  }
  const auto line = ParseCommandLine(CommandTable(), words);
  if (!line) {
    std::fprintf(stderr, "interlock: %s\n", line.error().message.c_str());
    return kUsage;
  }
  if (line->help || line->command == nullptr) {
    std::fputs(line->command ? HelpFor(*line->command).c_str() : Overview(CommandTable()).c_str(),
               stdout);
    return kDone;
  }
  return line->command->run(*line);
}
