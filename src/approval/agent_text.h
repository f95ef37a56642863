// What the agent is told, the same words in every protocol it speaks. The first line is
// machine-stable (docs: "What the agent is told"); the rest says what the request resolved to,
// which belief may be wrong, who is asked, that other ways to the same end are held too, and what
// to do now. Plain ASCII, at most 8 KiB, no secrets; it never suggests to repeat the request.
#pragma once

#include <string>
#include <vector>

#include "approval/hold.h"
#include "approval/statement.h"

namespace interlock::approval {

struct HoldNotice {
  std::vector<std::string> asked;  // names of the people; empty: nobody is enrolled
  std::string safer;               // one sentence about a safe alternative; may be empty
  State state = State::pending;    // of the hold that the request joined
};

// "INTERLOCK HOLD h-7f3a: not executed, nothing changed.\n…", without a final line break. That is
// said of a pending hold alone: one that was approved is being carried out, and one whose outcome
// is unknown may have happened.
std::string AgentHoldText(const Statement& statement, const HoldNotice& notice);

struct Denial {
  std::string id;       // the ledger's decision, "d-19c2"
  std::string what;     // sentences: what was refused, and why
  std::string instead;  // sentences: what to do now
};

// "INTERLOCK DENIED d-19c2: not sent, nothing changed.\n…".
std::string AgentDenyText(const Denial& denial);

}  // namespace interlock::approval
