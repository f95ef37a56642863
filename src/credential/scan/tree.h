// Files of a directory tree, read once and looked at by several threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "credential/scan/ignore.h"
#include "credential/scan/report.h"

namespace interlock::credential {

struct TreeLimits {
  std::size_t depth_max = 128;
  unsigned threads = 1;
};

// What a progress bar shows; read from another thread.
struct TreeProgress {
  std::atomic<std::uint64_t> files{0};
  std::atomic<std::uint64_t> bytes{0};
};

// Looks at every regular file below `root`, or at `root` itself. Links aren't followed, other file
// systems are. Objects of git repositories are left to their history. Files with a NUL byte are
// binary and looked at for formats alone; large files go through in pieces that overlap. What can't
// be read is a gap. Memory doesn't grow with the tree.
void ScanTree(const Detector& detector, const std::filesystem::path& root, const IgnoreList& ignore,
              const TreeLimits& limits, ScanResults& results, TreeProgress& progress);

}  // namespace interlock::credential
