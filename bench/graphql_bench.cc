// The path every GraphQL request takes: parse, select, resolve the root fields.
#include <benchmark/benchmark.h>

#include <string>

#include "lang/graphql/fields.h"
#include "lang/graphql/parser.h"
#include "lang/graphql/print.h"

namespace {

using namespace interlock::graphql;
namespace json = interlock::json;

// About 300 bytes, as command-line clients send them.
constexpr std::string_view kMutation =
    "mutation VolumeInstanceBackupRestore($volumeInstanceId: String!, $volumeInstanceBackupId: "
    "String!, $wipe: [String!]) {\n  volumeInstanceBackupRestore(\n    volumeInstanceId: "
    "$volumeInstanceId\n    volumeInstanceBackupId: $volumeInstanceBackupId\n    wipeServiceIds: "
    "$wipe\n  ) {\n    workflowId\n    __typename\n  }\n}";

void BM_Parse(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Parse(kMutation));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kMutation.size()));
}
BENCHMARK(BM_Parse);

void BM_ParseAndRootFields(benchmark::State& state) {
  const json::object variables{{"volumeInstanceId", "0d7f3c2e-1111-4222-8333-444455556666"},
                               {"volumeInstanceBackupId", "0d7f3c2e-1111-4222-8333-444455557777"}};
  for (auto _ : state) {
    const auto document = Parse(kMutation);
    const auto operation = SelectOperation(*document, "VolumeInstanceBackupRestore");
    benchmark::DoNotOptimize(RootFields(*document, **operation, variables));
  }
}
BENCHMARK(BM_ParseAndRootFields);

void BM_Print(benchmark::State& state) {
  const auto document = Parse(kMutation);
  for (auto _ : state) benchmark::DoNotOptimize(Print(*document, document->operations[0]));
}
BENCHMARK(BM_Print);

void BM_ParseLarge(benchmark::State& state) {
  std::string text = "{";
  for (int i = 0; i < 5000; ++i) text += " f" + std::to_string(i) + "(id: \"x\", n: 12) { id }";
  text += "}";
  for (auto _ : state) benchmark::DoNotOptimize(Parse(text));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}
BENCHMARK(BM_ParseLarge);

}  // namespace
