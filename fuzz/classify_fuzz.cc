// For any body bytes sent to a GraphQL endpoint: the answer is an Action or a refusal; it is a read
// or reversible only if the body is one JSON object that holds one document; a read changes
// nothing, so every mutation in it is one that the pack calls a read; and what would be sent, read
// again, is the same Action. The first byte picks the host, so that REST bodies are tried too.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.h"
#include "classify/classify.h"

namespace {

using namespace interlock;
using namespace interlock::classify;

constexpr std::string_view kPack = R"(pack: p
apis:
  - hosts: [g.example]
    forward: [accept]
    lists: { risky: ["*SECRET*"] }
    graphql:
      paths: [/g]
      discloses: [{ field: secret }, { field: config, argument: open }]
      queries: [{ targets: { "id?": thing }, names: [me, thing] }]
      mutations:
        rename: { effect: reversible, because: renames, targets: { id: thing }, arguments: [id, name] }
        remove: { effect: irreversible, because: removes, targets: { "id@in": thing } }
        patch:
          effect: unknown
          because: patches
          targets: { "patch.{key}?": thing }
          cases:
            - { when: [{ path: patch, only: ["*.v"] }], effect: reversible, because: sets, instead: shape }
            - { when: [{ path: patch, holds_null: true }], effect: unknown, because: clears }
            - { when: [{ path: patch, holds_key: risky }], effect: unknown, because: secret }
  - hosts: [r.example]
    rest: [{ route: POST /g, effect: reversible, because: writes }]
)";

const Packs& ThePacks() {
  static const Packs* const kPacks = [] {
    auto* packs = new Packs;
    auto pack = ParsePack(kPack, "pack.yaml");
    if (!pack || !packs->Add(*std::move(pack))) std::abort();
    return packs;
  }();
  return *kPacks;
}

Classified Ask(std::string_view host, std::string_view body) {
  const http1::Field type{"content-type", "application/json"};
  return Classify(ThePacks(), {"https", host, 443, "POST", "/g", std::span(&type, 1), body});
}

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool graphql = data[0] != 'r';
  const std::string_view host = graphql ? "g.example" : "r.example";
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Classified classified = Ask(host, body);
  const Action* action = std::get_if<Action>(&classified);
  if (!action) return 0;
  Require(!action->operations.empty());
  if (action->effect < Effect::irreversible && graphql) {
    const auto value = ParseJson(body);
    Require(value && value->is_object() && !FindString(value->get_object(), "query").empty());
  }
  if (graphql) {
    const Classified again = Ask(host, action->request.body);
    Require(std::holds_alternative<Action>(again) && std::get<Action>(again) == *action);
  }
  return 0;
}
