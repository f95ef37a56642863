// The passphrase of the vault's key: out of a file, or asked for on the terminal.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "command_line.h"

namespace interlock::app {

// Without the line feed at its end. `path` may be any file that can be read, "/dev/fd/3" too.
Result<Secret> ReadPassphraseFile(const std::string& path);
// Without an echo, on the terminal that controls this process. denied: there is none.
Result<Secret> AskPassphrase(const std::string& prompt);

// What opens the vault of this state: --passphrase-file, or the terminal where the key is behind a
// passphrase; nothing where it is kept elsewhere.
Result<std::optional<Secret>> PassphraseOf(const CommandLine& line);

}  // namespace interlock::app
