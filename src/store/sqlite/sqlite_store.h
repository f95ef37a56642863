// The store in one SQLite file.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "store/sqlite/database.h"
#include "store/store.h"

namespace interlock::sqlite {

// Opens or creates the file (its directory must be there) and keeps every other process out of it
// for as long as the store lives. Errors as Database::Open and Migrate.
Result<std::unique_ptr<store::Store>> OpenStore(const std::filesystem::path& path,
                                                const Options& options = {});

}  // namespace interlock::sqlite
