// What a scan found, and what it could not look at. Values are never part of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "credential/detect/detector.h"

namespace interlock::credential {

struct ScanFind {
  const Rule* rule = nullptr;
  std::string place;       // "src/app.ts", "commit 1f2e… src/app.ts", "environment variable X"
  std::string file;        // to open it again; "" where there is no file
  std::size_t line = 0;    // from 1; 0 where there are no lines
  std::size_t column = 0;  // bytes, from 1
  std::size_t offset = 0;  // of the secret in the file, in bytes
  std::size_t size = 0;
  std::string fingerprint;
  bool proven = false;
};

inline constexpr std::size_t kFindsMax = 100'000;
inline constexpr std::size_t kGapsMax = 1'000;

// Filled from several threads.
class ScanResults {
 public:
  void Add(ScanFind find);
  // Something that should have been looked at and wasn't: "reading x: permission denied".
  void AddGap(std::string what);
  void Count(std::uint64_t bytes, std::uint64_t files);

  // The rest is for one thread, after the others.
  std::vector<ScanFind> TakeFinds();  // by place, line and column; the same one only once
  const std::vector<std::string>& gaps() const { return gaps_; }
  bool complete() const { return complete_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t files() const { return files_; }

 private:
  std::mutex mutex_;
  // Under mutex_.
  std::vector<ScanFind> finds_;
  std::vector<std::string> gaps_;
  bool complete_ = true;
  std::uint64_t bytes_ = 0;
  std::uint64_t files_ = 0;
};

// Looks at one text. `first_line` and `first_offset` are those of its first byte.
struct TextPlace {
  std::string_view place;
  std::string_view file;
  std::size_t first_line = 1;
  std::size_t first_offset = 0;
};
void ScanText(const Detector& detector, std::string_view text, const TextPlace& where, Look look,
              ScanResults& results);

}  // namespace interlock::credential
