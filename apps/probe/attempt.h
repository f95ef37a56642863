// The few words most attempts are made of.
#pragma once

#include <cerrno>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "probe.h"

namespace interlock::probe {

Attempt Reached(std::string how);
Attempt Blocked(std::string how);
// "WHAT: Operation not permitted (EPERM)"
Attempt BlockedBy(std::string_view what, int error = errno);

// A system call that returned `result`: done, or refused with errno.
Attempt Called(std::string_view what, long result);
// The same for a call made with arguments that can't do any harm: it was stopped only if the error
// says so (EPERM, EACCES, ENOSYS and the like), not if the kernel went on to find fault with them.
Attempt Considered(std::string_view what, long result);

// Up to `limit` bytes of a file; "" with errno if it can't be read.
std::string Slurp(const std::string& path, std::size_t limit = 65536);
bool Holds(std::string_view text, std::string_view part);
// Writes a small file, making or truncating it.
bool Scribble(const std::string& path, std::string_view content);

// The file can be read and holds the canary.
Attempt ReadsCanary(const Facts& facts, const std::string& path);
// The file can be opened with these flags; nothing is written.
Attempt Opens(const std::string& path, int flags);

// `number`, `second`, ... of the first error of several tries that each must be blocked.
Attempt FirstReached(std::initializer_list<Attempt> attempts);

}  // namespace interlock::probe
