#include "credential/inject.h"

#include <string.h>

#include <algorithm>

#include "base/bytes.h"

namespace interlock::credential {
namespace {

// A buffer that may hold a secret, wiped when it goes. Reserved in whole, so that growing leaves no
// copy behind.
struct Wiped {
  explicit Wiped(std::size_t bytes_max) { text.reserve(bytes_max); }
  ~Wiped() { explicit_bzero(text.data(), text.size()); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  std::string text;
};

// The vault's values are printable ASCII: nothing but these two needs an escape.
void AppendJson(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
}

std::string BasicPair(const CredentialRef& place, std::string_view value) {
  Wiped pair(place.name.size() + value.size() + 1);
  if (place.stand == CredentialStand::basic_password) pair.text.append(place.name).append(":");
  pair.text.append(value);
  if (place.stand == CredentialStand::basic_user) pair.text.append(":").append(place.name);
  return Base64(pair.text);
}

bool IsPrintable(std::string_view value) {
  return std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; });
}

// What stands for a value in this place, without the prefix.
std::string FormOf(const CredentialRef& place, std::string_view value) {
  std::string out;
  switch (place.stand) {
    case CredentialStand::header:
      out = value;
      break;
    case CredentialStand::basic_password:
    case CredentialStand::basic_user:
    case CredentialStand::basic_pair:
      out = BasicPair(place, value);
      break;
    case CredentialStand::query:
    case CredentialStand::form:
      out.reserve(3 * value.size());
      AppendPercentEncoded(out, value);
      break;
    case CredentialStand::json:
      out.reserve(2 * value.size());
      AppendJson(out, value);
      break;
  }
  return out;
}

// RFC 6265 4.1.1: a value ends at these.
bool FitsCookie(std::string_view value) {
  return value.find_first_of(" \",;\\") == std::string_view::npos;
}

}  // namespace

Result<void> CheckStands(const CredentialRef& place, const Secret& real) {
  const std::string_view value = real.Reveal();
  const auto refuse = [&](std::string_view why) {
    return Fail(Code::denied, "the credential " + place.entry + " can't stand in " +
                                  (place.header.empty() ? place.name : place.header) + ": " +
                                  std::string(why));
  };
  if (value.empty() || !IsPrintable(value)) return refuse("it is not printable ASCII");
  if (place.header == "cookie" && !FitsCookie(value))
    return refuse("a cookie can't hold all of its characters");
  if (place.stand == CredentialStand::basic_user && value.find(':') != std::string_view::npos)
    return refuse("a user has no ':'");
  if (place.stand == CredentialStand::basic_pair && value.find(':') == std::string_view::npos)
    return refuse("it is no user:password");
  return {};
}

Result<Secret> EncodeFor(const CredentialRef& place, const Secret& real) {
  ILK_TRY_VOID(CheckStands(place, real));
  const std::string_view value = real.Reveal();
  Wiped form(0);
  form.text = FormOf(place, value);
  Wiped out(place.prefix.size() + 8 + form.text.size());
  if (place.stand == CredentialStand::header) out.text += place.prefix;
  if (!place.header.empty() && place.stand != CredentialStand::header) out.text += "Basic ";
  out.text += form.text;
  return Secret(std::move(out.text));
}

Result<Secret> Splice(std::string_view text, const Secret& encoded) {
  const std::size_t at = text.find(kCredentialMark);
  if (at == std::string_view::npos ||
      text.find(kCredentialMark, at + kCredentialMark.size()) != std::string_view::npos)
    return Fail(Code::conflict, "the request doesn't say where its credential goes");
  Wiped out(text.size() + encoded.size());
  out.text.append(text.substr(0, at));
  out.text.append(encoded.Reveal());
  out.text.append(text.substr(at + kCredentialMark.size()));
  return Secret(std::move(out.text));
}

bool IsInTarget(CredentialStand stand) { return stand == CredentialStand::query; }
bool IsInBody(CredentialStand stand) {
  return stand == CredentialStand::form || stand == CredentialStand::json;
}

}  // namespace interlock::credential
