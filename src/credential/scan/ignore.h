// .interlockignore: what the owner of a directory doesn't want to hear about again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace interlock::credential {

// One entry a line; "#" begins a comment.
//   build/            a directory, anywhere below
//   docs/*.md         a path; "*" stands for anything, also "/"
//   rule:jwt          a kind
//   3f370c9dd822      one value, by its fingerprint
class IgnoreList {
 public:
  // The error names the line. "!" isn't known: what is found again after it was hidden surprises.
  static Result<IgnoreList> Parse(std::string_view text);

  bool IgnoresDirectory(std::string_view path) const;  // relative, without a slash at its end
  bool IgnoresFile(std::string_view path) const;
  bool IgnoresFind(std::string_view rule, std::string_view fingerprint) const;
  bool empty() const { return paths_.empty() && rules_.empty() && fingerprints_.empty(); }

 private:
  std::vector<std::string> directories_;
  std::vector<std::string> paths_;
  std::vector<std::string> rules_;
  std::vector<std::string> fingerprints_;
};

}  // namespace interlock::credential
