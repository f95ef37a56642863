// Credentials in a request that Interlock did not issue to this session.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"
#include "credential/login.h"
#include "credential/phantom.h"
#include "credential/place.h"
#include "credential/token_index.h"

namespace interlock::credential {

// What is looked at. The values are borrowed for the call.
struct RequestView {
  std::string_view target;
  std::span<const Header> headers;  // names in lower case
  std::string_view body;
};

// Guarded is a host that a pack or `upstreams` names.
enum class Guard { guarded, unguarded };

// How sure a finding is.
enum class Certainty {
  known,  // a value of the vault, a token found in the workspace, another session's phantom
  shape,  // a well-known provider prefix
  place,  // it stands where credentials stand
};

struct Finding {
  std::string place;        // "header project-access-token", "query token", "target", "body"
  std::string kind;         // "github token", "vault entry staging", "unrecognised"
  std::string fingerprint;  // of the token, never the value
  std::string found_at;     // "scripts/domains.ts:14" when the workspace scan knows it, else ""
  Certainty certainty = Certainty::place;
  bool operator==(const Finding&) const = default;
};

struct ForeignContext {
  std::string_view session;
  Guard guard = Guard::guarded;
  std::span<const CredentialPlace> places;
  const PhantomTable& phantoms;
  const TokenIndex& vault;      // Vault::Index
  const TokenIndex& workspace;  // ScanReport::index
  std::string_view host = {};   // where the request goes, for `logins`
  const Logins* logins = nullptr;
};

// Empty: nothing foreign was found. Looks into every encoding of VisitReadings; a text with too
// many of them is itself a finding. The session's own phantoms are never findings: TakeCredential
// judges where they stand.
std::vector<Finding> FindForeign(const RequestView& request, const ForeignContext& context);

// Whether a finding is a reason to refuse. Towards a guarded host every one is. Elsewhere a known
// token in a header or in the target is; a body is not judged, since it may be the very file that
// the agent was asked to read, on its way to a model.
bool IsForeignUse(const Finding& finding, Guard guard);

}  // namespace interlock::credential
