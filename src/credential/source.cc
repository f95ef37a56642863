#include "credential/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "base/wiping.h"
#include "credential/child.h"

namespace interlock::credential {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kValueBytesMin = 8;  // shorter ones would be "found" in every text
constexpr std::size_t kValueBytesMax = 8192;
constexpr std::size_t kOutputBytesMax = 64u << 10;
constexpr std::size_t kTextBytesMax = 4096;
constexpr std::chrono::seconds kAskCommandAgain{3600};

constexpr std::pair<SourceKind, std::string_view> kKinds[] = {
    {SourceKind::value, "value"},
    {SourceKind::command, "command"},
    {SourceKind::environment, "environment"},
    {SourceKind::file, "file"},
    {SourceKind::mint, "mint"},
};

// --- JSON that holds a credential ---

// How a moment is written.
enum class Moment { text, epoch_seconds, seconds_from_now, lease };

struct Expiry {
  std::string_view path;
  Moment form;
};

// Everywhere an expiry is looked for, beside the value.
constexpr Expiry kExpiries[] = {
    {"expires_on", Moment::epoch_seconds},  // az; its expiresOn is local time
    {"Expiration", Moment::text},
    {"expirationTimestamp", Moment::text},
    {"token_expiry", Moment::text},
    {"expiry", Moment::text},
    {"expiry.datetime", Moment::text},
    {"expires_at", Moment::text},
    {"expires", Moment::text},
    {"expires_in", Moment::seconds_from_now},
    {"lease_duration", Moment::lease},
};

struct Shape {
  std::string_view within;  // the object that holds value and expiry
  std::vector<std::string_view>
      members;  // joined by ':'; a last one that ends in '?' may be absent
};

std::span<const Shape> Shapes() {
  static const std::vector<Shape> shapes = {
      {"", {"AccessKeyId", "SecretAccessKey", "SessionToken?"}},             // credential_process
      {"Credentials", {"AccessKeyId", "SecretAccessKey", "SessionToken?"}},  // aws sts
      {"credential", {"access_token"}},                                      // gcloud config-helper
      {"status", {"token"}},                                                 // ExecCredential
      {"auth", {"client_token"}},                                            // vault
      {"", {"accessToken"}},                                                 // az
      {"", {"access_token"}},                                                // RFC 6749 5.1
      {"", {"token"}},                                                       // gcloud
      {"", {"value"}},                                                       // op
  };
  return shapes;
}

const json::value* At(const json::value& from, std::string_view path) {
  const json::value* at = &from;
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const json::object* object = at->if_object();
    at = object == nullptr ? nullptr : Find(*object, path.substr(0, dot));
    if (at == nullptr) return nullptr;
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return at;
}

// RFC 3339, and what is written like it: a space for the 'T', an offset, or no zone, which is UTC.
std::optional<TimePoint> TimeOf(std::string_view text) {
  std::string spelt(text);
  if (spelt.size() > 10 && spelt[10] == ' ') spelt[10] = 'T';
  std::chrono::minutes offset{0};
  const std::size_t mark = spelt.find_first_of("+-", 11);
  if (spelt.size() > 11 && mark != std::string::npos) {
    int hours = 0;
    int minutes = 0;
    if (std::sscanf(spelt.c_str() + mark + 1, "%2d:%2d", &hours, &minutes) != 2)
      return std::nullopt;
    offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    if (spelt[mark] == '-') offset = -offset;
    spelt.resize(mark);
    spelt += 'Z';
  } else if (!spelt.ends_with('Z')) {
    spelt += 'Z';
  }
  const auto time = ParseTime(spelt);
  if (!time) return std::nullopt;
  return *time - offset;
}

std::optional<std::int64_t> NumberOf(const json::value& value) {
  if (const std::int64_t* number = value.if_int64()) return *number;
  const json::string* text = value.if_string();
  if (text == nullptr) return std::nullopt;
  std::int64_t number = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), number);
  if (read.ec != std::errc() || read.ptr != text->data() + text->size()) return std::nullopt;
  return number;
}

// nullopt: it can't be read. A lease of nothing is one without an end.
std::optional<std::optional<TimePoint>> MomentOf(const json::value& value, Moment form,
                                                 TimePoint now) {
  constexpr std::int64_t kSecondsMax = 1LL << 36;
  if (form == Moment::text) {
    if (const json::string* text = value.if_string()) {
      if (const auto time = TimeOf(*text)) return time;
    }
    form = Moment::epoch_seconds;
  }
  const auto number = NumberOf(value);
  if (!number || *number < 0 || *number > kSecondsMax) return std::nullopt;
  if (form == Moment::epoch_seconds) return TimePoint(std::chrono::seconds(*number));
  if (form == Moment::lease && *number == 0) return std::optional<TimePoint>();
  return now + std::chrono::seconds(*number);
}

Result<std::optional<TimePoint>> ExpiryIn(const json::value& within, TimePoint now) {
  for (const Expiry& expiry : kExpiries) {
    const json::value* found = At(within, expiry.path);
    if (found == nullptr || found->is_null() || found->is_object()) continue;
    const auto moment = MomentOf(*found, expiry.form, now);
    if (!moment)
      return Fail(Code::invalid_input,
                  "its \"" + std::string(expiry.path) + "\" is not a time that can be read");
    return *moment;
  }
  return std::optional<TimePoint>();
}

// The members' texts joined, or nothing when this isn't the shape.
std::optional<std::string> Joined(const json::value& within, const Shape& shape) {
  std::string out;
  out.reserve(kValueBytesMax);  // no copies left behind by growing
  for (std::string_view member : shape.members) {
    const bool optional = member.ends_with('?');
    if (optional) member.remove_suffix(1);
    const json::value* found = At(within, member);
    const json::string* text = found == nullptr ? nullptr : found->if_string();
    if (text == nullptr || text->empty()) {
      if (optional) continue;
      return std::nullopt;
    }
    if (out.size() + text->size() >= kValueBytesMax) return std::nullopt;
    if (!out.empty()) out += ':';
    out.append(text->data(), text->size());
  }
  return out;
}

Result<Sourced> ReadJson(const json::value& root, std::string_view field, TimePoint now) {
  const Shape asked{"", {field}};
  const std::span<const Shape> shapes = field.empty() ? Shapes() : std::span(&asked, 1);
  for (const Shape& shape : shapes) {
    const json::value* within = At(root, shape.within);
    if (within == nullptr) continue;
    auto value = Joined(*within, shape);
    if (!value) continue;
    ILK_TRY(expires, ExpiryIn(*within, now));
    return Sourced{Secret(std::move(*value)), expires};
  }
  return Fail(Code::invalid_input, field.empty()
                                       ? "its JSON holds no credential in a place that is known; "
                                         "--field says where it stands"
                                       : "its JSON has no text at \"" + std::string(field) + "\"");
}

Result<Sourced> ReadText(std::string_view text, std::string_view field, TimePoint now) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) return Fail(Code::invalid_input, "it is empty");
  if (text.front() != '{' && text.front() != '[' && field.empty())
    return Sourced{Secret(std::string(text)), std::nullopt};
  const auto root = ParseSecretJson(text);
  if (!root) return Fail(Code::invalid_input, "it is not JSON that can be read");
  return ReadJson(*root, field, now);
}

// --- asking ---

Result<Sourced> AskCommand(const Source& source, TimePoint now, const std::atomic<bool>* stop) {
  ChildRequest request;
  request.words = {"/bin/sh", "-c", source.text};
  request.environment = CleanEnvironment();
  request.output_bytes_max = kOutputBytesMax;
  request.stop = stop;
  auto answer = RunChild(request);
  if (!answer) return Fail(answer.error().code, "its command: " + answer.error().message);
  if (answer->status != 0)
    return Fail(Code::unavailable, "its command ended with status " +
                                       std::to_string(answer->status) +
                                       "; run it by hand to see what it says");
  auto read = ReadSourceOutput(answer->output.Reveal(), source.field, now);
  if (!read) return Fail(read.error().code, "what its command prints: " + read.error().message);
  return read;
}

Result<Sourced> AskEnvironment(const Source& source, TimePoint now) {
  const char* value = std::getenv(source.text.c_str());
  if (value == nullptr || value[0] == '\0')
    return Fail(Code::not_found,
                source.text + " is not in the gateway's environment; start the gateway with it");
  auto read = ReadSourceOutput(value, source.field, now);
  if (!read) return Fail(read.error().code, source.text + ": " + read.error().message);
  return read;
}

Result<Sourced> AskFile(const Source& source, TimePoint now) {
  const auto fail = [&source](Code code, std::string_view why) {
    return Fail(code, source.text + ": " + std::string(why));
  };
  const UniqueFd fd(
      ::open(source.text.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid())
    return fail(errno == ENOENT ? Code::not_found : Code::unavailable, ::strerror(errno));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return fail(Code::denied, "not a regular file");
  if (info.st_uid != ::geteuid() && info.st_uid != 0)
    return fail(Code::denied, "it belongs to another user");
  if ((info.st_mode & 022) != 0)
    return fail(Code::denied, "others may write to it; run chmod go-w on it");
  std::string text(kOutputBytesMax + 1, '\0');
  const ssize_t got = ::read(fd.get(), text.data(), text.size());
  if (got < 0) return fail(Code::unavailable, ::strerror(errno));
  if (static_cast<std::size_t>(got) > kOutputBytesMax) {
    explicit_bzero(text.data(), text.size());
    return fail(Code::limit, "it is larger than 64 KiB");
  }
  text.resize(static_cast<std::size_t>(got));
  const Secret whole(std::move(text));
  auto read = ReadSourceOutput(whole.Reveal(), source.field, now);
  if (!read) return fail(read.error().code, read.error().message);
  return read;
}

bool IsVariable(std::string_view name) {
  return !name.empty() && (name[0] < '0' || name[0] > '9') && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

std::string_view ToString(SourceKind kind) {
  const auto it = std::ranges::find(kKinds, kind, &std::pair<SourceKind, std::string_view>::first);
  return it == std::end(kKinds) ? "unknown" : it->second;
}

std::optional<SourceKind> ParseSourceKind(std::string_view text) {
  const auto it = std::ranges::find(kKinds, text, &std::pair<SourceKind, std::string_view>::second);
  if (it == std::end(kKinds)) return std::nullopt;
  return it->first;
}

json::object ToJson(const Source& source) {
  json::object terms;
  for (const auto& [name, value] : source.terms) terms[name] = value;
  return {{"kind", ToString(source.kind)},
          {"text", source.text},
          {"field", source.field},
          {"terms", std::move(terms)}};
}

std::optional<Source> SourceFromJson(const json::object& object) {
  Source source;
  const auto kind = ParseSourceKind(FindString(object, "kind"));
  const json::object* terms = FindObject(object, "terms");
  if (!kind || terms == nullptr) return std::nullopt;
  source.kind = *kind;
  source.text = FindString(object, "text");
  source.field = FindString(object, "field");
  for (const auto& [name, value] : *terms) {
    if (!value.is_string()) return std::nullopt;
    source.terms[std::string(name)] = value.get_string();
  }
  return source;
}

Result<void> CheckSource(const Source& source) {
  const auto refuse = [](std::string_view why) {
    return Fail(Code::invalid_input, std::string(why));
  };
  for (const std::string* text : {&source.text, &source.field}) {
    if (text->size() > kTextBytesMax || text->find('\0') != std::string::npos || !IsUtf8(*text))
      return refuse("the source is too long, or not text");
  }
  switch (source.kind) {
    case SourceKind::value:
      return {};
    case SourceKind::command:
      if (source.text.empty()) return refuse("--from-command wants a command");
      return {};
    case SourceKind::environment:
      if (!IsVariable(source.text)) return refuse("--from-env wants the name of a variable");
      return {};
    case SourceKind::file:
      if (!source.text.starts_with('/')) return refuse("--from-file wants an absolute path");
      return {};
    case SourceKind::mint:
      if (source.text.empty()) return refuse("--mint-with wants the name of an entry");
      return {};
  }
  return refuse("no such source");
}

Result<void> CheckValue(std::string_view value, const std::string& about) {
  if (value.size() < kValueBytesMin || value.size() > kValueBytesMax)
    return Fail(Code::invalid_input, about + " must be 8 to 8192 bytes long");
  for (char c : value) {
    if (c < 0x20 || c > 0x7e)
      return Fail(Code::invalid_input,
                  about + " contains a control character, a line break or a non-ASCII character");
  }
  return {};
}

Result<Sourced> ReadSourceOutput(std::string_view text, std::string_view field, TimePoint now) {
  ILK_TRY(read, ReadText(text, field, now));
  ILK_TRY_VOID(CheckValue(read.value.Reveal(), "its value"));
  if (read.expires && *read.expires <= now)
    return Fail(Code::invalid_input,
                "it expired at " + FormatTime(*read.expires) + "; is this machine's clock right?");
  return read;
}

Result<Sourced> AskSource(const Source& source, TimePoint now, const std::atomic<bool>* stop) {
  switch (source.kind) {
    case SourceKind::command:
      return AskCommand(source, now, stop);
    case SourceKind::environment:
      return AskEnvironment(source, now);
    case SourceKind::file:
      return AskFile(source, now);
    case SourceKind::value:
    case SourceKind::mint:
      break;
  }
  return Fail(Code::internal, "this source is asked elsewhere");
}

TimePoint AskAgainAt(SourceKind kind, std::optional<TimePoint> expires, TimePoint now) {
  // Somebody else renews a file, and reading it costs nothing.
  if (kind == SourceKind::file) return now;
  if (!expires) return kind == SourceKind::command ? now + kAskCommandAgain : TimePoint::max();
  const auto left = *expires - now;
  auto margin = std::clamp<std::chrono::milliseconds>(left / 10, 30s, 300s);
  if (margin > left / 2) margin = left / 2;
  return *expires - margin;
}

}  // namespace interlock::credential
