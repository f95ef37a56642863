// What the rest of Interlock asks of a configuration.
#include <algorithm>
#include <set>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "policy/config.h"

namespace interlock::policy {
namespace {

constexpr std::string_view kProduction = "production";

json::array WordsOf(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

template <typename T>
json::array WordsOf(const std::vector<T>& values) {
  json::array out;
  for (const T value : values) out.emplace_back(ToString(value));
  return out;
}

json::object ToJson(const Rule& rule) {
  json::object when;
  when["effect"] = WordsOf(rule.when.effect);
  when["relation"] = WordsOf(rule.when.relation);
  when["environment"] = WordsOf(rule.when.environment);
  if (rule.when.disposable) when["disposable"] = *rule.when.disposable;
  if (rule.when.discloses) when["discloses"] = ToString(*rule.when.discloses);
  when["credential"] = WordsOf(rule.when.credential);
  when["operation"] = WordsOf(rule.when.operation);
  when["provider"] = WordsOf(rule.when.provider);
  when["resource"] = WordsOf(rule.when.resource);
  return {{"name", rule.name},
          {"source", ToString(rule.source)},
          {"then", ToString(rule.then)},
          {"when", std::move(when)}};
}

json::object ToJson(const EnvironmentConfig& environment) {
  return {{"approvals", environment.approvals},
          {"keys", WordsOf(environment.keys)},
          {"recovery", ToString(environment.recovery)},
          {"disposable", environment.disposable}};
}

json::object ToJson(const BreakerConfig& breaker) {
  return {{"effect", WordsOf(breaker.effect)},
          {"within_ms", breaker.within.count()},
          {"count", breaker.count},
          {"then", "halt"}};
}

json::object EnvironmentsJson(const Config& config) {
  json::object out;
  for (const auto& [name, environment] : config.environments) out[name] = ToJson(environment);
  return out;
}

json::array TextsOf(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.push_back(json::string(text));
  return out;
}

json::object ProvidersJson(const Config& config) {
  json::object out;
  for (const auto& [name, provider] : config.providers) {
    json::object mapping;
    for (const auto& [glob, to] : provider.environments) mapping[glob] = to;
    out[name] = {{"environments", std::move(mapping)}, {"hosts", TextsOf(provider.hosts)}};
  }
  return out;
}

json::object SessionsJson(const Config& config) {
  json::object out;
  for (const auto& [name, session] : config.sessions)
    out[name] = {{"environment", session.environment},
                 {"egress", WordsOf(session.egress)},
                 {"hosted_tools", WordsOf(session.hosted_tools)}};
  return out;
}

json::array UpstreamsJson(const Config& config) {
  json::array out;
  for (const UpstreamConfig& upstream : config.gateway.upstreams)
    out.push_back({{"host", upstream.host}, {"connect", upstream.connect}, {"ca", upstream.ca}});
  return out;
}

// Canonical texts in a sorted list: the order of rules decides nothing, so it must not show.
json::array RulesJson(const Config& config, std::span<const Rule> more) {
  std::vector<std::string> texts;
  for (const Rule& rule : config.rules) texts.push_back(Canonical(ToJson(rule)));
  for (const Rule& rule : more) texts.push_back(Canonical(ToJson(rule)));
  std::sort(texts.begin(), texts.end());
  return WordsOf(texts);
}

bool Accepts(const EnvironmentConfig& environment, const EnrolledPerson& person) {
  return std::any_of(person.keys.begin(), person.keys.end(), [&](KeyKind kind) {
    return std::find(environment.keys.begin(), environment.keys.end(), kind) !=
           environment.keys.end();
  });
}

}  // namespace

std::string_view ToString(KeyKind kind) {
  switch (kind) {
    case KeyKind::security_key:
      return "security-key";
    case KeyKind::passkey:
      return "passkey";
    case KeyKind::file:
      return "file";
  }
  return "unknown";
}

std::string_view ToString(RecoveryNeed need) {
  switch (need) {
    case RecoveryNeed::shown:
      return "shown";
    case RecoveryNeed::verified:
      return "verified";
  }
  return "unknown";
}

bool Counts(const BreakerConfig& breaker, Effect effect) {
  const Effect counted = effect == Effect::unknown ? Effect::irreversible : effect;
  return breaker.effect.empty() ||
         std::any_of(breaker.effect.begin(), breaker.effect.end(),
                     [&](Effect named) { return named == effect || named == counted; });
}

Policy MakePolicy(const Config& config, std::span<const Rule> workspace_rules) {
  std::vector<Rule> rules = config.rules;
  rules.insert(rules.end(), workspace_rules.begin(), workspace_rules.end());
  return Policy(std::move(rules));
}

std::string PolicyDigest(const Config& config, std::span<const Rule> workspace_rules) {
  json::array breakers;
  for (const BreakerConfig& breaker : config.breakers) breakers.push_back(ToJson(breaker));
  const json::object policy = {{"version", 1},
                               {"environments", EnvironmentsJson(config)},
                               {"providers", ProvidersJson(config)},
                               {"sessions", SessionsJson(config)},
                               {"upstreams", UpstreamsJson(config)},
                               {"breakers", std::move(breakers)},
                               {"rules", RulesJson(config, workspace_rules)}};
  return crypto::Sha256Hex(Canonical(policy));
}

std::string MapEnvironment(const Config& config, std::string_view provider, std::string_view name) {
  const auto found = config.providers.find(std::string(provider));
  if (found == config.providers.end() || found->second.environments.empty()) {
    const auto same = config.environments.find(std::string(name));
    const bool usable = same != config.environments.end() && !same->second.disposable;
    return usable ? same->first : std::string(kProduction);
  }
  const auto& mapping = found->second.environments;
  if (const auto exact = mapping.find(std::string(name)); exact != mapping.end())
    return exact->second;
  std::string best(kProduction);
  std::size_t best_size = 0;
  for (const auto& [glob, to] : mapping) {
    if (glob.size() < best_size || !GlobMatch(glob, name)) continue;
    const bool disagrees = glob.size() == best_size && to != best;
    best = disagrees ? std::string(kProduction) : to;
    best_size = glob.size();
  }
  return config.environments.contains(best) ? best : std::string(kProduction);
}

bool IsDeclaredDisposable(const Config& config, std::string_view environment) {
  const auto found = config.environments.find(std::string(environment));
  return environment != kProduction && found != config.environments.end() &&
         found->second.disposable;
}

std::vector<QuorumGap> CheckQuorum(const Config& config, std::span<const EnrolledPerson> people) {
  std::vector<QuorumGap> gaps;
  for (const auto& [name, environment] : config.environments) {
    if (environment.disposable) continue;
    std::set<std::string_view> able;
    for (const EnrolledPerson& person : people) {
      if (Accepts(environment, person)) able.insert(person.name);
    }
    const int have = static_cast<int>(able.size());
    if (have < environment.approvals)
      gaps.push_back({name, environment.approvals, have, environment.quorum_is_explicit});
  }
  return gaps;
}

std::string ToString(const QuorumGap& gap) {
  return "environment " + gap.environment + " needs " + std::to_string(gap.needed) +
         (gap.needed == 1 ? " approver" : " approvers") + ", and " + std::to_string(gap.have) +
         (gap.have == 1 ? " enrolled person has" : " enrolled people have") +
         " a key that counts there";
}

}  // namespace interlock::policy
