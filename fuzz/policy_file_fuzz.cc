// For any bytes at all, read as a configuration and as a workspace's file:
//   - reading ends with a value or with at least one problem, never with an exception;
//   - what was read merges with the standard values to a policy that denies a foreign credential
//   and
//     holds an unknown effect that no rule names;
//   - a workspace's file has no rule that allows, and its rules never loosen the standard policy.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "policy/config.h"

namespace {

using namespace interlock;
using namespace interlock::policy;

void Require(bool claim) {
  if (!claim) std::abort();
}

Action ActionOf(Effect effect) {
  Action action;
  action.provider = "railway";
  action.operation = "a name that no rule has \x01";
  action.effect = effect;
  return action;
}

void CheckPolicy(const Policy& policy) {
  Facts facts;
  facts.relation = Relation::lent;
  facts.environments = {"staging"};
  Require(Decide(policy, ActionOf(Effect::unknown), facts).verdict != Verdict::allow);
  facts.credential = CredentialSeen::foreign;
  Require(Decide(policy, ActionOf(Effect::read), facts).verdict == Verdict::deny);
}

void CheckWorkspace(const std::vector<Rule>& rules) {
  static const Config kConfig = DefaultConfig();
  static const Policy kPolicy = MakePolicy(kConfig);
  const Policy stricter = MakePolicy(kConfig, rules);
  for (const Rule& rule : rules) Require(rule.then != Verdict::allow);
  for (int effect = 0; effect < 4; ++effect) {
    for (int relation = 0; relation < 4; ++relation) {
      Facts facts;
      facts.relation = static_cast<Relation>(relation);
      facts.environments = {"production"};
      const Action action = ActionOf(static_cast<Effect>(effect));
      Require(Decide(stricter, action, facts).verdict >= Decide(kPolicy, action, facts).verdict);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = ReadConfig(text, "interlock.yaml", RuleSource::system);
  if (file) {
    const std::vector<ConfigFile> files{*file};
    if (const auto config = Merge(files)) {
      Require(config->environments.contains("production"));
      Require(config->sessions.contains("default"));
      Require(PolicyDigest(*config).size() == 64);
      CheckPolicy(MakePolicy(*config));
    } else {
      Require(!config.error().empty());
    }
  } else {
    Require(!file.error().empty());
  }
  if (const auto rules = LoadWorkspaceFile(text, "interlock.yaml", DefaultConfig()))
    CheckWorkspace(*rules);
  return 0;
}
