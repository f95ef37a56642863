// `interlock scan --adopt`: finds move into the vault, and what stands for them takes their place.
#pragma once

#include <vector>

#include "command_line.h"
#include "credential/scan/report.h"

namespace interlock::app {

// Each value goes into the vault first; then the file is replaced as a whole, or, when that fails,
// the vault forgets the value again. Prints a line for each. Returns the exit status: kFailed when
// one of them stayed where it was.
int Adopt(const CommandLine& line, const std::vector<credential::ScanFind>& finds);

}  // namespace interlock::app
