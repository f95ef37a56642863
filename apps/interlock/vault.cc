// Credentials, and where the key to them is kept.
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "base/bytes.h"
#include "base/file.h"
#include "base/wiping.h"
#include "commands.h"
#include "context.h"
#include "credential/key_source.h"
#include "credential/keyring.h"
#include "credential/source.h"
#include "passphrase.h"
#include "text.h"

namespace interlock::app {
namespace {

constexpr std::size_t kValueBytesMax = 64u << 10;

std::string Joined(const json::object& object, std::string_view key) {
  std::string text;
  if (const json::array* array = FindArray(object, key)) {
    for (const json::value& value : *array) {
      if (value.is_string()) text += (text.empty() ? "" : ",") + EscapeForHumans(value.as_string());
    }
  }
  return text;
}

// Everything on stdin, without the line feeds at its end, in one buffer that is wiped.
Result<Secret> ReadValue() {
  std::string text(kValueBytesMax + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(0, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  while (size > 0 && size <= kValueBytesMax && (text[size - 1] == '\n' || text[size - 1] == '\r'))
    --size;
  const Secret whole(std::move(text));
  if (size == 0)
    return Fail(Code::invalid_input,
                "the credential's value is expected on stdin, and nothing came");
  if (size > kValueBytesMax) return Fail(Code::limit, "the credential's value is over 64 KiB");
  return Secret(std::string(whole.Reveal().substr(0, size)));
}

// "8h", "30d", or a moment in RFC 3339.
Result<std::string> UntilOf(const std::string& text) {
  using namespace std::chrono;
  constexpr std::pair<char, seconds> kUnits[] = {
      {'m', minutes(1)}, {'h', hours(1)}, {'d', days(1)}, {'w', weeks(1)}};
  int count = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), count);
  if (read.ec == std::errc() && read.ptr + 1 == text.data() + text.size()) {
    for (const auto& [unit, length] : kUnits) {
      if (*read.ptr != unit || count < 1 || count > 10'000) continue;
      return FormatTime(SystemClock().Now() + length * count);
    }
  }
  const auto time = ParseTime(text);
  if (time) return FormatTime(*time);
  return Fail(Code::invalid_input,
              "--until wants 30m, 8h, 30d, 2w or 2027-01-31T12:00:00Z, not \"" +
                  EscapeForHumans(text, 60) + "\"");
}

constexpr std::pair<std::string_view, credential::SourceKind> kSources[] = {
    {"--from-command", credential::SourceKind::command},
    {"--from-env", credential::SourceKind::environment},
    {"--from-file", credential::SourceKind::file},
    {"--mint-with", credential::SourceKind::mint},
};

// The source of the value; null when it is on stdin. The error is one of usage.
Result<json::value> SourceOf(const CommandLine& line) {
  credential::Source source;
  for (const auto& [option, kind] : kSources) {
    if (!line.Has(option)) continue;
    if (source.kind != credential::SourceKind::value)
      return Fail(Code::invalid_input, "a credential has one source");
    source.kind = kind;
    source.text = line.Get(option);
  }
  source.field = line.Get("--field");
  for (const std::string& term : line.All("--term")) {
    const std::size_t equals = term.find('=');
    if (equals == std::string::npos || equals == 0)
      return Fail(Code::invalid_input, "--term wants NAME=VALUE");
    source.terms[term.substr(0, equals)] = term.substr(equals + 1);
  }
  const bool is_mint = source.kind == credential::SourceKind::mint;
  if (!source.terms.empty() && !is_mint)
    return Fail(Code::invalid_input, "--term goes with --mint-with");
  if (source.kind == credential::SourceKind::value) {
    if (!source.field.empty())
      return Fail(Code::invalid_input,
                  "--field goes with --from-command, --from-env and --from-file");
    return json::value();
  }
  ILK_TRY_VOID(credential::CheckSource(source));
  return json::value(credential::ToJson(source));
}

int Usage(const std::string& message) {
  std::fprintf(stderr, "interlock: %s\n", message.c_str());
  return kUsage;
}

// --- the key ---

Result<Secret> NewPassphrase(const CommandLine& line) {
  if (line.Has("--new-passphrase-file"))
    return ReadPassphraseFile(line.Get("--new-passphrase-file"));
  ILK_TRY(first, AskPassphrase("new passphrase of Interlock's vault: "));
  ILK_TRY(second, AskPassphrase("once more: "));
  if (first.Reveal() != second.Reveal())
    return Fail(Code::invalid_input, "the two passphrases differ; nothing was changed");
  return first;
}

Result<void> KeepKey(const CommandLine& line, credential::KeyPlace to) {
  const auto state = StateDirectory(line);
  ILK_TRY_VOID(MakePrivateDirectory(state));
  // No gateway has the vault open, and none begins meanwhile.
  ILK_TRY(lock, credential::LockVault(state));
  ILK_TRY(place, credential::PlaceOfKey(state));
  credential::ProgramKeyring keyring(Beside("interlock-keyring"));
  std::optional<Secret> current;
  if (place == credential::KeyPlace::passphrase) {
    ILK_TRY(asked, PassphraseOf(line));
    current = std::move(asked);
  }
  credential::KeyAccess now;
  now.keyring = &keyring;
  now.passphrase = current ? &*current : nullptr;
  // A wrong one is told before a new one is asked for.
  if (place) {
    ILK_TRY(opened, credential::LoadKey(state, now));
    (void)opened;
  }
  std::optional<Secret> fresh;
  if (to == credential::KeyPlace::passphrase) {
    ILK_TRY(asked, NewPassphrase(line));
    fresh.emplace(std::move(asked));
  }
  credential::KeyAccess then;
  then.keyring = &keyring;
  then.passphrase = fresh ? &*fresh : nullptr;
  if (place) return credential::MoveKey(state, to, now, then);
  std::error_code ignored;
  if (std::filesystem::exists(state / "vault", ignored))
    return Fail(Code::not_found, "the vault's key is missing; put it back from a copy");
  ILK_TRY(made, credential::MakeKey(state, to, then));
  (void)made;
  return {};
}

}  // namespace

int VaultAdd(const CommandLine& line) {
  ::prctl(PR_SET_DUMPABLE, 0);
  if (!line.Has("--provider") || !line.Has("--environment"))
    return Usage("vault add wants --provider and --environment");
  const auto source = SourceOf(line);
  if (!source) return Usage(source.error().message);
  json::object request(WipingStorage());
  request = {{"op", "vault.add"},
             {"name", line.operands[0]},
             {"provider", line.Get("--provider")},
             {"environment", line.Get("--environment")},
             {"kind", line.Get("--kind")},
             {"allow", line.Get("--allow", "read,reversible")},
             {"as", line.Get("--as")},
             {"for", line.Get("--for")},
             {"wide", line.Has("--wide")}};
  if (line.Has("--until")) {
    const auto until = UntilOf(line.Get("--until"));
    if (!until) return Usage(until.error().message);
    request["until"] = *until;
  }
  if (!source->is_null()) {
    request["source"] = *source;
  } else {
    if (::isatty(0) == 1)
      std::fprintf(stderr, "value of %s (ends with Ctrl-D): ", line.operands[0].c_str());
    const auto value = ReadValue();
    if (!value) return Usage(value.error().message);
    request.emplace("value", value->Reveal());
  }
  return Finish(line, CallGateway(line, request), [&](const json::value& entry) {
    const bool is_kept = source->is_null();
    std::printf(
        "%s  version %lld  %s\n", line.operands[0].c_str(),
        static_cast<long long>(Find(entry.as_object(), "version")->to_number<std::int64_t>()),
        is_kept ? "kept in the vault" : "its source is kept in the vault");
  });
}

int VaultList(const CommandLine& line) {
  return Finish(line, CallGateway(line, {{"op", "vault.list"}}), [](const json::value& list) {
    std::vector<std::vector<std::string>> rows = {
        {"NAME", "PROVIDER", "ENVIRONMENT", "KIND", "ALLOWS", "USED FOR", "SOURCE", "UNTIL"}};
    for (const json::value& value : list.as_array()) {
      const json::object& entry = value.as_object();
      const std::string until = Cell(entry, "until");
      rows.push_back({Cell(entry, "name"), Cell(entry, "provider"), Cell(entry, "environment"),
                      Cell(entry, "kind"), Joined(entry, "allow"), Cell(entry, "use"),
                      Cell(entry, "source"), until.empty() ? "-" : until});
    }
    PrintTable(rows);
  });
}

int VaultRemove(const CommandLine& line) {
  return Finish(
      line, CallGateway(line, {{"op", "vault.remove"}, {"name", line.operands[0]}}),
      [&](const json::value&) { std::printf("%s  removed\n", line.operands[0].c_str()); });
}

int VaultKey(const CommandLine& line) {
  ::prctl(PR_SET_DUMPABLE, 0);
  if (line.Has("--keep")) {
    const auto to = credential::ParseKeyPlace(line.Get("--keep"));
    if (!to) return Usage("--keep knows keyring, passphrase and file");
    if (const auto kept = KeepKey(line, *to); !kept) return Report(kept.error());
  }
  const auto place = credential::PlaceOfKey(StateDirectory(line));
  if (!place) return Report(place.error());
  const std::string_view where = *place ? credential::ToString(**place) : "nowhere";
  if (line.json)
    PrintJson(json::object{{"kept", where}});
  else if (!*place)
    std::printf("there is no vault yet\n");
  else
    std::printf("the vault's key is kept: %s\n", std::string(where).c_str());
  return kDone;
}

}  // namespace interlock::app
