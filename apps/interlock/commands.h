// The commands of docs/cli.md, one function each; command_table.cc lists them.
#pragma once

#include <span>

#include "command_line.h"

namespace interlock::app {

std::span<const Command> CommandTable();
// Those of them that the launcher carries out itself: room_commands.cc.
std::span<const Command> RoomCommands();

// run.cc
int Run(const CommandLine& line);
// attach.cc
int Attach(const CommandLine& line);
// gateway_command.cc
int GatewayRun(const CommandLine& line);
int GatewayStop(const CommandLine& line);
// holds.cc
int Holds(const CommandLine& line);
int Show(const CommandLine& line);
int Approve(const CommandLine& line);
int ApproveHold(const CommandLine& line, const std::string& id);  // by the line's options
int Reject(const CommandLine& line);
int Wait(const CommandLine& line);
// grant.cc
int Grant(const CommandLine& line);
// people.cc
int ApproverAdd(const CommandLine& line);
int ApproverList(const CommandLine& line);
int Status(const CommandLine& line);
// ledger_command.cc
int LedgerVerify(const CommandLine& line);
int LedgerProve(const CommandLine& line);
int LedgerCheckpoint(const CommandLine& line);
int LedgerExport(const CommandLine& line);
// doctor.cc
int Diagnose(const CommandLine& line);
// checks.cc
int PolicyCheck(const CommandLine& line);
int PackCheck(const CommandLine& line);
int PackList(const CommandLine& line);
// demo.cc
int Demo(const CommandLine& line);
// workspace.cc
int WorkspaceDiff(const CommandLine& line);
int WorkspaceUndo(const CommandLine& line);
int WorkspaceApply(const CommandLine& line);
int WorkspaceDiscard(const CommandLine& line);
// scan.cc
int Scan(const CommandLine& line);
// classify.cc
int Classify(const CommandLine& line);
// vault.cc
int VaultAdd(const CommandLine& line);
int VaultList(const CommandLine& line);
int VaultRemove(const CommandLine& line);
int VaultKey(const CommandLine& line);
// command_table.cc
int Completion(const CommandLine& line);

}  // namespace interlock::app
