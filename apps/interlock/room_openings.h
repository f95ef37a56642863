// --publish and --ssh of `interlock run`: what leads into the room, and what a client needs for it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "command_line.h"
#include "sandbox/openings.h"
#include "sandbox/plan.h"

namespace interlock::app {

// "3000", "8080:3000". The error is a usage error that says what would be right.
Result<sandbox::Published> ParsePublished(std::string_view text);

// The keys, the server's configuration and the client's, made for one session: STATE/ssh/SESSION.*,
// 0600, removed with the object. Nothing of the user's own ~/.ssh takes part.
class SshRoom {
 public:
  // Before anything is started: not_found when OpenSSH's server or ssh-keygen is missing.
  static Result<void> CheckPrograms();
  // What the room needs whatever its keys are: the command to enter with, and for root another uid.
  static void AddEntrance(sandbox::Request& request);

  static Result<std::unique_ptr<SshRoom>> Make(const CommandLine& line, const std::string& session);
  SshRoom(const SshRoom&) = delete;
  SshRoom& operator=(const SshRoom&) = delete;
  ~SshRoom();

  // Adds the server's files; `planned` is the room as it would be without them.
  Result<void> Furnish(const sandbox::Plan& planned, sandbox::Request& request);
  // Once the room runs: what a client includes.
  Result<void> WriteClientConfig() const;

  std::string SocketPath() const { return PathOf("sock"); }
  std::string HostName() const { return "interlock-" + session_; }
  std::string ConfigPath() const { return PathOf("config"); }
  std::string ClientConfig() const;

 private:
  SshRoom(std::string directory, std::string session)
      : directory_(std::move(directory)), session_(std::move(session)) {}
  std::string PathOf(std::string_view suffix) const {
    return directory_ + "/" + session_ + "." + std::string(suffix);
  }

  std::string directory_, session_, state_;
  std::string user_;         // the room's, known from Furnish on
  std::string host_key_;     // the server's private one
  std::string host_public_;  // "ssh-ed25519 AAAA…"
  std::string user_public_;
};

}  // namespace interlock::app
