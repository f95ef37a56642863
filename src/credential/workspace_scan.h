// Credentials that lie about in a workspace, so that their use can be recognised and its origin
// told.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "credential/credential_file.h"
#include "credential/token_index.h"

namespace interlock::credential {

struct FoundToken {
  std::string fingerprint;
  std::string kind;  // "github token", "uuid token", "assigned token"
  std::string file;  // relative to the workspace
  std::size_t line = 0;
  bool operator==(const FoundToken&) const = default;
};

struct ScanLimits {
  std::size_t files_max = 20'000;
  std::size_t file_bytes_max = 1u << 20;
  int depth_max = 32;
  std::size_t credential_files_max = 256;
};

struct ScanReport {
  std::vector<FoundToken> found;                 // by file and line
  TokenIndex index;                              // labels are "file:line"
  std::vector<CredentialFile> credential_files;  // those with something to hide, by path
  std::size_t files = 0;
  bool complete = true;  // false: a limit was reached or something couldn't be read
};

// Reads the files of the directory, those at its top first, without following links and without
// .git's objects and node_modules. Values are not kept. not_found: there is no such directory.
Result<ScanReport> ScanWorkspace(const std::filesystem::path& directory,
                                 const ScanLimits& limits = {});

// What one line gives away; the views lie in `line`.
struct LineToken {
  std::string_view token;
  std::string_view kind;
};
std::vector<LineToken> TokensOfLine(std::string_view line);

}  // namespace interlock::credential
