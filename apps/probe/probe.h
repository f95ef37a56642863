// One attempt to get out of the room, as a row of a table.
//
// The same attempt is made twice: in the room, where it must fail, and outside on bait that was
// laid for it (bait.h, open_world.h), where it must succeed: a probe that fails everywhere proves
// nothing. Adding one is a function and a row in the file of its topic; the number in its name is
// the line of the catalogue of bypasses it belongs to.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "facts.h"

namespace interlock::probe {

// What came of it. `how` is one line for a human.
struct Attempt {
  bool reached = false;
  std::string how;
};

// Where the control is made: on the host as it is, or in a network and a /run of its own in which
// every address answers and every service listens.
enum class Ground { host, open_world };

struct Probe {
  std::string_view name;   // "B39.proc-root"
  std::string_view tries;  // what it tries, in words
  Attempt (*attempt)(const Facts&, const Probe&) = nullptr;
  std::string_view text = "";  // of the attempt: a path, an address, bytes
  int number = 0;              // of the attempt: a port, a flag, a family
  int second = 0;
  int third = 0;
  Ground ground = Ground::host;
  // For an attempt that counts only if something is left on the host when the room is gone.
  bool (*remains)(const Facts&, const Probe&) = nullptr;
};

// The topics, one file each.
std::span<const Probe> FileProbes();
std::span<const Probe> WorkspaceProbes();
std::span<const Probe> ProcessProbes();
std::span<const Probe> NamespaceProbes();
std::span<const Probe> KernelProbes();
std::span<const Probe> SocketProbes();
std::span<const Probe> PrivilegeProbes();
std::span<const Probe> NetworkProbes();
std::span<const Probe> RequestProbes();

// All of them whose name starts with one of `prefixes` (all without any), in the order of topics.
std::vector<const Probe*> Select(std::span<const std::string> prefixes);

// Makes one attempt in a process of its own, which is killed after some seconds: whatever it does
// to itself is gone afterwards.
Attempt Make(const Probe& probe, const Facts& facts);

}  // namespace interlock::probe
