// Packs for tests: the ones of the project, and small ones written in place.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "classify/classify.h"
#include "classify/packs.h"

namespace interlock::classify {

inline std::string PackDirectory(std::string_view name) {
  return std::string(ILK_SOURCE_DIR) + "/packs/" + std::string(name);
}

// The Railway pack and the model APIs, read once.
inline const Packs& ProjectPacks() {
  static const Packs* const kPacks = [] {
    auto* packs = new Packs;
    for (const std::string_view name : {"railway", "model-apis", "package-registries"}) {
      auto pack = LoadPack(PackDirectory(name));
      EXPECT_TRUE(pack) << pack.error().message;
      if (!pack) continue;
      EXPECT_TRUE(packs->Add(*std::move(pack)));
    }
    return packs;
  }();
  return *kPacks;
}

inline const Api& Railway() { return *ProjectPacks().Find("backboard.railway.com"); }

inline Packs PacksOf(std::string_view text) {
  Packs packs;
  auto pack = ParsePack(text, "pack.yaml");
  EXPECT_TRUE(pack) << pack.error().message;
  if (pack) {
    EXPECT_TRUE(packs.Add(*std::move(pack)));
  }
  return packs;
}

struct TestRequest {
  std::string method = "POST";
  std::string target = "/graphql/v2";
  std::string body = {};
  std::vector<http1::Field> fields = {{"content-type", "application/json"}};
  std::string host = "backboard.railway.com";
};

inline Classified Ask(const TestRequest& request, const Packs& packs = ProjectPacks()) {
  return Classify(packs, {"https", request.host, 443, request.method, request.target,
                          request.fields, request.body});
}

// The name under which a request is refused, or "" when it is judged.
inline std::string RefusalOf(const Classified& classified) {
  const auto* malformed = std::get_if<Malformed>(&classified);
  return malformed ? malformed->name : "";
}

inline std::string EffectOf(const Classified& classified) {
  const auto* action = std::get_if<Action>(&classified);
  return action ? std::string(ToString(action->effect)) : "refused";
}

}  // namespace interlock::classify
