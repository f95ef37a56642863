// What it takes to start the command inside: wherever it is installed, its program is shown
// read-only with what it needs to run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/plan.h"

namespace interlock::sandbox {

struct Program {
  // What the command is called, for choosing a profile: its own name first, then those of the links
  // and npm packages it leads to, then the same of what a known starter (env, npx, node, …) starts.
  std::vector<std::string> names;
  std::vector<std::string> show;  // real paths: npm packages, interpreters, program directories
  std::vector<Link> links;        // the way from the name to the program
  std::vector<std::string> path_entries;  // of `path`, where programs were found
};

// Follows argv[0] as a shell would: PATH, links, the package directory, the interpreter of a script
// and its own. `path` is the caller's PATH; relative names are meant from `cwd`; `home` is resolved
// or "". Reads names, links and the first bytes of scripts, and nothing else. A command that isn't
// there gives its name alone. What lies in the workspace (resolved) leads to nothing outside it: an
// earlier session may have put the link or the script there. denied: the program lies in a place
// with credentials.
Result<Program> FindProgram(const std::vector<std::string>& argv, std::string_view path,
                            const std::string& cwd, const std::string& home,
                            const std::string& workspace);

}  // namespace interlock::sandbox
