// Where a credential's value comes from when the vault doesn't keep it: a command that prints it, a
// variable of the gateway's environment, a file that somebody else renews, or a narrower token that
// the provider mints.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "base/secret.h"

namespace interlock::credential {

enum class SourceKind { value, command, environment, file, mint };
std::string_view ToString(SourceKind kind);
std::optional<SourceKind> ParseSourceKind(std::string_view text);

struct Source {
  SourceKind kind = SourceKind::value;
  std::string text;   // a command line for sh; a variable; an absolute path; an entry to mint with
  std::string field;  // where in the printed JSON the value stands, "data.token"; "": usual places
  std::map<std::string, std::string> terms;  // what is asked of a mint
  bool operator==(const Source&) const = default;
};
json::object ToJson(const Source& source);
std::optional<Source> SourceFromJson(const json::object& object);

// invalid_input: no command, a variable that isn't one, a path that isn't absolute.
Result<void> CheckSource(const Source& source);

// A value and until when it is good; nullopt: nobody said.
struct Sourced {
  Secret value;
  std::optional<TimePoint> expires;
};

// What a command printed, or a file holds: a line, or JSON as `op`, `vault`, `gcloud`, `aws`, `az`,
// kubectl's plugins and OAuth token endpoints write it. AWS keys become "ID:SECRET[:TOKEN]".
// invalid_input: nothing like a credential, an expiry that can't be read, or one that has passed.
Result<Sourced> ReadSourceOutput(std::string_view text, std::string_view field, TimePoint now);

// Asks the source and reads what it says. Blocks: a command may take half a minute. Not for `value`
// and `mint`. The error names the source and never holds what it printed.
Result<Sourced> AskSource(const Source& source, TimePoint now, const std::atomic<bool>* stop);

// Until when a value that was got now is used without asking its source again: a while before it
// expires, an hour for a command that says nothing of an expiry, not at all for a file.
TimePoint AskAgainAt(SourceKind kind, std::optional<TimePoint> expires, TimePoint now);

// invalid_input: not 8 to 8192 bytes of printable ASCII. `about` begins the message.
Result<void> CheckValue(std::string_view value, const std::string& about);

}  // namespace interlock::credential
