#include "gateway/grant_desk.h"

#include <algorithm>

#include "base/bytes.h"
#include "gateway/record.h"

namespace interlock::gateway {
namespace {

constexpr std::string_view kProduction = "production";

bool IsGuarded(const Core& core, const std::string& host) {
  return core.packs.Find(host) != nullptr || core.settings()->routes->Names(host);
}

bool MayStayOpen(const Core& core, const GrantTerms& terms) {
  return terms.protocol != GrantProtocol::unseen_tcp || !IsGuarded(core, terms.host);
}

Result<void> CheckMayOpen(const Core& core, const GrantTerms& terms) {
  if (MayStayOpen(core, terms)) return {};
  return Fail(Code::denied,
              terms.host +
                  " is guarded (a pack or `upstreams` names it): what goes there is "
                  "always judged, so bytes can't pass unseen; --protocol http opens it "
                  "to judged requests");
}

Result<std::shared_ptr<Session>> RunningSession(const Core& core, const std::string& id) {
  auto session = core.sessions.ById(id);
  if (session != nullptr && !session->ended) return session;
  std::string running;
  for (const auto& each : core.sessions.All()) running += (running.empty() ? "" : ", ") + each->id;
  return Fail(Code::not_found, "no session \"" + EscapeForHumans(id, 60) + "\" is running" +
                                   (running.empty() ? "" : " (running: " + running + ")"));
}

// What a human is shown: nothing was observed at any provider, the gateway knows this itself.
Scope ScopeOf(const GrantTerms& terms, const Session& session) {
  Scope scope;
  const bool tcp = terms.protocol == GrantProtocol::unseen_tcp;
  scope.names = {PlaceOf(terms)};
  scope.where.push_back({"the room of " + session.id + " may reach " + PlaceOf(terms) +
                             (terms.port == 0 ? " (ports 80 and 443)" : "") + " by " +
                             std::string(ToString(terms.protocol)),
                         "this grant"});
  if (tcp)
    scope.loss.push_back(
        {"what passes can't be judged, held, searched for credentials or brought "
         "back",
         "no protocol is read"});
  return scope;
}

std::string BeliefOf(const GrantTerms& terms) {
  if (terms.protocol != GrantProtocol::unseen_tcp) return "";
  return "whoever runs " + terms.host +
         " gets what the agent sends, and the agent gets what they answer; so does whatever else "
         "is "
         "served at the same address, such as every site of a shared edge network";
}

json::object TermsJson(const GrantTerms& terms) {
  return {{"session", terms.session},
          {"host", terms.host},
          {"port", terms.port},
          {"protocol", ToString(terms.protocol)}};
}

// An end stands whether or not it can be recorded: the gateway that can't record sends nothing
// anyway.
void RecordEnd(Core& core, const GrantSeen& grant, std::string_view why) {
  json::object fields = TermsJson(grant.terms);
  fields["grant"] = grant.id;
  fields["why"] = why;
  fields["passed"] = grant.passed;
  fields["bytes_to"] = grant.bytes_to;
  fields["bytes_from"] = grant.bytes_from;
  (void)core.ledger.AppendDurable(Entry("grant-end", core.clock.Now(), std::move(fields)));
}

}  // namespace

Result<Placed> AskForGrant(Core& core, const json::object& request, std::string_view asked_by) {
  ILK_TRY(terms, ReadGrantTerms(request));
  ILK_TRY(session, RunningSession(core, terms.session));
  ILK_TRY_VOID(CheckMayOpen(core, terms));
  if (session->holds >= Session::kHoldsMax)
    return Fail(Code::limit, "more was asked for " + session->id + " than humans can be asked");
  const auto settings = core.settings();
  HoldOrder order;
  order.action = GrantAction(terms);
  order.scope = ScopeOf(terms, *session);
  order.decision = {Verdict::hold, "grant",
                    "what the configuration's egress doesn't name is opened by a signature alone"};
  order.session = {session->id, "user " + std::string(asked_by) + ", outside the room",
                   session->agent, session->workspace, session->environment};
  order.belief = BeliefOf(terms);
  order.policy_digest = settings->policy_digest;
  order.approvals_required = settings->config.environments.at(std::string(kProduction)).approvals;
  order.recovery = {
      approval::RecoveryVerdict::none,
      "`interlock grant --revoke` closes it at any time; what has passed stays passed",
      {}};
  ILK_TRY(placed, core.desk.Place(order));
  if (placed.is_new) ++session->holds;
  return placed;
}

Result<std::string> OpenGrant(Core& core, const HoldDesk::Loaded& hold) {
  ILK_TRY(terms, GrantTermsOf(hold.action));
  ILK_TRY(session, RunningSession(core, terms.session));
  if (hold.record.session != session->id)
    return Fail(Code::verification, "the grant is for another session than the hold");
  ILK_TRY_VOID(CheckMayOpen(core, terms));
  const GrantTime now = GrantNow(core.clock);
  const TimePoint until = now.wall + terms.lasts;
  json::object fields = TermsJson(terms);
  fields["grant"] = hold.record.id;
  fields["digest"] = hold.record.digest;
  fields["until"] = FormatTime(until);
  ILK_TRY(index, core.ledger.AppendDurable(Entry("grant", now.wall, std::move(fields))));
  (void)index;
  if (const auto opened = session->grants.Open(hold.record.id, terms, until, now); !opened) {
    RecordEnd(core, {hold.record.id, terms, until, 0, 0, 0, 0}, "not opened");
    return std::unexpected(opened.error());
  }
  return PlaceOf(terms) + " is open to " + session->id + " (" +
         std::string(ToString(terms.protocol)) + ") until " + FormatTime(until);
}

Result<json::object> RevokeGrant(Core& core, std::string_view id) {
  for (const auto& session : core.sessions.All()) {
    for (const GrantSeen& grant : session->grants.End(id)) {
      RecordEnd(core, grant, "revoked");
      json::object out = TermsJson(grant.terms);
      out["grant"] = grant.id;
      out["state"] = "revoked";
      return out;
    }
  }
  return Fail(Code::not_found, "no grant \"" + EscapeForHumans(id, 60) +
                                   "\" is open; interlock status lists those that are");
}

bool HasDueGrants(const Core& core) {
  const GrantTime now = GrantNow(core.clock);
  const auto no_longer = [&core](const GrantTerms& terms) { return !MayStayOpen(core, terms); };
  return std::ranges::any_of(core.sessions.All(), [&](const auto& session) {
    return session->grants.IsDue(now, no_longer);
  });
}

std::vector<GrantSeen> EndDueGrants(Core& core) {
  const GrantTime now = GrantNow(core.clock);
  const auto no_longer = [&core](const GrantTerms& terms) { return !MayStayOpen(core, terms); };
  std::vector<GrantSeen> ended;
  for (const auto& session : core.sessions.All()) {
    for (GrantSeen& grant : session->grants.EndDue(now, no_longer))
      ended.push_back(std::move(grant));
  }
  return ended;
}

void RecordEndsOfDue(Core& core, const std::vector<GrantSeen>& ended) {
  for (const GrantSeen& grant : ended)
    RecordEnd(core, grant, MayStayOpen(core, grant.terms) ? "expired" : "the host is guarded now");
}

void EndGrantsOf(Core& core, Session& session) {
  for (const GrantSeen& grant : session.grants.EndAll()) RecordEnd(core, grant, "session-end");
}

json::array GrantsJson(const Session& session) {
  json::array out;
  for (const GrantSeen& grant : session.grants.Seen()) {
    json::object one = TermsJson(grant.terms);
    one.erase("session");
    one["grant"] = grant.id;
    one["until"] = FormatTime(grant.until);
    one["connections"] = grant.connections;
    one["passed"] = grant.passed;
    one["bytes_to"] = grant.bytes_to;
    one["bytes_from"] = grant.bytes_from;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace interlock::gateway
