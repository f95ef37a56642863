#include <cstdio>

#include "commands.h"
#include "context.h"

namespace interlock::app {
namespace {

constexpr Option kWorkspaceUndoOptions[] = {{"--yes", "", "don't ask, for scripts"}};
constexpr Option kWorkspaceApplyOptions[] = {
    {"--accept", "PATH", "apply this change to a file that tools run unasked (may be repeated)"},
};
constexpr Option kHoldsOptions[] = {{"--state", "STATE", "only holds in this state, or \"all\""}};
constexpr Option kShowOptions[] = {
    {"--statement", "", "write the raw bytes to be signed, nothing else"}};
constexpr Option kApproveOptions[] = {
    {"--key", "FILE",
     "the SSH key to sign with: a private key, or a .pub whose key is in ssh-agent"},
    {"--digest", "HEX", "the action's digest that was read; replaces typing, for scripts"},
    {"--signature", "FILE", "an SSHSIG made elsewhere"},
};
constexpr Option kRejectOptions[] = {{"--reason", "TEXT", "why; the agent is told"}};
constexpr Option kWaitOptions[] = {{"--timeout", "TIME", "how long (default 60s)"}};
constexpr Option kGrantOptions[] = {
    {"--session", "SESSION", "the session it is opened to"},
    {"--for", "TIME", "how long: 90s, 30m, 2h; at most 8h"},
    {"--protocol", "NAME", "http: every request is judged (default); tcp: bytes pass unseen"},
    {"--reason", "TEXT", "why; it is shown and signed"},
    {"--key", "FILE", "sign at once, with this SSH key"},
    {"--revoke", "GRANT", "close one that is open; needs no signature"},
};
constexpr Option kGatewayOptions[] = {
    {"--ready-fd", "FD", "a descriptor on which a byte is written when the gateway answers"},
    {"--passphrase-file", "FILE",
     "the passphrase of the vault's key, where it is behind one (default: asked on the terminal)"},
};
constexpr Option kVaultAddOptions[] = {
    {"--provider", "NAME", "the pack it belongs to, such as railway"},
    {"--environment", "NAME", "the environment it is lent in"},
    {"--kind", "KIND",
     "the pack's kind of credential: account, project (default: the pack's narrowest)"},
    {"--allow", "LIST", "effects it is used for unasked (default read,reversible)"},
    {"--for", "USE",
     "\"scope\": used for read-only walks alone; \"mint\": narrower ones are minted with it; "
     "neither "
     "is ever lent"},
    {"--as", "VAR", "the variable the phantom stands in (default: the pack's)"},
    {"--wide", "", "lend a credential that reaches further than it has to"},
    {"--until", "TIME", "the lend ends then: 30m, 8h, 30d, 2w, or 2027-01-31T12:00:00Z"},
    {"--from-command", "CMD",
     "don't keep the value: run CMD for it, outside every room, again before it expires"},
    {"--from-env", "VAR", "don't keep the value: it is in this variable of the gateway"},
    {"--from-file", "PATH", "don't keep the value: read this file whenever it is wanted"},
    {"--field", "PATH", "where the value stands in JSON that a source gives, such as data.token"},
    {"--mint-with", "NAME", "don't keep the value: mint one for each session, with this entry"},
    {"--term", "NAME=VALUE", "what to mint, as the pack asks for it (may be repeated)"},
};
constexpr Option kVaultKeyOptions[] = {
    {"--keep", "PLACE", "keep it there from now on: keyring, passphrase or file"},
    {"--passphrase-file", "FILE", "the passphrase that opens it now (default: asked)"},
    {"--new-passphrase-file", "FILE", "the passphrase from now on (default: asked)"},
};
constexpr Option kApproverAddOptions[] = {{"--ssh-key", "FILE", "the public key (.pub)"}};
constexpr Option kDoctorOptions[] = {
    {"--quick", "", "only what this kernel can do; no attempts"},
    {"--only", "PREFIX", "only attempts whose name starts so, such as B39; may be repeated"},
    {"--all", "", "every attempt on a line of its own"},
};
constexpr Option kDemoOptions[] = {
    {"--unprotected", "", "only the first act: the incident with nothing in between"},
    {"--interactive", "", "you decide about what is held"},
};
constexpr Option kScanOptions[] = {
    {"--history", "", "every commit, branch, stash and reflog of the repositories at PATH, too"},
    {"--adopt", "", "move what is found in files into the vault and leave phantom tokens"},
    {"--environment", "NAME", "with --adopt: what the credentials belong to (default: production)"},
    {"--provider", "NAME", "with --adopt: the pack they belong to (default: by the kind found)"},
    {"--kind", "KIND", "with --adopt: the pack's kind of credential"},
    {"--wide", "", "with --adopt: they reach further than they have to"},
    {"--baseline", "FILE", "leave out what this file knows"},
    {"--write-baseline", "FILE", "write what is found as a baseline, without values"},
    {"--sarif", "", "print SARIF 2.1.0"},
    {"--rules", "DIR", "use the rules in DIR instead of the built-in ones"},
};
constexpr Option kClassifyOptions[] = {
    {"--specs", "DIR", "schemas of APIs; not used for cases of kind secret"},
    {"--no-packs", "", "judge from the specs alone"},
};

constexpr Command kCommands[] = {
    {"status",
     "",
     "Gateway, sessions, holds, and every protection that is weaker than it could be.",
     "interlock status",
     {},
     Status},
    {"holds", "", "What waits for a human.", "interlock holds --state all --json", kHoldsOptions,
     Holds},
    {"show", "HOLD", "One hold in full, as it would be signed.", "interlock show h-7f3a19c2",
     kShowOptions, Show, false, 1, 1},
    {"approve", "HOLD",
     "Shows a hold, asks for the target's name, signs, and waits for the outcome.",
     "interlock approve h-7f3a19c2 --key ~/.ssh/id_ed25519", kApproveOptions, Approve, false, 1, 1},
    {"reject", "HOLD", "Says no; the agent is told why.",
     "interlock reject h-7f3a19c2 --reason \"production shares it\"", kRejectOptions, Reject, false,
     1, 1},
    {"wait", "HOLD", "Waits until a hold is decided and done.",
     "interlock wait h-7f3a19c2 --timeout 5m", kWaitOptions, Wait, false, 1, 1},
    {"grant", "HOST[:PORT]",
     "Opens a host outside `egress` to one session for a while, by a signature.",
     "interlock grant files.example.com --session s-7f3a19c2 --for 30m --key ~/.ssh/id_ed25519",
     kGrantOptions, Grant, false, 0, 1},
    {"workspace diff",
     "SESSION",
     "What a session changed, and which of it a human's tools will run.",
     "interlock workspace diff s-7f3a19c2",
     {},
     WorkspaceDiff,
     false,
     1,
     1},
    {"workspace undo", "SESSION",
     "Takes a live workspace back to the recovery point, after taking one of how it is now.",
     "interlock workspace undo s-7f3a19c2", kWorkspaceUndoOptions, WorkspaceUndo, false, 1, 1},
    {"workspace apply", "SESSION",
     "Puts what a review session changed into the workspace; asks for files that run unasked.",
     "interlock workspace apply s-7f3a19c2", kWorkspaceApplyOptions, WorkspaceApply, false, 1, 1},
    {"workspace discard",
     "SESSION",
     "Throws away what a review session changed.",
     "interlock workspace discard s-7f3a19c2",
     {},
     WorkspaceDiscard,
     false,
     1,
     1},
    {"demo", "",
     "Replays the incident against an imitation provider: without, with, and with a human's yes.",
     "interlock demo", kDemoOptions, Demo},
    {"doctor", "", "Proves that the room is closed on this machine by trying to break out of it.",
     "interlock doctor --json", kDoctorOptions, Diagnose},
    {"vault add", "NAME",
     "Keeps a credential (value on stdin); agents only ever see a phantom of it.",
     "interlock vault add staging --provider railway --environment staging --kind project < token",
     kVaultAddOptions, VaultAdd, false, 1, 1},
    {"vault list",
     "",
     "The credentials, without their values.",
     "interlock vault list",
     {},
     VaultList},
    {"vault remove",
     "NAME",
     "Forgets a credential; what was signed for it fails.",
     "interlock vault remove staging",
     {},
     VaultRemove,
     false,
     1,
     1},
    {"scan", "[PATH…]",
     "Finds credentials an agent could find: here, in the home and in the environment, or in PATH.",
     "interlock scan --history .", kScanOptions, Scan, false, 0, 1024},
    {"classify", "", "Judges cases: one line of JSON in, one out.",
     "interlock classify < cases.jsonl", kClassifyOptions, Classify},
    {"vault key", "", "Where the vault's key is kept; moves it, while no gateway runs.",
     "interlock vault key --keep passphrase", kVaultKeyOptions, VaultKey},
    {"approver add", "NAME", "Enrols a person who may approve; the first is trusted on first use.",
     "interlock approver add alice --ssh-key ~/.ssh/id_ed25519.pub", kApproverAddOptions,
     ApproverAdd, false, 1, 1},
    {"approver list",
     "",
     "Who may approve, with which keys.",
     "interlock approver list",
     {},
     ApproverList},
    {"policy check",
     "[FILE…]",
     "Reads the configuration and names every mistake by line and column.",
     "interlock policy check interlock.yaml",
     {},
     PolicyCheck,
     false,
     0,
     16},
    {"pack list",
     "",
     "The provider packs in use, with their hosts.",
     "interlock pack list",
     {},
     PackList},
    {"pack check",
     "[DIR…]",
     "Reads packs and runs their examples.",
     "interlock pack check packs/railway",
     {},
     PackCheck,
     false,
     0,
     64},
    {"ledger verify",
     "",
     "Recomputes the whole log: entries, tiles, root, signature.",
     "interlock ledger verify --json",
     {},
     LedgerVerify},
    {"ledger prove",
     "INDEX-OR-HOLD",
     "A receipt (tlog-proof) for one entry.",
     "interlock ledger prove h-7f3a19c2",
     {},
     LedgerProve,
     false,
     1,
     1},
    {"ledger export",
     "",
     "Every entry as a line of JSON.",
     "interlock ledger export > ledger.jsonl",
     {},
     LedgerExport},
    {"ledger checkpoint",
     "",
     "The newest signed checkpoint.",
     "interlock ledger checkpoint",
     {},
     LedgerCheckpoint},
    {"gateway", "", "The daemon that owns keys, state and egress, in the foreground.",
     "interlock gateway", kGatewayOptions, GatewayRun},
    {"gateway stop",
     "",
     "Ends the gateway of this state.",
     "interlock gateway stop",
     {},
     GatewayStop},
    {"completion",
     "SHELL|man",
     "A completion script for bash, or the man page.",
     "interlock completion bash",
     {},
     Completion,
     false,
     1,
     1},
};

}  // namespace

std::span<const Command> CommandTable() {
  static const std::vector<Command> all = [] {
    const auto rooms = RoomCommands();
    std::vector<Command> table(rooms.begin(), rooms.end());
    table.insert(table.end(), std::begin(kCommands), std::end(kCommands));
    return table;
  }();
  return all;
}

int Completion(const CommandLine& line) {
  if (line.operands[0] == "bash") {
    std::fputs(BashCompletion(CommandTable()).c_str(), stdout);
  } else if (line.operands[0] == "man") {
    std::fputs(ManPage(CommandTable(), ILK_VERSION).c_str(), stdout);
  } else {
    std::fprintf(stderr, "interlock: completion knows \"bash\" and \"man\"\n");
    return kUsage;
  }
  return kDone;
}

}  // namespace interlock::app
