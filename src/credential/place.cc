#include "credential/place.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "base/bytes.h"
#include "base/json.h"
#include "credential/decoded.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kBesideBytesMax = 256;
constexpr std::string_view kBasic = "Basic ";

bool IsBasic(CredentialStand stand) {
  return stand == CredentialStand::basic_password || stand == CredentialStand::basic_user ||
         stand == CredentialStand::basic_pair;
}

bool HasPrefix(std::string_view value, std::string_view prefix) {
  return value.size() >= prefix.size() && EqualsIgnoreCase(value.substr(0, prefix.size()), prefix);
}

// A user or password that goes out again as it came.
bool IsPlainBeside(std::string_view text) {
  return text.size() <= kBesideBytesMax &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// The place with the longest prefix that the header's value begins with.
const CredentialPlace* PlaceOf(const Header& header, std::span<const CredentialPlace> places) {
  const CredentialPlace* best = nullptr;
  for (const CredentialPlace& place : places) {
    if (place.stand != CredentialStand::header || place.header != header.name) continue;
    if (!HasPrefix(header.value, place.prefix)) continue;
    if (!best || place.prefix.size() > best->prefix.size()) best = &place;
  }
  return best;
}

std::optional<Standing> BasicStanding(const CredentialPlace& place, std::string_view pair) {
  if (place.stand == CredentialStand::basic_pair) return Standing{&place, std::string(pair), ""};
  const std::size_t colon = pair.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string user(pair.substr(0, colon));
  std::string password(pair.substr(colon + 1));
  if (place.stand == CredentialStand::basic_user) std::swap(user, password);
  if (!IsPlainBeside(user) || (!place.name.empty() && place.name != user)) return std::nullopt;
  return Standing{&place, std::move(password), std::move(user)};
}

// What a parameter says as application/x-www-form-urlencoded; as it stands when that is broken.
std::string FormDecoded(std::string_view raw) {
  std::string spaced(raw);
  std::ranges::replace(spaced, '+', ' ');
  return PercentDecode(spaced).value_or(std::string(raw));
}

std::string MediaTypeOf(const UpstreamRequest& request) {
  const auto it = std::ranges::find(request.headers, "content-type", &Header::name);
  if (it == request.headers.end()) return "";
  std::string type = ToLower(it->value.substr(0, it->value.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  return type;
}

std::size_t Count(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + what.size()))
    ++count;
  return count;
}

// Takes one credential out of one request.
class Taker {
 public:
  Taker(UpstreamRequest& request, std::string_view session, std::span<const CredentialPlace> places,
        const PhantomTable& phantoms, const LoginPass& pass)
      : request_(request), session_(session), places_(places), phantoms_(phantoms), pass_(pass) {}

  Result<std::optional<OwnLogin>> Take() {
    request_.credential.reset();
    ILK_TRY_VOID(TakeFromHeaders());
    for (const CredentialPlace& place : places_) {
      if (IsSeenBefore(place)) continue;
      if (place.stand == CredentialStand::query) ILK_TRY_VOID(TakeFromQuery(place));
      if (place.stand == CredentialStand::form) ILK_TRY_VOID(TakeFromForm(place));
      if (place.stand == CredentialStand::json) ILK_TRY_VOID(TakeFromJson(place));
    }
    if (const auto where = PlaceWithPhantom())
      return Fail(Code::denied, "a phantom token stands, or could stand unseen, in " + *where +
                                    ", where this provider takes no credential");
    if (login_ && !login_->token) return Fail(Code::denied, "the login is over");
    ILK_TRY_VOID(CheckMark());
    return std::move(login_);
  }

 private:
  // Two kinds of credential may stand in one place; it is looked at once.
  bool IsSeenBefore(const CredentialPlace& place) const {
    for (const CredentialPlace& other : places_) {
      if (&other == &place) return false;
      if (other.stand == place.stand && other.name == place.name) return true;
    }
    return false;
  }

  Result<void> TakeFromHeaders() {
    std::vector<Header> headers = std::move(request_.headers);
    request_.headers.clear();
    for (Header& header : headers) {
      if (!IsPlaceHeader(header.name, places_)) {
        request_.headers.push_back(std::move(header));
        continue;
      }
      if (!header.value.empty()) ILK_TRY_VOID(TakeFromHeader(header));
    }
    return {};
  }

  Result<void> TakeFromHeader(const Header& header) {
    const std::string where = "header " + header.name;
    for (Standing& standing : StandingIn(header, places_)) {
      if (IsLoginAt(*standing.place, places_, standing.token, pass_)) {
        ILK_TRY_VOID(CheckFirst(where));
        login_ = OwnLogin{standing.place->header, standing.place->prefix,
                          pass_.logins->PassingTo(pass_.host, standing.token)};
        return {};
      }
      if (!OwnerOf(standing.token)) continue;
      return Put(where, *standing.place, standing.token, std::move(standing.beside));
    }
    return SomethingElse(where);
  }

  Result<void> TakeFromQuery(const CredentialPlace& place) {
    const std::size_t mark = request_.target.find('?');
    if (mark == std::string::npos) return {};
    std::string query = request_.target.substr(mark + 1);
    ILK_TRY(taken, TakeFromParameters(place, query, "query " + place.name));
    if (taken) request_.target = request_.target.substr(0, mark + 1) + query;
    return {};
  }

  Result<void> TakeFromForm(const CredentialPlace& place) {
    if (MediaTypeOf(request_) != "application/x-www-form-urlencoded") return {};
    ILK_TRY(taken, TakeFromParameters(place, request_.body, "body parameter " + place.name));
    (void)taken;
    return {};
  }

  // Whether one was taken: kCredentialMark stands in its place then.
  Result<bool> TakeFromParameters(const CredentialPlace& place, std::string& text,
                                  const std::string& where) {
    std::string out;
    bool taken = false;
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = std::min(text.find('&', at), text.size());
      const std::string_view pair = std::string_view(text).substr(at, end - at);
      const std::size_t equals = std::min(pair.find('='), pair.size());
      const std::string_view name = pair.substr(0, equals);
      const std::string_view raw = pair.substr(std::min(equals + 1, pair.size()));
      if (!out.empty() || at > 0) out += '&';
      if (raw.empty() || FormDecoded(name) != place.name) {
        out += pair;
      } else {
        const std::string token = FormDecoded(raw);
        if (!OwnerOf(token)) return std::unexpected(SomethingElse(where).error());
        ILK_TRY_VOID(Put(where, place, token, place.name));
        out.append(name).append("=").append(kCredentialMark);
        taken = true;
      }
      at = end + 1;
    }
    if (taken) text = std::move(out);
    return taken;
  }

  Result<void> TakeFromJson(const CredentialPlace& place) {
    if (MediaTypeOf(request_) != "application/json" || request_.body.empty()) return {};
    auto body = ParseJson(request_.body);
    if (!body) return {};  // nothing reads it as JSON: a phantom in it is found below
    json::value* at = &*body;
    for (std::string_view rest = place.name; at != nullptr;) {
      const std::size_t dot = std::min(rest.find('.'), rest.size());
      json::object* object = at->if_object();
      at = object == nullptr ? nullptr : object->if_contains(rest.substr(0, dot));
      if (dot == rest.size()) break;
      rest.remove_prefix(dot + 1);
    }
    if (at == nullptr || at->is_null()) return {};
    const std::string where = "body member " + place.name;
    const json::string* text = at->if_string();
    if (text == nullptr) return SomethingElse(where);
    if (text->empty()) return {};
    const std::string token(*text);
    if (!OwnerOf(token)) return SomethingElse(where);
    ILK_TRY_VOID(Put(where, place, token, place.name));
    *at = json::string(kCredentialMark);
    request_.body = Canonical(*body);
    return {};
  }

  std::optional<PhantomOwner> OwnerOf(std::string_view token) const {
    auto owner = phantoms_.Find(token);
    if (owner && (owner->session != session_ || owner->ended)) owner.reset();
    return owner;
  }

  Result<void> Put(const std::string& where, const CredentialPlace& place, std::string_view token,
                   std::string name) {
    ILK_TRY_VOID(CheckFirst(where));
    // The other half of Basic goes out as it is.
    if (HoldsPhantom(name)) return SomethingElse(where);
    const auto owner = OwnerOf(token);
    request_.credential = CredentialRef{owner->entry, owner->version, place.header,
                                        place.prefix, place.stand,    std::move(name)};
    return {};
  }

  Result<void> CheckFirst(const std::string& where) const {
    if (!request_.credential && !login_) return {};
    return Fail(Code::denied, where + ": is a second credential of the request");
  }
  static Result<void> SomethingElse(const std::string& where) {
    return Fail(Code::denied, where + ": holds something else than this session's credential");
  }

  // What can't be looked into completely may hold one.
  bool HoldsPhantom(std::string_view text) const {
    bool found = false;
    const bool complete = VisitReadings(text, [&](std::string_view reading) {
      if (!found) found = !phantoms_.FindAll(reading).empty();
    });
    return found || !complete;
  }

  std::optional<std::string> PlaceWithPhantom() const {
    if (HoldsPhantom(request_.target)) return "the target";
    for (const Header& header : request_.headers) {
      if (HoldsPhantom(header.value) || HoldsPhantom(header.name)) return "header " + header.name;
    }
    if (HoldsPhantom(request_.body)) return "the body";
    return std::nullopt;
  }

  // The mark says where the value will go: one that the agent wrote would move it.
  Result<void> CheckMark() const {
    const std::size_t marks =
        Count(request_.target, kCredentialMark) + Count(request_.body, kCredentialMark);
    const bool wanted = request_.credential && !IsBasic(request_.credential->stand) &&
                        request_.credential->stand != CredentialStand::header;
    if (marks == (wanted ? 1 : 0)) return {};
    return Fail(Code::denied, "the text " + std::string(kCredentialMark) +
                                  ", with which Interlock marks the place of a credential, stands "
                                  "in the request");
  }

  UpstreamRequest& request_;
  std::string_view session_;
  std::span<const CredentialPlace> places_;
  const PhantomTable& phantoms_;
  const LoginPass& pass_;
  std::optional<OwnLogin> login_;
};

}  // namespace

std::vector<Standing> StandingIn(const Header& header, std::span<const CredentialPlace> places) {
  std::vector<Standing> out;
  if (const CredentialPlace* place = PlaceOf(header, places))
    out.push_back({place, header.value.substr(place->prefix.size()), ""});
  if (!HasPrefix(header.value, kBasic)) return out;
  const auto pair = FromBase64(std::string_view(header.value).substr(kBasic.size()));
  if (!pair) return out;
  for (const CredentialPlace& place : places) {
    if (!IsBasic(place.stand) || place.header != header.name) continue;
    if (auto standing = BasicStanding(place, *pair)) out.push_back(*std::move(standing));
  }
  return out;
}

bool IsPlaceHeader(std::string_view name, std::span<const CredentialPlace> places) {
  return std::ranges::any_of(places, [&](const auto& place) { return place.header == name; });
}

bool IsLoginAt(const CredentialPlace& found, std::span<const CredentialPlace> places,
               std::string_view token, const LoginPass& pass) {
  if (pass.logins == nullptr || found.stand != CredentialStand::header) return false;
  const bool fits = std::ranges::any_of(places, [&](const CredentialPlace& place) {
    return place.login && place.header == found.header && place.prefix == found.prefix;
  });
  return fits && pass.logins->PassingTo(pass.host, token) != nullptr;
}

Result<std::optional<OwnLogin>> TakeCredential(UpstreamRequest& request, std::string_view session,
                                               std::span<const CredentialPlace> places,
                                               const PhantomTable& phantoms,
                                               const LoginPass& pass) {
  UpstreamRequest taken = request;
  auto login = Taker(taken, session, places, phantoms, pass).Take();
  if (!login) return std::unexpected(login.error());
  request = std::move(taken);
  return login;
}

}  // namespace interlock::credential
