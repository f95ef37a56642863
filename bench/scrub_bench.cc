// What it costs to look for every value of a vault in an answer, beside copying it.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "credential/scrub.h"

namespace interlock::credential {
namespace {

std::shared_ptr<const ScrubSet> SetOf(std::int64_t count) {
  std::vector<LiveSecret> secrets;
  for (std::int64_t i = 0; i < count; ++i) {
    std::string value =
        "ghp_" + std::to_string(100'000'000 + i * 7'919) + "aBcDeFgHiJkLmNoPqRsTuVwXyZ0";
    secrets.push_back(
        {"entry" + std::to_string(i), 1, std::make_shared<const Secret>(std::move(value))});
  }
  return std::make_shared<const ScrubSet>(secrets);
}

std::string Json(std::size_t bytes) {
  std::string text = "[\n";
  for (int i = 0; text.size() < bytes; ++i)
    text += "  {\"id\": \"3d2c42fb-77a0-4c1e-9f00-" + std::to_string(100'000'000'000 + i) +
            "\", \"name\": \"service-" + std::to_string(i) +
            "\", \"note\": \"a \\\"quoted\\\" line\\nand another\"},\n";
  return text;
}

void ScrubAnswer(benchmark::State& state) {
  const auto set = SetOf(state.range(0));
  const std::string text = Json(1u << 20);
  for (auto _ : state) {
    Scrubber scrubber(set, [](std::string_view) { return std::string(); });
    for (std::size_t at = 0; at < text.size(); at += 16384)
      benchmark::DoNotOptimize(scrubber.Feed(std::string_view(text).substr(at, 16384)));
    benchmark::DoNotOptimize(scrubber.Finish());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(ScrubAnswer)->Arg(1)->Arg(10)->Arg(100);

void CopyAnswer(benchmark::State& state) {
  const std::string text = Json(1u << 20);
  for (auto _ : state) {
    for (std::size_t at = 0; at < text.size(); at += 16384)
      benchmark::DoNotOptimize(std::string(text, at, 16384));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(CopyAnswer);

void CompileSet(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(SetOf(state.range(0)));
}
BENCHMARK(CompileSet)->Arg(10)->Arg(100);

}  // namespace
}  // namespace interlock::credential
