#include "credential/scan/history.h"

#include <algorithm>
#include <charconv>

namespace interlock::credential {
namespace {

constexpr std::size_t kLineMax = 1u << 20;
constexpr std::size_t kAddedMax = 4u << 20;
constexpr std::size_t kKeptOfLine = 64u
                                    << 10;  // of a line that is cut: a token may go over the cut

// "@@ -1,2 +34,5 @@" → 34
std::size_t FirstLineOf(std::string_view hunk) {
  const std::size_t plus = hunk.find('+');
  std::size_t line = 0;
  if (plus != std::string_view::npos)
    std::from_chars(hunk.data() + plus + 1, hunk.data() + hunk.size(), line);
  return line;
}

}  // namespace

void HistoryScan::Take(std::string_view piece) {
  while (!piece.empty()) {
    const std::size_t end = piece.find('\n');
    if (end == std::string_view::npos) {
      partial_ += piece;
      if (partial_.size() > kLineMax) {
        // A line without an end goes through in pieces.
        Line(partial_);
        partial_ = (in_hunk_ ? "+" : "") + partial_.substr(partial_.size() - kKeptOfLine);
      }
      return;
    }
    if (partial_.empty()) {
      Line(piece.substr(0, end));
    } else {
      partial_ += piece.substr(0, end);
      Line(partial_);
      partial_.clear();
    }
    piece.remove_prefix(end + 1);
  }
}

void HistoryScan::Line(std::string_view line) {
  if (in_hunk_ && line.starts_with('+')) {
    if (added_.empty()) first_line_ = next_line_;
    added_ += line.substr(1);
    added_ += '\n';
    ++next_line_;
    if (added_.size() > kAddedMax) Flush();
  } else if (line.starts_with("@@ ")) {
    in_hunk_ = true;
    // Hunks of one file are looked at together, as long as their lines follow each other.
    const std::size_t first = FirstLineOf(line);
    if (first != next_line_) Flush();
    next_line_ = first;
  } else if (line.starts_with("commit ") && !in_hunk_) {
    Flush();
    commit_ = line.substr(7);
    commit_ = commit_.substr(0, commit_.find(' '));
    ++commits_;
  } else if (line.starts_with("commit ") && line.size() >= 47) {
    // Hunks hold no line that begins so: theirs begin with "+", "-" or "\".
    Flush();
    in_hunk_ = false;
    commit_ = line.substr(7, 40);
    ++commits_;
  } else if (line.starts_with("diff --git ")) {
    Flush();
    in_hunk_ = false;
    file_.clear();
  } else if (!in_hunk_ && line.starts_with("+++ ")) {
    file_ = line.substr(4);
    if (file_.starts_with("b/")) file_.erase(0, 2);
  }
}

void HistoryScan::Flush() {
  if (!added_.empty()) {
    const std::string place = repository_ + ": commit " + commit_.substr(0, 12) + " " + file_;
    ScanText(detector_, added_, {place, "", std::max<std::size_t>(first_line_, 1), 0},
             Look::everything, results_);
    results_.Count(added_.size(), 0);
    added_.clear();
  }
  first_line_ = next_line_;
}

void HistoryScan::End() {
  if (!partial_.empty()) Line(partial_);
  partial_.clear();
  Flush();
}

}  // namespace interlock::credential
