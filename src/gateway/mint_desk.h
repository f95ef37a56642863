// Narrower credentials that were minted for sessions: asked for, remembered, and taken back.
//
// What is outstanding stands in STATE/minted (no secrets) before it is asked for, so that a crash
// at any moment leaves no token behind that nobody remembers; what can't be taken back now is tried
// again, also by the next gateway.
#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "credential/mint.h"
#include "credential/source.h"
#include "credential/vault.h"
#include "gateway/stream.h"

namespace interlock::gateway {

class Core;
struct Worker;

// One token that may exist at a provider.
struct Outstanding {
  std::string name;   // what it is called there; unique
  std::string entry;  // the vault's entry it is the value of: "SESSION.…"
  std::string provider;
  std::string kind;
  std::string with;  // the entry it was asked with
  credential::MintTerms terms;
  bool is_over = false;  // its session has ended
  std::string why;       // it could not be taken back the last time
  SteadyPoint tried = {};
};

// Thread-safe; methods block on the disk.
class MintDesk {
 public:
  // Everything that an earlier gateway left is over.
  Result<void> Load(std::filesystem::path file);
  Result<void> Add(Outstanding one);
  void Remove(const std::string& name);
  // Those of one entry, or of a session's entries ("SESSION.…").
  void EndEntries(const std::string& of);
  void End(const std::string& name);
  // False when somebody else has tried it since `before`, or does now.
  bool Begin(const std::string& name, SteadyPoint before, SteadyPoint now);
  void NoteFailure(const std::string& name, std::string why);
  // Those that are over and were not tried since `before`.
  std::vector<Outstanding> Due(SteadyPoint before) const;
  std::vector<Outstanding> Left() const;  // could not be taken back so far

 private:
  Result<void> Save() const;
  mutable std::mutex mutex_;
  std::filesystem::path file_;
  std::vector<Outstanding> outstanding_;
};

// Asks the provider for what the entry stands for. denied: it refused; the error says what it said.
Task<Result<credential::Sourced>> Mint(Core& core, Worker& worker, credential::VaultEntry entry,
                                       credential::Source source);

// Whether these terms can be minted at all: the rule, the entry it is asked with and the host.
Result<void> CheckMint(Core& core, const credential::VaultEntry& entry,
                       const credential::Source& source);

// Takes back what is over.
Task<void> TakeBack(Core& core, Worker& worker);

}  // namespace interlock::gateway
