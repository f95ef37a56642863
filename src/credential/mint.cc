#include "credential/mint.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <charconv>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/wiping.h"
#include "crypto/rs256.h"

namespace interlock::credential {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kTermBytesMax = 16384;
constexpr std::size_t kSaidBytesMax = 200;
constexpr std::chrono::seconds kJwtBefore = 60s;  // clocks differ
constexpr std::chrono::seconds kJwtAfter = 540s;

std::optional<std::int64_t> WholeNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(at), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// "" when the value is in the term's form, else what is wrong.
std::string FaultOf(const MintTerm& term, const std::string& value) {
  if (value.size() > kTermBytesMax || !IsUtf8(value))
    return term.name + " is too long, or not text";
  switch (term.form) {
    case MintTerm::Form::text:
    case MintTerm::Form::list:
      return value.empty() ? term.name + " is empty" : "";
    case MintTerm::Form::number:
      return WholeNumber(value) ? "" : term.name + " is not a number";
    case MintTerm::Form::json:
      return ParseJson(value) ? "" : term.name + " is not JSON";
  }
  return term.name + " has no form";
}

json::value InItsForm(const MintTerm* term, const std::string& value) {
  if (term == nullptr) return json::string(value);
  switch (term->form) {
    case MintTerm::Form::text:
      return json::string(value);
    case MintTerm::Form::number:
      return WholeNumber(value).value_or(0);
    case MintTerm::Form::list: {
      json::array items;
      for (const std::string_view item : Split(value, ',')) items.push_back(json::string(item));
      return items;
    }
    case MintTerm::Form::json: {
      auto parsed = ParseJson(value);
      return parsed ? std::move(*parsed) : json::value();
    }
  }
  return json::string(value);
}

enum class Spelling { plain, percent };

std::string Percent(std::string_view text) {
  std::string out;
  AppendPercentEncoded(out, text);
  return out;
}

// nullopt when a value that the text needs isn't there.
std::optional<std::string> Filled(std::string_view text, const MintTerms& values,
                                  Spelling spelling) {
  std::string out;
  for (;;) {
    const std::size_t at = text.find("${");
    out.append(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    const std::size_t end = text.find('}', at);
    if (end == std::string_view::npos) return std::nullopt;
    const auto value = values.find(std::string(text.substr(at + 2, end - at - 2)));
    if (value == values.end()) return std::nullopt;
    out += spelling == Spelling::percent ? Percent(value->second) : value->second;
    text.remove_prefix(end + 1);
  }
}

const MintTerm* TermNamed(const MintRule& rule, std::string_view name) {
  const auto it = std::ranges::find(rule.terms, name, &MintTerm::name);
  return it == rule.terms.end() ? nullptr : &*it;
}

// The template with its values; nullopt leaves the member out. The depth is a pack's.
std::optional<json::value> Filled(const MintRule& rule, const json::value& from,
                                  const MintTerms& values) {
  if (const json::string* text = from.if_string()) {
    const std::string_view view(*text);
    const bool alone = view.starts_with("${") && view.find('}') == view.size() - 1;
    if (!alone) {
      const auto filled = Filled(view, values, Spelling::plain);
      if (!filled) return std::nullopt;
      return json::string(*filled);
    }
    const std::string name(view.substr(2, view.size() - 3));
    const auto value = values.find(name);
    if (value == values.end()) return std::nullopt;
    return InItsForm(TermNamed(rule, name), value->second);
  }
  if (const json::array* items = from.if_array()) {
    json::array out;
    for (const json::value& item : *items) {
      auto filled = Filled(rule, item, values);
      if (filled) out.push_back(std::move(*filled));
    }
    return out;
  }
  if (const json::object* members = from.if_object()) {
    json::object out;
    for (const auto& member : *members) {
      auto filled = Filled(rule, member.value(), values);
      if (filled) out[member.key()] = std::move(*filled);
    }
    return out;
  }
  return from;
}

// --- answers ---

const json::value* At(const json::value* at, std::string_view path) {
  for (const std::string_view name : Split(path, '.')) {
    const json::object* object = at == nullptr ? nullptr : at->if_object();
    at = object == nullptr ? nullptr : Find(*object, name);
  }
  return at;
}

std::string TextAt(const json::value& root, std::string_view path) {
  const json::value* found = At(&root, path);
  const json::string* text = found == nullptr ? nullptr : found->if_string();
  if (text != nullptr) return std::string(*text);
  if (found != nullptr && found->is_int64()) return std::to_string(found->get_int64());
  return "";
}

// The text of the one element of this name, wherever it stands. Two of them, or anything inside it,
// is something else than what was asked for.
std::string ElementText(std::string_view xml, std::string_view name) {
  const std::string begin = "<" + std::string(name) + ">";
  const std::string end = "</" + std::string(name) + ">";
  const std::size_t at = xml.find(begin);
  if (at == std::string_view::npos) return "";
  const std::size_t from = at + begin.size();
  const std::size_t to = xml.find(end, from);
  if (to == std::string_view::npos || xml.find(begin, from) != std::string_view::npos) return "";
  const std::string_view text = xml.substr(from, to - from);
  return text.find_first_of("<&") == std::string_view::npos ? std::string(text) : "";
}

// What the provider says went wrong, in whichever of the usual places.
std::string SaidIn(const json::value& root) {
  std::string said;
  if (const json::object* object = root.if_object()) {
    const json::array* errors = FindArray(*object, "errors");
    if (errors != nullptr && !errors->empty() && errors->front().is_object())
      said = FindString(errors->front().get_object(), "message");
    if (said.empty()) said = FindString(*object, "message");
  }
  return said.empty() ? "" : ": " + EscapeForHumans(said, kSaidBytesMax);
}

bool HasErrors(const json::value& root) {
  const json::object* object = root.if_object();
  const json::array* errors = object == nullptr ? nullptr : FindArray(*object, "errors");
  return errors != nullptr && !errors->empty();
}

std::unexpected<Error> Refused(int status, const Result<json::value>& body) {
  return Fail(Code::denied, "the provider refused with status " + std::to_string(status) +
                                (body ? SaidIn(*body) : ""));
}

Result<json::value> AcceptedJson(int status, std::string_view body) {
  auto root = ParseSecretJson(body);
  if (status < 200 || status > 299 || (root && HasErrors(*root))) return Refused(status, root);
  if (!root) return Fail(Code::invalid_input, "the provider's answer is not JSON");
  return root;
}

}  // namespace

Result<MintTerms> CompleteTerms(const MintRule& rule, const MintTerms& given) {
  std::string faults;
  const auto add = [&faults](const std::string& fault) {
    if (!fault.empty()) faults += (faults.empty() ? "" : "; ") + fault;
  };
  MintTerms out;
  for (const MintTerm& term : rule.terms) {
    const auto it = given.find(term.name);
    if (it != given.end()) {
      add(FaultOf(term, it->second));
      out[term.name] = it->second;
    } else if (!term.otherwise.empty()) {
      out[term.name] = term.otherwise;
    } else if (!term.optional) {
      add("--term " + term.name + "=… is missing (" + term.what + ")");
    }
  }
  for (const auto& [name, value] : given)
    if (TermNamed(rule, name) == nullptr)
      add("there is no term \"" + EscapeForHumans(name, 60) + "\"");
  if (!faults.empty()) return Fail(Code::invalid_input, faults);
  return out;
}

std::string HostOf(const MintRule& rule, const MintTerms& values) {
  return ToLower(Filled(rule.host, values, Spelling::plain).value_or(""));
}

Result<UpstreamRequest> BuildCall(const MintRule& rule, const MintCall& call,
                                  const MintTerms& values, std::string host) {
  const auto path = Filled(call.path, values, Spelling::percent);
  if (!path) return Fail(Code::invalid_input, "a value for " + call.path + " is missing");
  UpstreamRequest request;
  request.scheme = "https";
  request.host = std::move(host);
  request.method = call.method;
  request.target = *path;
  request.headers.push_back({"accept", rule.xml ? "text/xml" : "application/json"});
  request.headers.push_back({"user-agent", "interlock"});
  if (!call.body.is_null()) {
    const auto body = Filled(rule, call.body, values);
    request.body = body ? json::serialize(*body) : "";
    request.headers.push_back({"content-type", "application/json"});
  }
  for (const auto& [name, text] : call.form) {
    const auto value = Filled(text, values, Spelling::plain);
    if (!value) continue;
    if (!request.body.empty()) request.body += '&';
    request.body += Percent(name) + "=" + Percent(*value);
  }
  if (!call.form.empty())
    request.headers.push_back({"content-type", "application/x-www-form-urlencoded"});
  return request;
}

Result<Secret> SignedJwt(const MintRule& rule, const MintTerms& values, const Secret& key,
                         TimePoint now) {
  const auto issuer = Filled(rule.issuer, values, Spelling::plain);
  if (!issuer) return Fail(Code::invalid_input, "who signs is not among the terms");
  const auto seconds = [](TimePoint at) {
    return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
  };
  const std::string payload = json::serialize(json::object{
      {"iat", seconds(now - kJwtBefore)}, {"exp", seconds(now + kJwtAfter)}, {"iss", *issuer}});
  const std::string signed_part =
      Base64Url(R"({"alg":"RS256","typ":"JWT"})") + "." + Base64Url(payload);
  ILK_TRY(signature, crypto::SignRs256(key, signed_part));
  return Secret(signed_part + "." + Base64Url(signature));
}

Result<Sourced> ReadMinted(const MintRule& rule, int status, std::string_view body, TimePoint now) {
  const auto missing = [] {
    return Fail(Code::invalid_input, "the provider's answer holds no token where the pack says");
  };
  json::value root;
  if (!rule.xml) {
    ILK_TRY(accepted, AcceptedJson(status, body));
    root = std::move(accepted);
  } else if (status < 200 || status > 299) {
    return Fail(Code::denied, "the provider refused with status " + std::to_string(status) + ": " +
                                  EscapeForHumans(ElementText(body, "Message"), kSaidBytesMax));
  }
  const auto text = [&](std::string_view at) {
    return rule.xml ? ElementText(body, at) : TextAt(root, at);
  };
  std::string token;
  token.reserve(kTermBytesMax);
  for (const std::string& path : rule.token) {
    const Secret part(text(path));
    if (part.size() == 0 || token.size() + part.size() >= kTermBytesMax) return missing();
    if (!token.empty()) token += ':';
    token.append(part.Reveal());
  }
  if (token.empty()) return missing();
  Sourced out{Secret(std::move(token)), std::nullopt};
  ILK_TRY_VOID(CheckValue(out.value.Reveal(), "the minted token"));
  if (rule.expires.empty()) return out;
  const auto expires = ParseTime(text(rule.expires));
  if (!expires) return Fail(Code::invalid_input, "the minted token's expiry can't be read");
  if (*expires <= now)
    return Fail(Code::invalid_input, "the minted token expired at " + FormatTime(*expires) +
                                         "; is this machine's clock right?");
  out.expires = *expires;
  return out;
}

Result<std::optional<std::string>> ReadFound(const MintRule& rule, int status,
                                             std::string_view body, std::string_view name) {
  ILK_TRY(root, AcceptedJson(status, body));
  const json::value* list = At(&root, rule.find_list);
  const json::array* items = list == nullptr ? nullptr : list->if_array();
  if (items == nullptr)
    return Fail(Code::invalid_input, "the provider's answer holds no list where the pack says");
  for (const json::value& item : *items) {
    if (TextAt(item, rule.find_name) != name) continue;
    std::string id = TextAt(item, rule.find_id);
    if (id.empty()) return Fail(Code::invalid_input, "the provider lists a token without an id");
    return std::optional(std::move(id));
  }
  return std::optional<std::string>();
}

Result<void> ReadRevoked(int status, std::string_view body) {
  if (status == 404 || status == 410) return {};
  const auto root = ParseJson(body);
  if (status < 200 || status > 299 || (root && HasErrors(*root))) return Refused(status, root);
  return {};
}

}  // namespace interlock::credential
