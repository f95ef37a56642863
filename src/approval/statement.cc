#include "approval/statement.h"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "approval/json_fields.h"
#include "base/bytes.h"

namespace interlock::approval {

namespace {

constexpr std::string_view kStatementType = "https://in-toto.io/Statement/v1";
constexpr std::string_view kSubjectName = "interlock-action";
constexpr std::size_t kStatementBytesMax = 32u << 20;
// The action's own JSON may be as deep as a request may be, plus what stands around it here.
constexpr std::size_t kDepthMax = 96;

constexpr std::array<std::string_view, 3> kRecoveryVerdicts = {"none", "degraded", "verified"};
constexpr std::array<std::string_view, 3> kFindings = {"held", "failed", "unobserved"};

template <typename Enum, std::size_t N>
Enum Choice(FieldReader& reader, const json::object& object, std::string_view key,
            const std::array<std::string_view, N>& names) {
  const std::string_view word = FindString(object, key);
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == word) return static_cast<Enum>(i);
  }
  reader.Say(key);
  return Enum{};
}

std::unexpected<Error> Unreadable(std::string_view what, const FieldReader& reader) {
  return Fail(Code::invalid_input, std::string(what) + ": member '" + reader.fault() +
                                       "' is missing or of the wrong kind");
}

// ---- scope ----

json::array FromObservations(const std::vector<Observation>& observations) {
  json::array out;
  for (const Observation& each : observations) {
    out.push_back(
        json::object{{"what", TextValue(each.what)}, {"knownBy", TextValue(each.known_by)}});
  }
  return out;
}

std::vector<Observation> ReadObservations(FieldReader& reader, const json::object& object,
                                          std::string_view key) {
  std::vector<Observation> out;
  for (const json::value& item : reader.List(object, key)) {
    const json::object& each = reader.AsObject(item, key);
    out.push_back({reader.Text(each, "what"), reader.Text(each, "knownBy")});
  }
  return out;
}

json::object FromEnvironment(const EnvironmentSeen& seen) {
  return {{"id", TextValue(seen.id)},
          {"name", TextValue(seen.name)},
          {"mapped", TextValue(seen.mapped)},
          {"ephemeral", seen.ephemeral},
          {"disposable", seen.disposable}};
}

EnvironmentSeen ReadEnvironment(FieldReader& reader, const json::object& object) {
  return {reader.Text(object, "id"), reader.Text(object, "name"), reader.Text(object, "mapped"),
          reader.Flag(object, "ephemeral"), reader.Flag(object, "disposable")};
}

// Not in the form "provider:type/id": an id may hold any bytes and has to come back the same.
json::object FromResource(const ResourceId& resource) {
  return {{"provider", TextValue(resource.provider)},
          {"type", TextValue(resource.type)},
          {"id", TextValue(resource.id)}};
}

Scope ReadScope(FieldReader& reader, const json::object& object) {
  Scope out;
  for (const json::value& item : reader.List(object, "environments")) {
    out.environments.push_back(ReadEnvironment(reader, reader.AsObject(item, "environments")));
  }
  for (const json::value& item : reader.List(object, "unresolved")) {
    const json::object& each = reader.AsObject(item, "unresolved");
    out.unresolved.push_back(
        {reader.Text(each, "provider"), reader.Text(each, "type"), reader.Text(each, "id")});
  }
  out.unresolved_reason = reader.Text(object, "unresolvedReason");
  out.where = ReadObservations(reader, object, "where");
  out.loss = ReadObservations(reader, object, "loss");
  for (const json::value& item : reader.List(object, "names")) {
    out.names.push_back(reader.AsText(item, "names"));
  }
  return out;
}

// ---- recovery ----

Recovery ReadRecovery(FieldReader& reader, const json::object& object) {
  Recovery out;
  out.verdict = Choice<RecoveryVerdict>(reader, object, "verdict", kRecoveryVerdicts);
  out.summary = reader.Text(object, "summary");
  for (const json::value& item : reader.List(object, "evidence")) {
    const json::object& each = reader.AsObject(item, "evidence");
    out.evidence.push_back({reader.Text(each, "check"),
                            Choice<Finding>(reader, each, "finding", kFindings),
                            reader.Text(each, "what"), reader.Text(each, "knownBy")});
  }
  return out;
}

// ---- predicate ----

json::object FromSession(const SessionInfo& session) {
  return {{"id", TextValue(session.id)},
          {"startedBy", TextValue(session.started_by)},
          {"agent", TextValue(session.agent)},
          {"workspace", TextValue(session.workspace)},
          {"environment", TextValue(session.environment)}};
}

SessionInfo ReadSession(FieldReader& reader, const json::object& object) {
  return {reader.Text(object, "id"), reader.Text(object, "startedBy"), reader.Text(object, "agent"),
          reader.Text(object, "workspace"), reader.Text(object, "environment")};
}

constexpr std::array<std::string_view, 3> kVerdicts = {"allow", "hold", "deny"};

Decision ReadDecision(FieldReader& reader, const json::object& object) {
  return {Choice<Verdict>(reader, object, "verdict", kVerdicts), reader.Text(object, "rule"),
          reader.Text(object, "reason")};
}

json::object Predicate(const Statement& statement) {
  return {{"hold", TextValue(statement.hold)},
          {"action", interlock::ToJson(statement.action)},
          {"scope", ToJson(statement.scope)},
          {"decision", json::object{{"verdict", interlock::ToString(statement.decision.verdict)},
                                    {"rule", TextValue(statement.decision.rule)},
                                    {"reason", TextValue(statement.decision.reason)}}},
          {"recovery", ToJson(statement.recovery)},
          {"session", FromSession(statement.session)},
          {"belief", TextValue(statement.belief)},
          {"nonce", TextValue(statement.nonce)},
          {"created", FormatTime(statement.created)},
          {"expires", FormatTime(statement.expires)},
          {"policyDigest", TextValue(statement.policy_digest)},
          {"checkpoint", TextValue(statement.checkpoint)},
          {"approvalsRequired", std::to_string(statement.approvals_required)}};
}

Result<Statement> ReadPredicate(const json::object& object) {
  FieldReader reader;
  Statement out;
  ILK_TRY(action, ActionFromJson(reader.Object(object, "action")));
  out.action = std::move(action);
  out.hold = reader.Text(object, "hold");
  out.scope = ReadScope(reader, reader.Object(object, "scope"));
  out.decision = ReadDecision(reader, reader.Object(object, "decision"));
  out.recovery = ReadRecovery(reader, reader.Object(object, "recovery"));
  out.session = ReadSession(reader, reader.Object(object, "session"));
  out.belief = reader.Text(object, "belief");
  out.nonce = reader.Text(object, "nonce");
  out.created = reader.Time(object, "created");
  out.expires = reader.Time(object, "expires");
  out.policy_digest = reader.Text(object, "policyDigest");
  out.checkpoint = reader.Text(object, "checkpoint");
  out.approvals_required = reader.Count(object, "approvalsRequired");
  if (!reader.ok()) return Unreadable("statement", reader);
  return out;
}

}  // namespace

std::string_view ToString(RecoveryVerdict verdict) {
  return kRecoveryVerdicts[static_cast<std::size_t>(verdict) % kRecoveryVerdicts.size()];
}

std::string_view ToString(Finding finding) {
  return kFindings[static_cast<std::size_t>(finding) % kFindings.size()];
}

json::object ToJson(const Scope& scope) {
  json::array environments;
  for (const EnvironmentSeen& seen : scope.environments) {
    environments.push_back(FromEnvironment(seen));
  }
  json::array unresolved;
  for (const ResourceId& resource : scope.unresolved) unresolved.push_back(FromResource(resource));
  json::array names;
  for (const std::string& name : scope.names) names.push_back(TextValue(name));
  return {{"environments", std::move(environments)},
          {"unresolved", std::move(unresolved)},
          {"unresolvedReason", TextValue(scope.unresolved_reason)},
          {"where", FromObservations(scope.where)},
          {"loss", FromObservations(scope.loss)},
          {"names", std::move(names)}};
}

Result<Scope> ScopeFromJson(const json::object& object) {
  FieldReader reader;
  Scope scope = ReadScope(reader, object);
  if (!reader.ok()) return Unreadable("scope", reader);
  return scope;
}

json::object ToJson(const Recovery& recovery) {
  json::array evidence;
  for (const Evidence& each : recovery.evidence) {
    evidence.push_back(json::object{{"check", TextValue(each.check)},
                                    {"finding", ToString(each.finding)},
                                    {"what", TextValue(each.what)},
                                    {"knownBy", TextValue(each.known_by)}});
  }
  return {{"verdict", ToString(recovery.verdict)},
          {"summary", TextValue(recovery.summary)},
          {"evidence", std::move(evidence)}};
}

Result<Recovery> RecoveryFromJson(const json::object& object) {
  FieldReader reader;
  Recovery recovery = ReadRecovery(reader, object);
  if (!reader.ok()) return Unreadable("recovery", reader);
  return recovery;
}

std::string StatementJson(const Statement& statement) {
  const json::object subject{{"name", kSubjectName},
                             {"digest", json::object{{"sha256", Digest(statement.action)}}}};
  return Canonical(json::object{{"_type", kStatementType},
                                {"subject", json::array{subject}},
                                {"predicateType", kPredicateType},
                                {"predicate", Predicate(statement)}});
}

Result<Statement> ParseStatement(std::string_view text) {
  if (text.size() > kStatementBytesMax) return Fail(Code::limit, "statement: over 32 MiB");
  ILK_TRY(value, ParseJson(text, {.depth_max = kDepthMax}));
  if (!value.is_object()) return Fail(Code::invalid_input, "statement: not an object");
  const json::object& object = value.get_object();
  if (FindString(object, "_type") != kStatementType ||
      FindString(object, "predicateType") != kPredicateType) {
    return Fail(Code::invalid_input, "statement: not an Interlock approval statement");
  }
  const json::object* const predicate = FindObject(object, "predicate");
  if (predicate == nullptr) return Fail(Code::invalid_input, "statement: no predicate");
  ILK_TRY(statement, ReadPredicate(*predicate));
  // Also settles the subject: its digest is computed from the action on the way out.
  if (StatementJson(statement) != text) {
    return Fail(Code::verification,
                "statement: holds more or other bytes than the statement they stand for");
  }
  return statement;
}

std::string DssePae(std::string_view payload_type, std::string_view body) {
  std::string out = "DSSEv1 " + std::to_string(payload_type.size()) + " ";
  out.append(payload_type).append(" ").append(std::to_string(body.size())).append(" ");
  return out.append(body);
}

std::string Pae(std::string_view statement_json) { return DssePae(kPayloadType, statement_json); }

Result<std::string> StatementJsonFromPae(std::string_view pae) {
  // The body starts behind the fourth blank; building it again checks all that stands before.
  std::size_t at = 0;
  for (int blanks = 0; blanks < 4; ++blanks) {
    at = pae.find(' ', at);
    if (at == std::string_view::npos) return Fail(Code::invalid_input, "PAE: cut short");
    ++at;
  }
  std::string body(pae.substr(at));
  if (Pae(body) != pae) return Fail(Code::invalid_input, "PAE: not of an in-toto statement");
  return body;
}

}  // namespace interlock::approval
