#include "crypto/allowed_signers.h"

#include <algorithm>
#include <chrono>

#include "base/bytes.h"

namespace interlock::crypto {

namespace {

constexpr std::size_t kLineBytesMax = 16 * 1024;
constexpr std::size_t kLinesMax = 4096;

std::unexpected<Error> Bad(std::string what) {
  return Fail(Code::invalid_input, "allowed signers: " + std::move(what));
}

std::vector<std::string> SplitCommas(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

// Up to the next blank outside double quotes; takes it and the blanks behind it off `rest`.
std::string_view TakeField(std::string_view& rest) {
  bool quoted = false;
  std::size_t end = 0;
  while (end < rest.size() && (quoted || (rest[end] != ' ' && rest[end] != '\t'))) {
    if (rest[end] == '"') quoted = !quoted;
    ++end;
  }
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(end);
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
  return field;
}

bool IsNamespacePattern(std::string_view pattern) {
  if (pattern.empty() || pattern.size() > 256) return false;
  return std::ranges::all_of(
      pattern, [](char c) { return c > 0x20 && c < 0x7f && c != '?' && c != '!' && c != '"'; });
}

std::optional<int> Digits(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// YYYYMMDDZ, YYYYMMDDHHMMZ or YYYYMMDDHHMMSSZ.
Result<TimePoint> ParseStamp(std::string_view text) {
  if (!text.ends_with('Z')) {
    return Bad("time \"" + EscapeForHumans(text, 32) + "\" has to end in Z (UTC)");
  }
  text.remove_suffix(1);
  const std::size_t size = text.size();
  if (size != 8 && size != 12 && size != 14) return Bad("not a time: YYYYMMDD[HHMM[SS]]Z");
  std::string padded(text);
  padded.resize(14, '0');
  const auto part = [&](std::size_t at, std::size_t length) {
    return Digits(std::string_view(padded).substr(at, length)).value_or(-1);
  };
  const std::chrono::year_month_day date(std::chrono::year(part(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(part(4, 2))),
                                         std::chrono::day(static_cast<unsigned>(part(6, 2))));
  const int hour = part(8, 2);
  const int minute = part(10, 2);
  const int second = part(12, 2);
  if (part(0, 4) < 0 || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 59) {
    return Bad("not a time: \"" + EscapeForHumans(text, 32) + "\"");
  }
  return TimePoint(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second);
}

std::string FormatStamp(TimePoint time) {
  std::string out;
  for (const char c : FormatTime(time).substr(0, 19)) {
    if (c >= '0' && c <= '9') out.push_back(c);
  }
  return out + "Z";
}

Result<void> ReadOption(std::string_view name, std::string_view value, AllowedSigner& out) {
  if (EqualsIgnoreCase(name, "cert-authority")) {
    return Bad("certificate authorities are not supported; enrol each person's key");
  }
  if (EqualsIgnoreCase(name, "namespaces")) {
    if (!out.namespaces.empty()) return Bad("namespaces= stands twice");
    out.namespaces = SplitCommas(value);
    if (!std::ranges::all_of(out.namespaces, IsNamespacePattern)) return Bad("bad namespaces=");
    return {};
  }
  const bool after = EqualsIgnoreCase(name, "valid-after");
  if (!after && !EqualsIgnoreCase(name, "valid-before")) {
    return Bad("unknown option \"" + EscapeForHumans(name, 64) + "\"");
  }
  std::optional<TimePoint>& time = after ? out.valid_after : out.valid_before;
  if (time) return Bad(std::string(name) + "= stands twice");
  ILK_TRY(parsed, ParseStamp(value));
  time = parsed;
  return {};
}

// name[=value], comma-separated; a value may stand in double quotes.
Result<void> ReadOptions(std::string_view text, AllowedSigner& out) {
  while (true) {
    const std::size_t name_end = std::min(text.find_first_of("=,"), text.size());
    const std::string_view name = text.substr(0, name_end);
    text.remove_prefix(name_end);
    std::string_view value;
    if (text.starts_with("=\"")) {
      const std::size_t close = text.find('"', 2);
      if (close == std::string_view::npos) return Bad("a quote is not closed");
      value = text.substr(2, close - 2);
      text.remove_prefix(close + 1);
    } else if (text.starts_with('=')) {
      const std::size_t end = std::min(text.find(','), text.size());
      value = text.substr(1, end - 1);
      text.remove_prefix(end);
    }
    ILK_TRY_VOID(ReadOption(name, value, out));
    if (text.empty()) return {};
    if (text.front() != ',') return Bad("options are separated by commas");
    text.remove_prefix(1);
  }
}

}  // namespace

bool IsPrincipalName(std::string_view name) {
  if (name.empty() || name.size() > 128 || !IsUtf8(name)) return false;
  return std::ranges::none_of(name, [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == ',' || c == '*' || c == '?' ||
           c == '!' || c == '"' || c == '#' || c == '\\';
  });
}

Result<AllowedSigner> ParseAllowedSigner(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.size() > kLineBytesMax) return Fail(Code::limit, "allowed signers: line over 16 KiB");
  // Programs differ in where a line with such bytes ends.
  if (std::ranges::any_of(line,
                          [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f; })) {
    return Bad("a control character in the line");
  }
  AllowedSigner signer;
  std::string_view principals = TakeField(line);
  if (principals.size() >= 2 && principals.front() == '"' && principals.back() == '"') {
    principals = principals.substr(1, principals.size() - 2);
  }
  signer.principals = SplitCommas(principals);
  if (!std::ranges::all_of(signer.principals, IsPrincipalName)) {
    return Bad("\"" + EscapeForHumans(principals, 128) + "\" is not a list of plain names");
  }
  std::string_view after_type = line;
  const std::string_view first = TakeField(after_type);
  // A key type never holds a '=' or ','; the one option without a value is refused by name.
  if (first.find_first_of("=,\"") != std::string_view::npos ||
      EqualsIgnoreCase(first, "cert-authority")) {
    ILK_TRY_VOID(ReadOptions(first, signer));
    line = after_type;
  }
  const std::string_view type = TakeField(line);
  const std::string_view base64 = TakeField(line);
  ILK_TRY(key, ParseSshKeyLine(std::string(type) + " " + std::string(base64)));
  signer.key = std::move(key);
  signer.comment = line;
  return signer;
}

std::string FormatAllowedSigner(const AllowedSigner& signer) {
  const auto join = [](const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
    return out;
  };
  std::string options;
  const auto add = [&](const std::string& option) {
    options += (options.empty() ? "" : ",") + option;
  };
  if (!signer.namespaces.empty()) add("namespaces=\"" + join(signer.namespaces) + "\"");
  if (signer.valid_after) add("valid-after=\"" + FormatStamp(*signer.valid_after) + "\"");
  if (signer.valid_before) add("valid-before=\"" + FormatStamp(*signer.valid_before) + "\"");
  std::string line = join(signer.principals) + " ";
  if (!options.empty()) line += options + " ";
  line += FormatSshKeyLine(signer.key);
  if (!signer.comment.empty()) line += " " + signer.comment;
  // A line break in a comment would start a line of its own.
  std::ranges::replace_if(line, [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
  return line;
}

Result<AllowedSigners> ParseAllowedSigners(std::string_view text) {
  AllowedSigners signers;
  std::string problems;
  for (std::size_t number = 1; !text.empty(); ++number) {
    if (number > kLinesMax) return Fail(Code::limit, "allowed signers: more than 4096 lines");
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    if (line.empty() || line.front() == '#' || line == "\r") continue;
    auto signer = ParseAllowedSigner(line);
    if (signer) {
      signers.push_back(*std::move(signer));
    } else {
      problems += (problems.empty() ? "line " : "; line ") + std::to_string(number) + ": " +
                  signer.error().message;
    }
  }
  if (!problems.empty()) return Fail(Code::invalid_input, problems);
  return signers;
}

std::string FormatAllowedSigners(const AllowedSigners& signers) {
  std::string out;
  for (const AllowedSigner& signer : signers) out += FormatAllowedSigner(signer) + "\n";
  return out;
}

std::vector<const AllowedSigner*> FindByKey(const AllowedSigners& signers,
                                            const SshPublicKey& key) {
  std::vector<const AllowedSigner*> found;
  for (const AllowedSigner& signer : signers) {
    if (signer.key.blob == key.blob) found.push_back(&signer);
  }
  return found;
}

bool IsValidAt(const AllowedSigner& signer, TimePoint now) {
  return (!signer.valid_after || *signer.valid_after <= now) &&
         (!signer.valid_before || now < *signer.valid_before);
}

bool AllowsNamespace(const AllowedSigner& signer, std::string_view ns) {
  return signer.namespaces.empty() ||
         std::ranges::any_of(signer.namespaces, [&](const auto& p) { return GlobMatch(p, ns); });
}

}  // namespace interlock::crypto
