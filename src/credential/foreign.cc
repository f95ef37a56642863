#include "credential/foreign.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/bytes.h"
#include "credential/decoded.h"
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
  constexpr std::array<std::string_view, 5> kHarmless = {
      "idempotency-key", "x-idempotency-key", "sec-websocket-key", "surrogate-key", "x-auth-email"};
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

// "Bearer x" → "x", "x" → "x".
std::string_view WithoutScheme(std::string_view value) {
  const std::size_t space = value.find(' ');
  if (space == std::string_view::npos) return value;
  const std::string_view rest = value.substr(space + 1);
  return rest.empty() ? value : rest;
}

class Finder {
 public:
  explicit Finder(const ForeignContext& context) : context_(context) {}

  void LookAtHeader(const Header& header) {
    const std::string place = "header " + header.name;
    if (!header.value.empty()) {
      if (IsPlaceHeader(header.name, context_.places)) {
        const auto standing = StandingIn(header, context_.places);
        const LoginPass pass{context_.host, context_.logins};
        if (std::ranges::any_of(standing, [&](const Standing& one) {
              return IsLoginAt(*one.place, context_.places, one.token, pass);
            }))
          return;
        if (std::ranges::none_of(standing, [&](const auto& one) { return IsOwn(one.token); }))
          StandsInPlace(place, standing.empty() ? std::string_view(header.value)
                                                : std::string_view(standing.front().token));
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

  void LookAnywhere(const std::string& place, std::string_view text) {
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

  void StandsInPlace(const std::string& place, std::string_view token) {
    if (IsOwn(token)) return;
    const std::string_view kind = KindOf(token);
    Add({place, kind.empty() ? "unrecognised" : std::string(kind), Fingerprint(token), "",
         Certainty::place});
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
      const std::string_view kind = KindOf(token);
      Add({place, kind.empty() ? "token from the workspace" : std::string(kind), Fingerprint(token),
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
    for (const ShapeHit& hit : FindShapes(text)) {
      const std::string_view token = text.substr(hit.offset, hit.size);
      if (IsOwn(token)) continue;
      Add({place, std::string(hit.kind), Fingerprint(token), "", Certainty::shape});
    }
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
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> FindForeign(const RequestView& request, const ForeignContext& context) {
  Finder finder(context);
  for (const Header& header : request.headers) finder.LookAtHeader(header);
  finder.LookAtTarget(request.target);
  finder.LookAnywhere("body", request.body);
  return finder.Take();
}

bool IsForeignUse(const Finding& finding, Guard guard) {
  if (guard == Guard::guarded) return true;
  return finding.certainty == Certainty::known && finding.place != "body";
}

}  // namespace interlock::credential
