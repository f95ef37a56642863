// Files that are there completely or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace interlock {

// Writes a temporary beside `path`, syncs it, renames it over `path` and syncs the directory.
Result<void> WriteFileDurably(const std::filesystem::path& path, std::string_view bytes,
                              unsigned mode = 0600);

// The same without the syncs, for what a restart makes anew: a reader never sees half of it, but
// after a power loss the file may be the old one, the new one or empty.
Result<void> ReplaceFile(const std::filesystem::path& path, std::string_view bytes,
                         unsigned mode = 0600);

// The whole file, refused when it is larger than `limit` bytes.
Result<std::string> ReadFile(const std::filesystem::path& path, std::size_t limit = 64u << 20);

Result<void> SyncDirectory(const std::filesystem::path& path);

// Creates the directory (and its parents) with mode 0700 where it is missing.
Result<void> MakePrivateDirectory(const std::filesystem::path& path);

}  // namespace interlock
