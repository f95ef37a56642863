// The commands that the launcher carries out itself; command_table.cc has the others.
#include "commands.h"

namespace interlock::app {
namespace {

constexpr Option kRunOptions[] = {
    {"--env", "NAME", "the environment the session is lent (default: the configuration's)"},
    {"--workspace", "DIR", "the directory the agent works in (default: the current one)"},
    {"--mode", "MODE",
     "live: edits appear at once (default); review: they wait for `workspace apply`"},
    {"--no-recovery-point", "", "live: don't copy the workspace first"},
    {"--agent", "NAME", "the agent profile to use (default: by the command; else \"shell\")"},
    {"--reach", "HOST:PORT",
     "a service of this machine or its networks that the session may dial, judged like everything; "
     "localhost:PORT is host.interlock.internal:PORT inside (may be repeated)"},
    {"--publish", "PORT",
     "show this port of the room's loopback on 127.0.0.1 outside; HOSTPORT:PORT for another number "
     "(may be repeated)"},
    {"--ssh", "", "let ssh and editors in by `interlock attach`; CMD may be left out"},
    {"--weaken", "NAME", "do without a protection this machine can't give: no-process-limit"},
    {"--print-plan", "", "print the room as it would be built, and build nothing"},
    {"--quiet", "", "no line about the session"},
};
constexpr Command kCommands[] = {
    {"run", "-- CMD…", "Runs CMD in a room whose only way out is the gateway.",
     "interlock run --env staging -- claude", kRunOptions, Run, true},
    {"attach",
     "SESSION",
     "Connects stdin and stdout to an ssh server inside a session's room: ssh's ProxyCommand.",
     "interlock attach s-7f3a19c2      (by ssh -F STATE/ssh/s-7f3a19c2.config "
     "interlock-s-7f3a19c2)",
     {},
     Attach,
     false,
     1,
     1},
};

}  // namespace

std::span<const Command> RoomCommands() { return kCommands; }

}  // namespace interlock::app
