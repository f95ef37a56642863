// How long a decision takes. The aim is a microsecond with a hundred rules.
#include <benchmark/benchmark.h>

#include "policy/config.h"

namespace {

using namespace interlock;
using namespace interlock::policy;

// The standard rules and 100 more that look at names: none of them is excluded by effect alone.
Policy ManyRules() {
  std::vector<Rule> rules = DefaultRules();
  for (int i = 0; i < 100; ++i) {
    Rule rule;
    rule.name = "rule-" + std::to_string(i);
    rule.when.operation = {i % 2 == 0 ? "github.*Delete" + std::to_string(i)
                                      : "railway.volume" + std::to_string(i)};
    if (i % 3 == 0) rule.when.environment = {"production"};
    rule.then = i % 5 == 0 ? Verdict::deny : Verdict::hold;
    rules.push_back(std::move(rule));
  }
  return Policy(std::move(rules));
}

Action ActionOf(Effect effect) {
  Action action;
  action.provider = "railway";
  action.operations.push_back({.name = "railway.volumeDelete",
                               .effect = effect,
                               .discloses = Disclosure::none,
                               .targets = {{"railway", "volume", "3d2c42fb"}},
                               .because = {},
                               .arguments = {}});
  Summarize(action);
  return action;
}

void DecideAmongManyRules(benchmark::State& state) {
  const Policy policy = ManyRules();
  const Action action = ActionOf(static_cast<Effect>(state.range(0)));
  Facts facts;
  facts.relation = Relation::lent;
  facts.environments = {"staging"};
  facts.credential = CredentialSeen::phantom;
  for (auto _ : state) benchmark::DoNotOptimize(Decide(policy, action, facts));
}
BENCHMARK(DecideAmongManyRules)->Arg(0)->Arg(1)->Arg(2);

void CompilePolicy(benchmark::State& state) {
  const std::vector<Rule> rules = ManyRules().rules();
  for (auto _ : state) benchmark::DoNotOptimize(Policy(rules));
}
BENCHMARK(CompilePolicy);

void LoadStandardConfig(benchmark::State& state) {
  for (auto _ : state) {
    std::vector<ConfigFile> files{
        *ReadConfig("rules:\n  - { name: a, then: hold }\n", "f", RuleSource::user)};
    benchmark::DoNotOptimize(Merge(files));
  }
}
BENCHMARK(LoadStandardConfig);

}  // namespace
