// What every command needs: where the state is, how to reach the gateway, how to start one.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "command_line.h"
#include "gateway/control_wire.h"

namespace interlock::app {

// Exit statuses of docs/cli.md.
enum Exit { kDone = 0, kFailed = 1, kUsage = 2, kHeld = 3, kDenied = 4, kVerification = 5 };

// --state, else $XDG_STATE_HOME/interlock, else $HOME/.local/state/interlock. Absolute.
std::filesystem::path StateDirectory(const CommandLine& line);

// A connection to the gateway of this state; without one, starts it (under a lock on the state, so
// that two commands start one gateway) and waits until it answers.
Result<gateway::ControlChannel> ReachGateway(const CommandLine& line);
// The same without starting one: Code::not_found when none answers.
Result<gateway::ControlChannel> FindGateway(const CommandLine& line);

// Starts `interlock gateway` detached and waits until it answers; ReachGateway holds the lock. The
// launcher's own version starts the core in its place, with the same words.
Result<void> StartGateway(const CommandLine& line);

// One request to the (perhaps freshly started) gateway.
Result<json::value> CallGateway(const CommandLine& line, const json::object& request);

// Prints "interlock: …" on stderr and returns the exit status that goes with the error.
int Report(const Error& error);

// Prints the gateway's answer, or its error; `print` is for people. Returns the exit status.
int Finish(const CommandLine& line, const Result<json::value>& answer,
           const std::function<void(const json::value&)>& print);

// The program that people start (the launcher), and another that lies beside it.
std::filesystem::path SelfPath();
std::filesystem::path Beside(std::string_view name);

}  // namespace interlock::app
