// How long a request waits for its judgement.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/json.h"
#include "classify/classify.h"

namespace interlock::classify {
namespace {

const Packs& ProjectPacks() {
  static const Packs* const kPacks = [] {
    auto* packs = new Packs;
    for (const char* name : {"/railway", "/model-apis"}) {
      auto pack = LoadPack(std::string(ILK_PACKS_DIR) + name);
      if (!pack || !packs->Add(*std::move(pack))) {
        std::fprintf(stderr, "a pack can't be read: %s\n", name);
        std::exit(1);
      }
    }
    return packs;
  }();
  return *kPacks;
}

void Run(benchmark::State& state, const std::string& body) {
  const Packs& packs = ProjectPacks();
  const std::vector<http1::Field> fields = {{"content-type", "application/json"},
                                            {"authorization", "Bearer x"},
                                            {"user-agent", "CLI 5.43.1"},
                                            {"x-source", "CLI 5.43.1"},
                                            {"accept", "*/*"}};
  for (auto _ : state) {
    Classified classified = Classify(
        packs, {"https", "backboard.railway.com", 443, "POST", "/graphql/v2", fields, body});
    if (!std::holds_alternative<Action>(classified)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(classified);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}

void ShortMutation(benchmark::State& state) {
  Run(state,
      R"({"query":"mutation { volumeDelete(volumeId: \"3d2c42fb-0000-4000-8000-000000000001\") }"})");
}
BENCHMARK(ShortMutation);

// 300 bytes: what Railway's own command line sends for a typical change.
void TypicalMutation(benchmark::State& state) {
  Run(state,
      R"({"query":"mutation VolumeNameUpdate($id: String!, $input: VolumeUpdateInput!) { volumeUpdate(volumeId: $id, input: $input) { id name projectId createdAt } }","variables":{"id":"3d2c42fb-0000-4000-8000-000000000001","input":{"name":"pg-data-of-staging"}},"operationName":"VolumeNameUpdate"})");
}
BENCHMARK(TypicalMutation);

void MutationWithVariables(benchmark::State& state) {
  Run(state,
      R"({"query":"mutation VariableUpsert($projectId: String!, $environmentId: String!, $serviceId: String, $name: String!, $value: String!) { variableUpsert(input: {projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, name: $name, value: $value}) }","variables":{"projectId":"3d2c42fb-0000-4000-8000-000000000001","environmentId":"3d2c42fb-0000-4000-8000-000000000002","name":"LOG_LEVEL","value":"debug"},"operationName":"VariableUpsert"})");
}
BENCHMARK(MutationWithVariables);

void NestedQuery(benchmark::State& state) {
  Run(state,
      R"({"query":"query P($id: String!) { project(id: $id) { id name environments(first: 100) { edges { node { id name isEphemeral } } } volumes(first: 100) { edges { node { id name volumeInstances { edges { node { id environmentId mountPath state } } } } } } } }","variables":{"id":"3d2c42fb-0000-4000-8000-000000000001"}})");
}
BENCHMARK(NestedQuery);

// A conversation of many turns, as an agent sends it with every step.
std::string Conversation(std::size_t bytes_min) {
  std::string body =
      R"({"model":"m","max_tokens":1024,"stream":true,"tools":[)"
      R"({"name":"Bash","description":"runs","input_schema":{"type":"object"}}],"messages":[)";
  const std::string turn =
      R"({"role":"assistant","content":[{"type":"tool_use","id":"t","name":"Bash","input":{"command":"make"}}]},)"
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":")" +
      std::string(2000, 'x') + R"(\nline\twith \"quotes\""}]})";
  while (body.size() < bytes_min) body += turn + ",";
  return body + turn + "]}";
}

void Prompt(benchmark::State& state) {
  const std::string body = Conversation(static_cast<std::size_t>(state.range(0)));
  const std::vector<http1::Field> fields = {{"content-type", "application/json"}};
  for (auto _ : state) {
    Classified classified = Classify(ProjectPacks(), {"https", "api.anthropic.com", 443, "POST",
                                                      "/v1/messages?beta=true", fields, body});
    if (!std::holds_alternative<Action>(classified)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(classified);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(Prompt)->Arg(1 << 16)->Arg(1 << 20);

void LoadRailwayPack(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(LoadPack(std::string(ILK_PACKS_DIR) + "/railway"));
}
BENCHMARK(LoadRailwayPack);

}  // namespace
}  // namespace interlock::classify
