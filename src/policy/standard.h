// What holds where no file says anything, as one would write it. Private to this folder.
#pragma once

#include <string_view>

namespace interlock::policy {

inline constexpr std::string_view kStandardConfig = R"(version: 1
gateway:
  proxy: 127.0.0.1:7442
  console: { listen: 127.0.0.1:7443, origin: "http://localhost:7443" }
  limits: { header: 64KiB, inspect: 8MiB, connections: 20000 }
environments:
  production: { approvals: 1, keys: [security-key, passkey, file], recovery: shown }
  staging:    { approvals: 1 }
  scratch:    { disposable: true }
sessions:
  default: { environment: staging, egress: [model-apis, package-registries, railway] }
breakers:
  - { when: { effect: irreversible, within: 10m, count: 3 }, then: halt }
rules:
  - { name: reads,      when: { effect: read, environment: [lent, none] },            then: allow }
  - { name: own-env,    when: { effect: reversible, environment: lent },              then: allow }
  - { name: elsewhere,  when: { effect: [read, reversible], environment: other },     then: hold }
  - { name: for-good,   when: { effect: [irreversible, unknown], disposable: false }, then: hold }
  - { name: scratch,    when: { effect: irreversible, disposable: true },             then: allow }
  - { name: secrets,    when: { discloses: credential },                              then: hold }
  - { name: leaked,     when: { credential: foreign },                                then: deny }
)";

}  // namespace interlock::policy
