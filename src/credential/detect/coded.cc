#include "credential/detect/coded.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "credential/detect/checks.h"
#include "credential/detect/plausible.h"
#include "credential/shapes.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kCommandMax = 4096;
constexpr std::size_t kPemMax = 32u << 10;
constexpr std::size_t kManifestMax = 16u << 10;

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool In(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }
bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}
std::size_t OffsetIn(std::string_view text, std::string_view part) {
  return static_cast<std::size_t>(part.data() - text.data());
}

// A login's password as people type it into addresses and command lines.
bool IsPassword(std::string_view user, std::string_view password) {
  constexpr std::array<std::string_view, 16> kStandIns = {
      "password", "pass", "passwd", "pwd",  "secret", "token", "test",     "xxx",
      "user",     "***",  "admin",  "root", "foo",    "bar",   "postgres", "changeme"};
  if (password.size() < 4 || IsPlaceholder(password)) return false;
  const std::string lower = ToLower(password);
  if (std::ranges::find(kStandIns, lower) != kStandIns.end() || lower == ToLower(user))
    return false;
  if (In(password.front(), "$<%[") || Contains(password, "${") || Contains(password, "$("))
    return false;
  if (Contains(lower, "password") || Contains(lower, "example") || Contains(lower, "your"))
    return false;
  return MakeupOf(password).classes() >= 2 || password.size() >= 16;
}

// -----BEGIN … PRIVATE KEY----- with bytes of a key behind it.
void LookAtPem(std::string_view text, std::size_t end, const Emit& emit) {
  const std::size_t begin = text.rfind("-----BEGIN", end);
  if (begin == std::string_view::npos) return;
  const std::string_view rest = text.substr(begin, kPemMax);
  const std::size_t head = rest.find("-----", 10);
  if (head == std::string_view::npos) return;
  const std::size_t foot = rest.find("-----END", head + 5);
  const std::string_view body = rest.substr(
      head + 5, foot == std::string_view::npos ? std::string_view::npos : foot - head - 5);
  std::string digits;
  for (std::size_t i = 0; i < body.size() && digits.size() < 4096; ++i) {
    if (body[i] == '\\') {
      ++i;  // a line break in a string
    } else if (IsAlnum(body[i]) || In(body[i], "+/=")) {
      digits += body[i];
    } else if (!In(body[i], " \t\r\n\"',>#*-:|.;")) {
      return;
    }
  }
  if (digits.size() < 32 || IsPlaceholder(digits) || EntropyOf(digits) < 3.5) return;
  const std::size_t size =
      foot == std::string_view::npos ? rest.size() : std::min(rest.size(), foot + 8);
  emit(begin, size);
}

// SCHEME://USER:PASSWORD@HOST
void LookAtUrl(std::string_view text, std::size_t end, const Emit& emit) {
  const std::size_t at = end - 1;  // the "@"
  const std::size_t from = at > 256 ? at - 256 : 0;
  const std::size_t scheme = text.substr(0, at).rfind("://");
  if (scheme == std::string_view::npos || scheme < from) return;
  const std::string_view login = text.substr(scheme + 3, at - scheme - 3);
  const std::size_t colon = login.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view password = login.substr(colon + 1);
  if (end >= text.size() || !(IsAlnum(text[end]) || In(text[end], "[${"))) return;
  if (IsPassword(login.substr(0, colon), password)) emit(OffsetIn(text, password), password.size());
}

std::string_view WordAt(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && (IsAlnum(text[end]) || In(text[end], "+/=_.-~"))) ++end;
  return text.substr(at, end - at);
}

// The trigger ends with the first byte of what follows the scheme.
void LookAtBasic(std::string_view text, std::size_t end, const Emit& emit) {
  const std::string_view value = WordAt(text, end - 1);
  if (value.size() < 8 || IsPlaceholder(value)) return;
  if (Check("basic", value) == Checked::fits) emit(end - 1, value.size());
}

void LookAtBearer(std::string_view text, std::size_t end, const Emit& emit) {
  const std::string_view value = WordAt(text, end - 1);
  if (value.size() < 16 || IsPlaceholder(value) || IsWordy(value)) return;
  if (LooksLikeIdentifier(value) || !IsRandomEnough(value, Randomness::usual)) return;
  const Makeup makeup = MakeupOf(value);
  if (makeup.digits == 0 || makeup.letters() == 0) return;
  emit(end - 1, value.size());
}

struct Argument {
  std::string_view text;  // without its quotes
  std::size_t end = 0;
};

// One word of a shell's command line; quotes inside it are kept.
Argument ArgumentAt(std::string_view line, std::size_t at) {
  while (at < line.size() && In(line[at], " \t=")) ++at;
  std::size_t end = at;
  char quote = 0;
  for (; end < line.size(); ++end) {
    const char c = line[end];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (In(c, " \t\r\n|;")) {
      break;
    }
  }
  std::string_view word = line.substr(at, end - at);
  if (word.size() >= 2 && (word.front() == '"' || word.front() == '\'') &&
      word.find(word.front(), 1) == word.size() - 1)
    word = word.substr(1, word.size() - 2);
  return {word, end};
}

std::string_view Unquoted(std::string_view word) {
  while (!word.empty() && In(word.front(), "\"'{")) word.remove_prefix(1);
  while (!word.empty() && In(word.back(), "\"'}")) word.remove_suffix(1);
  return word;
}

// curl … -u USER:PASSWORD, over lines that end with a backslash.
void LookAtCurl(std::string_view text, std::size_t end, const Emit& emit) {
  std::string_view rest = text.substr(end, kCommandMax);
  std::size_t stop = 0;
  while ((stop = rest.find('\n', stop)) != std::string_view::npos) {
    std::size_t before = stop;
    while (before > 0 && In(rest[before - 1], " \t\r")) --before;
    if (before == 0 || rest[before - 1] != '\\') break;
    ++stop;
  }
  rest = rest.substr(0, stop);
  for (std::string_view flag : {" -u", " --user", "\t-u", "\n-u", " --proxy-user"}) {
    for (std::size_t at = rest.find(flag); at != std::string_view::npos;
         at = rest.find(flag, at + 1)) {
      const std::size_t after = at + flag.size();
      if (after >= rest.size()) break;
      if (flag.ends_with("user") && !In(rest[after], " =\t")) continue;
      const std::string_view login = ArgumentAt(rest, after).text;
      const std::size_t colon = login.find(':');
      if (colon == std::string_view::npos) continue;
      const std::string_view user = Unquoted(login.substr(0, colon));
      const std::string_view password = Unquoted(login.substr(colon + 1));
      if (In(user.empty() ? ' ' : user.front(), "$<[")) continue;
      // "token:" and ":token" are logins with a key instead of a name.
      if (password.empty() ? IsPassword("", user) && MakeupOf(user).classes() >= 3
                           : IsPassword(user, password)) {
        const std::string_view secret = password.empty() ? user : password;
        emit(OffsetIn(text, secret), secret.size());
      }
    }
  }
}

// A line "name: value" of the data of a Secret; false when the block is over.
bool LookAtDatum(std::string_view text, std::string_view line, std::size_t indent, bool encoded,
                 const Emit& emit) {
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos || line[first] == '#') return true;
  if (first <= indent) return false;
  const std::size_t colon = line.find(':', first);
  if (colon == std::string_view::npos) return true;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && In(value.front(), " \t\"'")) value.remove_prefix(1);
  while (!value.empty() && In(value.back(), " \t\r\"',")) value.remove_suffix(1);
  if (value.size() < 4 || IsPlaceholder(value) || Contains(value, "{{") || value.front() == '!')
    return true;
  if (encoded) {
    const auto plain = FromBase64(value);
    if (!plain || plain->size() < 3) return true;
    if (IsPlaceholder(*plain)) return true;
  } else if (IsWordy(value) || MakeupOf(value).classes() < 2) {
    return true;
  }
  emit(OffsetIn(text, value), value.size());
  return true;
}

// kind: Secret with data or stringData in the same document.
void LookAtManifest(std::string_view text, std::size_t end, const Emit& emit) {
  std::size_t begin = text.substr(0, end).rfind("\n---");
  if (begin == std::string_view::npos) begin = 0;
  if (end - begin > kManifestMax) begin = end - kManifestMax;
  std::string_view document = text.substr(begin, kManifestMax * 2);
  if (const std::size_t stop = document.find("\n---", end - begin); stop != std::string_view::npos)
    document = document.substr(0, stop);
  bool inside = false;
  bool encoded = true;
  std::size_t indent = 0;
  while (!document.empty()) {
    const std::size_t stop = std::min(document.find('\n'), document.size());
    const std::string_view line = document.substr(0, stop);
    document.remove_prefix(std::min(stop + 1, document.size()));
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    if (inside && LookAtDatum(text, line, indent, encoded, emit)) continue;
    const std::string_view key = line.substr(first);
    inside = key.starts_with("data:") || key.starts_with("stringData:") ||
             key.starts_with("\"data\":") || key.starts_with("\"stringData\":");
    encoded = !Contains(key.substr(0, 12), "stringData");
    indent = first;
  }
}

constexpr CodedKind kKinds[] = {
    {"pem", R"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY)", LookAtPem, true},
    {"url", R"(://[^\s:/@"'<>`]{0,64}:[^\s/@"'<>`]{3,128}@)", LookAtUrl, false},
    {"basic", R"((?i)basic[ \t]{1,4}[A-Za-z0-9+/=])", LookAtBasic, false},
    {"bearer",
     R"((?i)authorization[\s"'\\:=,]{1,10}(?:bearer|token|apikey|splunk|api-key)[ \t]{1,4}[A-Za-z0-9+/=_-])",
     LookAtBearer, false},
    {"curl-user", R"(curl)", LookAtCurl, false},
    {"kubernetes-secret", R"(kind["']?[ \t]{0,4}:[ \t]{0,4}["']?Secret\s)", LookAtManifest, false},
    {"password", "", nullptr, false},
    {"assigned", "", nullptr, false},
};

// What the last word of a name says it is, other than a secret.
bool NamesSomethingElse(std::string_view name) {
  constexpr std::array<std::string_view, 46> kLast = {
      "id",       "ids",     "name",        "names",    "url",    "uri",      "path",
      "file",     "type",    "version",     "count",    "length", "size",     "max",
      "min",      "limit",   "expiry",      "expires",  "ttl",    "header",   "field",
      "label",    "param",   "endpoint",    "host",     "format", "prefix",   "suffix",
      "class",    "pattern", "policy",      "issuer",   "alg",    "arn",      "provider",
      "template", "hash",    "digest",      "checksum", "ref",    "location", "selector",
      "column",   "dir",     "fingerprint", "iv"};
  constexpr std::array<std::string_view, 32> kAny = {
      "_public",    "_csrf",        "_xsrf",         "_authenticity", "_nonce",       "_page_",
      "_next_",     "_sync_",       "_continuation", "_cursor",       "_publishable", "tokenizer",
      "_keyboard",  "_keyframe",    "_keyword",      "_checksum",     "_sha256",      "_sha1_",
      "_md5",       "_integrity",   "_cache",        "_sort_",        "_primary",     "_foreign",
      "_partition", "_idempotency", "_translation",  "_commit",       "_revision",    "_etag",
      "_hash",      "_author_"};
  const std::size_t end = name.size() - 1;
  const std::size_t begin = end == 0 ? 0 : name.rfind('_', end - 1);
  const std::string_view last =
      begin == std::string_view::npos ? name : name.substr(begin + 1, end - begin - 1);
  if (std::ranges::find(kLast, last) != kLast.end()) return true;
  return std::ranges::any_of(kAny, [&](std::string_view part) { return Contains(name, part); });
}

bool NamesPassword(std::string_view name) {
  return Contains(name, "passw") || Contains(name, "pwd") || Contains(name, "passphrase") ||
         Contains(name, "_pass_");
}

bool NamesSecret(std::string_view name) {
  constexpr std::array<std::string_view, 30> kParts = {
      "token",       "secret",      "apikey",      "api_key",     "access_key",     "accesskey",
      "private_key", "privatekey",  "auth_key",    "signing_key", "encryption_key", "encrypt_key",
      "account_key", "master_key",  "shared_key",  "storage_key", "service_key",    "client_key",
      "app_key",     "admin_key",   "credential",  "creds_",      "authorization",  "_bearer_",
      "_auth_",      "license_key", "licence_key", "deploy_key",  "webhook_key",    "session_key"};
  return std::ranges::any_of(kParts, [&](std::string_view part) { return Contains(name, part); });
}

// A path, an address, a date, a version, a number: no secret whatever its name.
bool IsPlainData(std::string_view value) {
  if (Contains(value, "://") || In(value.front(), "/.")) return true;
  if (value.starts_with("~/") || value.starts_with("$")) return true;
  const Makeup makeup = MakeupOf(value);
  if (makeup.letters() == 0) return true;
  return Contains(value, "->") || Contains(value, "::") || Contains(value, "...");
}

// Letters of both cases without a plan: base64 that happens to hold no digit.
bool IsMixedCase(std::string_view value) {
  std::size_t changes = 0;
  for (std::size_t i = 1; i < value.size(); ++i) {
    const bool before = value[i - 1] >= 'A' && value[i - 1] <= 'Z';
    const bool here = value[i] >= 'A' && value[i] <= 'Z';
    changes += before != here;
  }
  return changes * 3 >= value.size();
}

bool IsRandomValue(const Assignment& a) {
  const std::string_view value = a.value;
  const Makeup makeup = MakeupOf(value);
  const double entropy = EntropyOf(value);
  if (IsUuid(value)) return entropy >= 2.5;
  if (makeup.others * 3 > value.size()) return false;
  // No encoder writes digits of both cases.
  if (value.size() >= 16 && IsHex(value))
    return makeup.digits > 0 && entropy >= 2.8 && (makeup.upper == 0 || makeup.lower == 0);
  if (makeup.digits == 0)
    return value.size() >= 24 && entropy >= 3.8 && IsMixedCase(value) &&
           makeup.others * 8 <= value.size();
  if (LooksLikeIdentifier(value)) return false;
  if (value.size() >= 16) return entropy >= 3.3;
  return a.is_quoted && entropy >= 3.0 && makeup.classes() >= 3;
}

}  // namespace

std::span<const CodedKind> CodedKinds() { return kKinds; }

bool IsCoded(std::string_view code) {
  return std::ranges::any_of(kKinds, [&](const CodedKind& kind) { return kind.code == code; });
}

bool IsAssignedPassword(const Assignment& a) {
  const std::string_view value = a.value;
  if (!a.has_sign || a.is_called || value.size() < 8 || value.size() > 256) return false;
  if (!NamesPassword(a.name) || NamesSomethingElse(a.name)) return false;
  if (IsPlaceholder(value) || IsWordy(value) || IsPlainData(value)) return false;
  const Makeup makeup = MakeupOf(value);
  if (makeup.digits + makeup.others == 0 || LooksLikeIdentifier(value)) return false;
  if (!a.is_quoted && Contains(value, ".")) return false;  // a.member of something
  return makeup.digits > 0 && makeup.classes() >= 2 && EntropyOf(value) >= 2.5;
}

bool IsAssignedSecret(const Assignment& a) {
  const std::string_view value = a.value;
  if (a.is_called || value.size() < 10 || value.size() > 4096) return false;
  if (NamesSomethingElse(a.name) || IsPlaceholder(value) || IsPlainData(value)) return false;
  const Makeup makeup = MakeupOf(value);
  if (IsWordy(value) && !(value.size() >= 32 && IsHex(value))) return false;
  // "--token VALUE" has only a space between; prose has, too.
  if (!a.has_sign && (value.size() < 16 || makeup.digits < 3 || EntropyOf(value) < 3.6))
    return false;
  if (NamesSecret(a.name) || (!a.has_sign && NamesPassword(a.name))) return IsRandomValue(a);
  // A bare "key" is more often an id.
  if (!a.has_sign || !a.is_quoted || !a.name.ends_with("key_") || value.size() < 24) return false;
  if (IsUuid(value)) return false;
  if (value.size() >= 32 && IsHex(value)) return EntropyOf(value) >= 3.0 && makeup.digits > 3;
  return makeup.digits >= 3 && makeup.lower >= 3 && makeup.upper >= 3 && EntropyOf(value) >= 4.0 &&
         !LooksLikeIdentifier(value);
}

}  // namespace interlock::credential
