// What the gateway pays for per new host and per signature.
#include <benchmark/benchmark.h>

#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "crypto/tls_context.h"

namespace interlock::crypto {
namespace {

void MintLeaf(benchmark::State& state) {
  const TimePoint now = SystemClock().Now();
  const auto authority = CertificateAuthority::Create("bench", now);
  for (auto _ : state) benchmark::DoNotOptimize(authority->Mint("backboard.railway.com", now));
}
BENCHMARK(MintLeaf);

void NewServerContext(benchmark::State& state) {
  const TimePoint now = SystemClock().Now();
  const auto authority = CertificateAuthority::Create("bench", now);
  const auto contexts = ServerContexts::Create(*authority, 16);
  int i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize((*contexts)->Get("h" + std::to_string(++i) + ".example", now));
  }
}
BENCHMARK(NewServerContext);

void Sha256OfANode(benchmark::State& state) {
  const std::string left(32, 'l');
  const std::string right(32, 'r');
  for (auto _ : state) benchmark::DoNotOptimize(Sha256Of("\x01", left, right));
}
BENCHMARK(Sha256OfANode);

}  // namespace
}  // namespace interlock::crypto
