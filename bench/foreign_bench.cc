// What a request costs on its way to a provider: the look for foreign credentials, and taking the
// session's own.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "credential/foreign.h"

namespace interlock::credential {
namespace {

struct World {
  World() {
    entry.name = "staging";
    entry.version = 1;
    phantom = phantoms.Issue("s-1", entry, real);
    vault.Add(real.Reveal(), "vault entry staging");
    workspace.Add("0b9e5d51-7a6f-4a6e-8f6c-3d2f1e0c9b8a", "scripts/domains.ts:14");
    headers = {{"accept", "application/json"},
               {"authorization", "Bearer " + phantom},
               {"content-type", "application/json"},
               {"user-agent", "railway-cli/4.5.3 (linux; x86_64)"}};
    body =
        R"({"query":"query project($id: String!) { project(id: $id) { name } }","variables":{"id":")";
    while (body.size() < 3800) body += "a description of the service in words, number 17, ";
    body += "\"}}";
  }
  VaultEntry entry;
  Secret real{std::string("7c1f9f0e-2b6d-4d7e-9a1c-5a2b8d3e4f60")};
  PhantomTable phantoms{Secret(std::string("key"))};
  TokenIndex vault;
  TokenIndex workspace;
  std::string phantom;
  std::vector<Header> headers;
  std::string body;
  std::vector<CredentialPlace> places = {{"authorization", "Bearer "}};
};

void FindInFourKib(benchmark::State& state) {
  const World world;
  const ForeignContext context{.session = "s-1",
                               .places = world.places,
                               .phantoms = world.phantoms,
                               .vault = world.vault,
                               .workspace = world.workspace};
  for (auto _ : state) {
    auto found = FindForeign({"/graphql/v2", world.headers, world.body}, context);
    if (!found.empty()) state.SkipWithError("the own credential is no foreign one");
    benchmark::DoNotOptimize(found);
  }
}
BENCHMARK(FindInFourKib);

}  // namespace
}  // namespace interlock::credential
