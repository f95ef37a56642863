#include "credential/foreign.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/bytes.h"
#include "credential/decoded.h"
#include "credential/detect/standard.h"
#include "credential/shapes.h"

namespace interlock::credential {
namespace {

bool Contains(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// Headers in which credentials travel, whatever the host.
bool IsCredentialHeader(std::string_view name) {
  constexpr std::array<std::string_view, 4> kExact = {"authorization", "proxy-authorization",
                                                      "cookie", "apikey"};
  constexpr std::array<std::string_view, 5> kEnds = {"-token", "-key", "-secret", "-password",
                                                     "-apikey"};
  // Names that end alike and hold nothing that opens anything.
  constexpr std::array<std::string_view, 4> kHarmless = {"idempotency-key", "x-idempotency-key",
                                                         "sec-websocket-key", "surrogate-key"};
  if (Contains(kHarmless, name)) return false;
  return Contains(kExact, name) || name.starts_with("x-auth-") ||
         std::ranges::any_of(kEnds, [&](std::string_view end) { return name.ends_with(end); });
}

bool IsCredentialParameter(std::string_view raw_name) {
  constexpr std::array<std::string_view, 19> kExact = {
      "token",      "key",           "secret",         "password",    "passwd",
      "pwd",        "auth",          "authorization",  "apikey",      "accesstoken",
      "apitoken",   "clientsecret",  "privatetoken",   "signature",   "sig",
      "credential", "xamzsignature", "xamzcredential", "sessiontoken"};
  constexpr std::array<std::string_view, 4> kEnds = {"token", "secret", "apikey", "accesskey"};
  constexpr std::array<std::string_view, 6> kPaging = {
      "pagetoken", "nexttoken", "continuationtoken", "synctoken", "nextpagetoken", "startingtoken"};
  std::string name;
  for (char c : ToLower(PercentDecode(raw_name).value_or(std::string(raw_name)))) {
    if (c != '_' && c != '-' && c != '.') name += c;
  }
  if (Contains(kPaging, name)) return false;
  return Contains(kExact, name) ||
         std::ranges::any_of(kEnds, [&](std::string_view end) { return name.ends_with(end); });
}

// The place with the longest prefix that the header's value begins with.
const CredentialPlace* PlaceOf(const Header& header, std::span<const CredentialPlace> places) {
  const CredentialPlace* best = nullptr;
  for (const CredentialPlace& place : places) {
    if (place.header != header.name || header.value.size() < place.prefix.size()) continue;
    const auto front = std::string_view(header.value).substr(0, place.prefix.size());
    if (!EqualsIgnoreCase(front, place.prefix)) continue;
    if (!best || place.prefix.size() > best->prefix.size()) best = &place;
  }
  return best;
}

bool IsPlaceHeader(std::string_view name, std::span<const CredentialPlace> places) {
  return std::ranges::any_of(places, [&](const auto& place) { return place.header == name; });
}

// "Bearer x" → "x", "x" → "x".
std::string_view WithoutScheme(std::string_view value) {
  const std::size_t space = value.find(' ');
  if (space == std::string_view::npos) return value;
  const std::string_view rest = value.substr(space + 1);
  return rest.empty() ? value : rest;
}

// Whether this is the session's own login where one belongs. Of two places of one form, one for
// keys and one for logins, either counts.
bool IsLoginAt(const CredentialPlace& found, std::span<const CredentialPlace> places,
               std::string_view token, const LoginPass& pass) {
  if (pass.logins == nullptr) return false;
  const bool fits = std::ranges::any_of(places, [&](const CredentialPlace& place) {
    return place.login && place.header == found.header && place.prefix == found.prefix;
  });
  return fits && pass.logins->PassingTo(pass.host, token) != nullptr;
}

class Finder {
 public:
  explicit Finder(const ForeignContext& context) : context_(context) {}

  void LookAtHeader(const Header& header) {
    const std::string place = "header " + header.name;
    if (!header.value.empty()) {
      if (IsPlaceHeader(header.name, context_.places)) {
        const CredentialPlace* found = PlaceOf(header, context_.places);
        const std::size_t prefix = found ? found->prefix.size() : 0;
        const std::string_view token = std::string_view(header.value).substr(prefix);
        if (found && IsLoginAt(*found, context_.places, token, {context_.host, context_.logins}))
          return;
        StandsInPlace(place, token);
      } else if (context_.guard == Guard::guarded && IsCredentialHeader(header.name)) {
        StandsInPlace(place, WithoutScheme(header.value));
      }
    }
    LookAnywhere(place, header.value);
  }

  void LookAtTarget(std::string_view target) {
    const std::size_t question = target.find('?');
    if (question != std::string_view::npos && context_.guard == Guard::guarded) {
      std::string_view query = target.substr(question + 1);
      while (!query.empty()) {
        const std::size_t end = std::min(query.find_first_of("&;"), query.size());
        LookAtParameter(query.substr(0, end));
        query.remove_prefix(std::min(end + 1, query.size()));
      }
    }
    LookAnywhere("target", target);
  }

  // One look at everything together: most requests hold nothing, and places are told apart only in
  // those that may. No encoding goes over the line break between two of them.
  void LookTogether(const RequestView& request) {
    std::string all(request.target);
    for (const Header& header : request.headers) {
      all += '\n';
      all += header.value;
    }
    all += '\n';
    all += request.body;
    bool may_find = false;
    const bool complete = VisitReadings(
        all, [&](std::string_view reading) { may_find = may_find || MayFind(reading); });
    looks_closely_ = may_find || !complete;
  }

  void LookAnywhere(const std::string& place, std::string_view text) {
    if (!looks_closely_) return;
    const bool complete =
        VisitReadings(text, [&](std::string_view reading) { LookAtReading(place, reading); });
    if (!complete)
      Add({place, "too many encodings to look into", Fingerprint(text), "", Certainty::known});
  }

  std::vector<Finding> Take() { return std::move(findings_); }

 private:
  bool IsOwn(std::string_view token) const {
    const auto owner = context_.phantoms.Find(token);
    return owner && owner->session == context_.session && !owner->ended;
  }

  static std::string KindOr(std::string_view unknown, std::string_view token) {
    const Rule* rule = KindOfToken(StandardDetector(), token);
    return rule != nullptr ? NameOf(*rule) : std::string(unknown);
  }

  void StandsInPlace(const std::string& place, std::string_view token) {
    if (IsOwn(token)) return;
    Add({place, KindOr("unrecognised", token), Fingerprint(token), "", Certainty::place});
  }

  void LookAtParameter(std::string_view parameter) {
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos || equals + 1 == parameter.size()) return;
    const std::string_view name = parameter.substr(0, equals);
    if (!IsCredentialParameter(name)) return;
    const std::string_view raw = parameter.substr(equals + 1);
    StandsInPlace("query " + EscapeForHumans(name, 64),
                  PercentDecode(raw).value_or(std::string(raw)));
  }

  void LookAtReading(const std::string& place, std::string_view text) {
    for (const TokenMatch& match : context_.vault.Find(text)) {
      Add({place, std::string(match.label), Fingerprint(text.substr(match.offset, match.size)), "",
           Certainty::known});
    }
    for (const TokenMatch& match : context_.workspace.Find(text)) {
      const std::string_view token = text.substr(match.offset, match.size);
      if (IsOwn(token)) continue;
      Add({place, KindOr("token from the workspace", token), Fingerprint(token),
           std::string(match.label), Certainty::known});
    }
    if (context_.logins != nullptr) {
      // The index is kept while its labels are looked at.
      const auto logins = context_.logins->Index();
      for (const TokenMatch& match : logins->Find(text)) {
        Add({place, std::string(match.label), Fingerprint(text.substr(match.offset, match.size)),
             "", Certainty::known});
      }
    }
    for (const PhantomSeen& seen : context_.phantoms.FindAll(text)) {
      if (seen.owner.session == context_.session && !seen.owner.ended) continue;
      Add({place, "phantom of another session", Fingerprint(text.substr(seen.offset, seen.size)),
           "", Certainty::known});
    }
    const Detections detections = StandardDetector().Find(text, Look::formats);
    for (const Detection& detection : detections.found) {
      const std::string_view token = text.substr(detection.offset, detection.size);
      if (IsOwn(token)) continue;
      Add({place, NameOf(*detection.rule), Fingerprint(token), "", Certainty::shape});
    }
    if (!detections.complete)
      Add({place, "more credentials than are counted", Fingerprint(text), "", Certainty::known});
  }

  // Whether a look at each place could find anything, without saying what.
  bool MayFind(std::string_view text) const {
    const auto foreign = [&](const auto& matches) {
      return std::ranges::any_of(matches, [&](const TokenMatch& match) {
        return !IsOwn(text.substr(match.offset, match.size));
      });
    };
    if (!context_.vault.Find(text).empty() || foreign(context_.workspace.Find(text))) return true;
    if (context_.logins != nullptr && !context_.logins->Index()->Find(text).empty()) return true;
    for (const PhantomSeen& seen : context_.phantoms.FindAll(text)) {
      if (seen.owner.session != context_.session || seen.owner.ended) return true;
    }
    if (!StandardDetector().MayHold(text, Look::formats)) return false;
    const Detections detections = StandardDetector().Find(text, Look::formats);
    return !detections.complete ||
           std::ranges::any_of(detections.found, [&](const Detection& detection) {
             return !IsOwn(text.substr(detection.offset, detection.size));
           });
  }

  // One finding per token and place, with the most that is known about it.
  void Add(Finding finding) {
    for (Finding& other : findings_) {
      if (other.fingerprint != finding.fingerprint) continue;
      // "query token" says more than the "target" it is part of.
      const bool same = other.place == finding.place ||
                        (finding.place == "target" && other.place.starts_with("query "));
      if (!same) continue;
      if (finding.certainty < other.certainty) {
        other.certainty = finding.certainty;
        other.kind = std::move(finding.kind);
      }
      if (other.found_at.empty()) other.found_at = std::move(finding.found_at);
      return;
    }
    findings_.push_back(std::move(finding));
  }

  const ForeignContext& context_;
  bool looks_closely_ = true;
  std::vector<Finding> findings_;
};

std::optional<std::string> PlaceWithPhantom(const UpstreamRequest& request,
                                            const PhantomTable& phantoms) {
  // What can't be looked into completely may hold one.
  const auto holds = [&](std::string_view text) {
    bool found = false;
    const bool complete = VisitReadings(text, [&](std::string_view reading) {
      if (!found) found = !phantoms.FindAll(reading).empty();
    });
    return found || !complete;
  };
  if (holds(request.target)) return "the target";
  for (const Header& header : request.headers) {
    if (holds(header.value) || holds(header.name)) return "header " + header.name;
  }
  if (holds(request.body)) return "the body";
  return std::nullopt;
}

}  // namespace

std::vector<Finding> FindForeign(const RequestView& request, const ForeignContext& context) {
  Finder finder(context);
  finder.LookTogether(request);
  for (const Header& header : request.headers) finder.LookAtHeader(header);
  finder.LookAtTarget(request.target);
  finder.LookAnywhere("body", request.body);
  return finder.Take();
}

bool IsForeignUse(const Finding& finding, Guard guard) {
  if (guard == Guard::guarded) return true;
  return finding.certainty == Certainty::known && finding.place != "body";
}

Result<std::optional<OwnLogin>> TakeCredential(UpstreamRequest& request, std::string_view session,
                                               std::span<const CredentialPlace> places,
                                               const PhantomTable& phantoms,
                                               const LoginPass& pass) {
  std::optional<OwnLogin> login;
  UpstreamRequest taken = request;
  taken.headers.clear();
  taken.credential.reset();
  for (const Header& header : request.headers) {
    if (!IsPlaceHeader(header.name, places)) {
      taken.headers.push_back(header);
      continue;
    }
    if (header.value.empty()) continue;
    const CredentialPlace* place = PlaceOf(header, places);
    const auto token =
        std::string_view(header.value).substr(place ? place->prefix.size() : header.value.size());
    if (place && IsLoginAt(*place, places, token, pass)) {
      if (login || taken.credential)
        return Fail(Code::denied,
                    "header " + header.name + ": is a second credential of the request");
      login = OwnLogin{place->header, place->prefix, pass.logins->PassingTo(pass.host, token)};
      continue;
    }
    const auto owner = phantoms.Find(token);
    if (!owner || owner->session != session || owner->ended)
      return Fail(Code::denied, "header " + header.name +
                                    ": holds something else than this session's credential");
    if (taken.credential || login)
      return Fail(Code::denied,
                  "header " + header.name + ": is a second credential of the request");
    taken.credential = CredentialRef{owner->entry, owner->version, place->header, place->prefix};
  }
  if (const auto where = PlaceWithPhantom(taken, phantoms))
    return Fail(Code::denied, "a phantom token stands, or could stand unseen, in " + *where +
                                  ", where this provider takes no credential");
  if (login && !login->token) return Fail(Code::denied, "the login is over");
  request = std::move(taken);
  return login;
}

}  // namespace interlock::credential
