#include "credential/scan/report.h"

#include <algorithm>
#include <tuple>

#include "credential/shapes.h"

namespace interlock::credential {

void ScanResults::Add(ScanFind find) {
  const std::scoped_lock lock(mutex_);
  if (finds_.size() >= kFindsMax) {
    complete_ = false;
    return;
  }
  finds_.push_back(std::move(find));
}

void ScanResults::AddGap(std::string what) {
  const std::scoped_lock lock(mutex_);
  complete_ = false;
  if (gaps_.size() < kGapsMax) gaps_.push_back(std::move(what));
}

void ScanResults::Count(std::uint64_t bytes, std::uint64_t files) {
  const std::scoped_lock lock(mutex_);
  bytes_ += bytes;
  files_ += files;
}

std::vector<ScanFind> ScanResults::TakeFinds() {
  const auto key = [](const ScanFind& f) {
    return std::tie(f.place, f.line, f.column, f.fingerprint);
  };
  std::ranges::sort(finds_, {}, key);
  const auto same = std::ranges::unique(finds_, {}, key);
  finds_.erase(same.begin(), same.end());
  std::ranges::sort(gaps_);
  return std::move(finds_);
}

void ScanText(const Detector& detector, std::string_view text, const TextPlace& where, Look look,
              ScanResults& results) {
  const Detections detections = detector.Find(text, look);
  if (!detections.complete)
    results.AddGap("more finds in " + std::string(where.place) + " than are kept");
  std::size_t line = where.first_line;
  std::size_t line_begin = 0;
  std::size_t counted = 0;
  for (const Detection& detection : detections.found) {
    while (counted < detection.offset) {
      const std::size_t next = text.find('\n', counted);
      if (next >= detection.offset) break;
      ++line;
      line_begin = counted = next + 1;
    }
    counted = std::max(counted, line_begin);
    ScanFind find;
    find.rule = detection.rule;
    find.place = where.place;
    find.file = where.file;
    find.line = line;
    find.column = detection.offset - line_begin + 1;
    find.offset = where.first_offset + detection.offset;
    find.size = detection.size;
    find.fingerprint = Fingerprint(text.substr(detection.offset, detection.size));
    find.proven = detection.proven;
    results.Add(std::move(find));
  }
}

}  // namespace interlock::credential
