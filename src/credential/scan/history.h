// What a repository's history added, as `git log --patch` prints it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "credential/scan/report.h"

namespace interlock::credential {

// How git has to be asked: every commit that a branch, a tag, a stash or the reflog knows, nothing
// that the repository's configuration could run, no renames, no context.
inline constexpr std::string_view kHistoryArguments[] = {"-c",
                                                         "core.fsmonitor=false",
                                                         "-c",
                                                         "core.hooksPath=/dev/null",
                                                         "-c",
                                                         "log.showSignature=false",
                                                         "--no-pager",
                                                         "--no-replace-objects",
                                                         "--no-optional-locks",
                                                         "log",
                                                         "--all",
                                                         "--reflog",
                                                         "-p",
                                                         "-U0",
                                                         "--no-ext-diff",
                                                         "--no-textconv",
                                                         "--no-color",
                                                         "--no-renames",
                                                         "--no-notes",
                                                         "-m",
                                                         "--src-prefix=a/",
                                                         "--dst-prefix=b/",
                                                         "--format=commit %H"};

// Takes the output in pieces of any size. Added lines are gathered by file and looked at together,
// at most a few MiB at a time: memory doesn't grow with the history. The same value in the same
// file is reported once, with the newest commit that added it.
class HistoryScan {
 public:
  HistoryScan(const Detector& detector, std::string_view repository, ScanResults& results)
      : detector_(detector), repository_(repository), results_(results) {}
  void Take(std::string_view piece);
  void End();  // of the output
  std::size_t commits() const { return commits_; }

 private:
  void Line(std::string_view line);
  void Flush();

  const Detector& detector_;
  const std::string repository_;
  ScanResults& results_;
  std::string partial_;  // a line whose end hasn't come yet
  std::string commit_;
  std::string file_;
  std::string added_;
  std::size_t first_line_ = 0;  // of what was added, in the file as the commit left it
  std::size_t next_line_ = 0;
  std::size_t commits_ = 0;
  bool in_hunk_ = false;
};

}  // namespace interlock::credential
