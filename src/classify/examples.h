// A pack's examples: requests, and what the pack must say about them. Documentation that is checked
// by `interlock pack check`.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "classify/packs.h"

namespace interlock::classify {

struct CheckReport {
  std::size_t passed = 0;
  std::vector<std::string> failures;  // "examples.yaml:12:3: NAME: expected …, found …"
};

// `directory` holds pack.yaml and examples.yaml. Fails when either can't be read; an example that
// isn't met is a failure in the report.
Result<CheckReport> CheckPack(const std::filesystem::path& directory);

// The same for a file of examples and packs that are loaded already.
Result<CheckReport> CheckExamples(const Packs& packs, const std::filesystem::path& file);

}  // namespace interlock::classify
