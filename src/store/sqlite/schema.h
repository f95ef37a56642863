// The tables, and how an older database becomes one of this version.
#pragma once

#include "store/sqlite/database.h"

namespace interlock::sqlite {

// Creates or migrates the tables in one transaction. unavailable: the database was written by a
// newer version, or by another program.
Result<void> Migrate(Database& database);

}  // namespace interlock::sqlite
