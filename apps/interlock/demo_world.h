// The stage of the demo: an imitation provider on a loopback port, a code base with a forgotten
// token in it, a scripted agent, a human's key. Everything lies in one temporary folder that goes
// with it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "process.h"

namespace interlock::app {

// What `railsim --list-state` counts for one volume.
struct VolumeCount {
  std::string id;
  std::int64_t rows = 0;     // over its instances in the environment asked for
  std::int64_t backups = 0;  // copies that still hold rows
};

class DemoWorld {
 public:
  static Result<DemoWorld> Make();
  DemoWorld(DemoWorld&&) = default;
  DemoWorld& operator=(DemoWorld&&) = delete;
  ~DemoWorld();

  // Starts railsim on a fresh copy of the seeded world.
  Result<void> StartProvider();
  Result<json::object> ListState() const;
  Result<VolumeCount> Count(std::string_view volume, std::string_view environment) const;
  Result<std::string> TokenNamed(std::string_view name) const;
  // How often the provider carried out this operation.
  Result<int> Applied(std::string_view operation) const;

  // Writes interlock.yaml for the provider's present port.
  Result<void> WriteConfig() const;
  // This program itself, with --state and --config of the stage.
  Result<ProcessResult> Interlock(std::vector<std::string> words, std::string input = "") const;
  // The agent, with the real token in its environment and nothing between it and the provider.
  Result<ProcessResult> RunAgentUnprotected(const std::vector<std::string>& words) const;
  std::vector<std::string> AgentCommand(const std::vector<std::string>& words) const;

  std::filesystem::path workspace() const { return root_ / "rental-api"; }
  std::filesystem::path state() const { return root_ / "state"; }
  std::filesystem::path config() const { return root_ / "interlock.yaml"; }
  std::filesystem::path approver_key() const { return root_ / "alice"; }
  std::filesystem::path root() const { return root_; }

 private:
  explicit DemoWorld(std::filesystem::path root) : root_(std::move(root)) {}
  Result<void> WriteWorkspace() const;
  Result<void> MakeKeys() const;
  std::filesystem::path ProviderState() const {
    return root_ / ("railway-" + std::to_string(worlds_));
  }

  std::filesystem::path root_;
  std::optional<BackgroundProcess> provider_;
  int port_ = 0;
  int worlds_ = 0;
};

}  // namespace interlock::app
