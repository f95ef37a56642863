#include "credential/place.h"

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "credential/decoded.h"

namespace interlock::credential {
namespace {

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

bool IsLoginAt(const CredentialPlace& found, std::span<const CredentialPlace> places,
               std::string_view token, const LoginPass& pass) {
  if (pass.logins == nullptr) return false;
  const bool fits = std::ranges::any_of(places, [&](const CredentialPlace& place) {
    return place.login && place.header == found.header && place.prefix == found.prefix;
  });
  return fits && pass.logins->PassingTo(pass.host, token) != nullptr;
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
