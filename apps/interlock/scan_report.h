// What a scan found, for people and for programs. No value appears in any of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "credential/scan/report.h"

namespace interlock::app {

struct ScanSummary {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::size_t commits = 0;
  std::size_t ignored = 0;  // by .interlockignore
  std::size_t known = 0;    // by the baseline
  bool complete = true;
  std::vector<std::string> gaps;
};

json::object JsonOf(const std::vector<credential::ScanFind>& finds, const ScanSummary& summary);
// SARIF 2.1.0
json::object SarifOf(const std::vector<credential::ScanFind>& finds, const ScanSummary& summary);
void PrintFinds(const std::vector<credential::ScanFind>& finds, const ScanSummary& summary);

}  // namespace interlock::app
