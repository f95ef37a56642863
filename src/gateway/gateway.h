// The daemon: opens the state, owns every part, starts and stops the threads.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "gateway/core.h"
#include "policy/config.h"

namespace interlock::gateway {

struct GatewayOptions {
  std::filesystem::path state;
  std::vector<policy::ConfigPath> config;
  std::vector<std::filesystem::path> packs;  // directories of packs, later ones add
  std::size_t workers = 0;                   // 0: one for each core
  Times times;
  const Clock* clock = nullptr;      // the system's when null; outlives the gateway
  std::filesystem::path keyring;     // interlock-keyring; "": there is none
  std::optional<Secret> passphrase;  // of the vault's key; gone once the vault is open
};

class Gateway {
 public:
  // Everything is checked before anything listens: the state's lock, configuration, packs, vault,
  // ledger, store. The error says what is wrong and what to do.
  static Result<std::unique_ptr<Gateway>> Start(GatewayOptions options);
  // Drains and closes: no new connections, running ones end, the ledger is flushed.
  ~Gateway();

  // Reads configuration again as one generation, or keeps the old one and says why.
  Result<void> Reload();

  Core& core();
  Workers& workers();
  // "127.0.0.1:7442" as bound, "" when the proxy is off.
  const std::string& proxy_address() const;
  const std::string& ca_certificate() const;  // PEM
  const std::filesystem::path& state() const;

  // A stop was asked for on the control socket.
  bool StopRequested() const;
  void RequestStop();

 private:
  struct Parts;
  explicit Gateway(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// The approvers' file, read and written as a whole.
Result<Approvers> LoadApprovers(const std::filesystem::path& state);
Result<void> SaveApprovers(const std::filesystem::path& state, const Approvers& approvers);

}  // namespace interlock::gateway
