// What a room gets for its agent: the profile, its program, its part of the home, its keys.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "command_line.h"
#include "sandbox/plan.h"
#include "sandbox/private_home.h"
#include "sandbox/profile.h"

namespace interlock::app {

struct AgentRoom {
  sandbox::Profile profile;
  sandbox::HomeView home;
};

// HOME, or without one the home of the user database; "" if there is none. Absolute or "".
std::string HomeDirectory();

// Chooses the profile (--agent, or by the command), looks at the command's program and the home,
// and adds what the room shows of them to the request, whose workspace, home and environment must
// be set. Makes nothing.
Result<AgentRoom> FurnishRoom(const CommandLine& line, sandbox::Request& request);

// Makes the directories that are kept between sessions, 0700.
Result<void> MakeKeptDirectories(const sandbox::Request& request);

// "keys" and "logins" of `session.start`. Holds real values: for the gateway alone.
void AddCredentials(const AgentRoom& agent, json::object& start);

// The login files, with the phantoms that the gateway gave for keys in them.
void AddLoginFiles(const AgentRoom& agent, const std::map<std::string, std::string>& phantoms,
                   sandbox::Request& request);

// For --print-plan: what keys and logins there are, without values, and what was left out.
void DescribeAgent(const AgentRoom& agent, json::object& plan);

// `interlock run` inside a room.
bool IsInsideRoom();

// Reads every profile of these pack directories' agents/.
Result<std::vector<sandbox::Profile>> AgentProfiles();

}  // namespace interlock::app
