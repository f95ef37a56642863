// The queue, one hold, and the human's yes or no. What is shown is made here, out of exactly the
// bytes that are signed: the gateway sends the statement, this program renders it.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "approval/render.h"
#include "approval/statement.h"
#include "base/bytes.h"
#include "base/file.h"
#include "commands.h"
#include "context.h"
#include "process.h"
#include "text.h"

namespace interlock::app {
namespace {

struct Fetched {
  json::object hold;
  std::string statement;  // the JSON that is wrapped and signed
};

Result<Fetched> Fetch(const CommandLine& line, const std::string& id) {
  ILK_TRY(answer, CallGateway(line, {{"op", "show"}, {"hold", id}}));
  if (!answer.is_object()) return Fail(Code::internal, "the gateway's answer is not an object");
  Fetched fetched{std::move(answer.as_object()), ""};
  fetched.statement = std::string(FindString(fetched.hold, "statement"));
  fetched.hold.erase("statement");
  return fetched;
}

approval::RenderOptions RenderFor() {
  const bool colour = StdoutIsTerminal() && std::getenv("NO_COLOR") == nullptr;
  return {.now = SystemClock().Now(),
          .color = colour ? approval::Color::ansi : approval::Color::none};
}

int ExitFor(std::string_view state) {
  if (state == "executed") return kDone;
  if (state == "pending" || state == "approved" || state == "executing") return kHeld;
  if (state == "failed" || state == "unknown") return kFailed;
  return kDenied;  // rejected, expired, withdrawn, superseded
}

void PrintOutcome(const CommandLine& line, const json::object& outcome) {
  if (line.json) {
    PrintJson(outcome);
    return;
  }
  const std::string state(FindString(outcome, "state"));
  const json::object* details = FindObject(outcome, "outcome");
  const std::string summary(details ? FindString(*details, "summary") : "");
  const Tint tint = state == "executed"  ? Tint::green
                    : state == "pending" ? Tint::yellow
                                         : Tint::red;
  std::printf("%s  %s  %s\n", std::string(FindString(outcome, "hold")).c_str(),
              Tinted(state, tint).c_str(), summary.c_str());
  if (const auto receipt = FindString(outcome, "receipt"); !receipt.empty()) {
    std::printf("receipt  ledger entry %s    interlock ledger prove %s\n",
                std::string(receipt).c_str(), std::string(FindString(outcome, "hold")).c_str());
  }
}

// Made by stock OpenSSH: key files, agents and security keys all work, and a passphrase or a touch
// is asked for by the program people know.
Result<std::string> Sign(const std::string& key, const std::string& pae) {
  if (key.empty()) {
    return Fail(Code::invalid_input,
                "which key? --key FILE (a private key, or a .pub whose key is in ssh-agent)");
  }
  auto signed_text = RunProcess(
      {"ssh-keygen", "-Y", "sign", "-q", "-f", key, "-n", std::string(approval::kNamespace)},
      {.input = pae, .timeout = std::chrono::minutes(2)});
  if (!signed_text) return std::unexpected(signed_text.error());
  if (signed_text->status != 0) {
    return Fail(Code::unavailable,
                "ssh-keygen could not sign with " + key + ": " + signed_text->err);
  }
  return signed_text->out;
}

// A human types what will be destroyed; a script names the digest of what it read.
Result<void> Confirm(const CommandLine& line, const approval::Statement& statement,
                     const std::string& digest) {
  if (line.Has("--digest")) {
    if (line.Get("--digest") == digest) return {};
    return Fail(Code::verification,
                "this hold's action has the digest " + digest + ", not the one given");
  }
  if (::isatty(0) == 0) {
    return Fail(Code::invalid_input,
                "no terminal to ask on; a script gives --digest with the digest it read");
  }
  const std::string wanted = approval::TypeToApprove(statement);
  std::printf("\napprove: type  %s   (anything else leaves it waiting)\n> ",
              EscapeForHumans(wanted).c_str());
  std::fflush(stdout);
  std::string typed;
  std::getline(std::cin, typed);
  if (typed == wanted) return {};
  return Fail(Code::denied,
              "not approved: \"" + EscapeForHumans(typed) + "\" is not the target's name");
}

}  // namespace

int Holds(const CommandLine& line) {
  json::object request{{"op", "holds"}};
  if (line.Has("--state")) request["filter"] = line.Get("--state");
  const auto answer = CallGateway(line, request);
  if (!answer) return Report(answer.error());
  if (line.json) {
    PrintJson(*answer);
    return kDone;
  }
  if (!answer->is_array() || answer->as_array().empty()) {
    std::printf("nothing is waiting\n");
    return kDone;
  }
  std::vector<std::vector<std::string>> rows = {
      {"HOLD", "STATE", "OPERATION", "ENVIRONMENTS", "SESSION", "EXPIRES"}};
  for (const json::value& value : answer->as_array()) {
    const json::object& hold = value.as_object();
    std::string environments;
    for (const json::value& name : *FindArray(hold, "environments")) {
      environments += (environments.empty() ? "" : ", ") + EscapeForHumans(name.as_string());
    }
    rows.push_back({std::string(FindString(hold, "id")), std::string(FindString(hold, "state")),
                    EscapeForHumans(FindString(hold, "operation")), environments,
                    std::string(FindString(hold, "session")),
                    std::string(FindString(hold, "expires"))});
  }
  PrintTable(rows);
  return kDone;
}

int Show(const CommandLine& line) {
  const auto fetched = Fetch(line, line.operands[0]);
  if (!fetched) return Report(fetched.error());
  if (line.Has("--statement")) {
    const std::string pae = approval::Pae(fetched->statement);
    std::fwrite(pae.data(), 1, pae.size(), stdout);
    return kDone;
  }
  if (line.json) {
    PrintJson(fetched->hold);
    return kDone;
  }
  const auto statement = approval::ParseStatement(fetched->statement);
  if (!statement) return Report(statement.error());
  const auto shown = approval::Render(*statement, RenderFor());
  if (!shown) return Report(shown.error());
  std::printf("%s\nstate     %s\ndigest    %s\n", shown->c_str(),
              std::string(FindString(fetched->hold, "state")).c_str(),
              std::string(FindString(fetched->hold, "digest")).c_str());
  return kDone;
}

int Approve(const CommandLine& line) { return ApproveHold(line, line.operands[0]); }

int ApproveHold(const CommandLine& line, const std::string& id) {
  const auto fetched = Fetch(line, id);
  if (!fetched) return Report(fetched.error());
  const auto statement = approval::ParseStatement(fetched->statement);
  if (!statement) return Report(statement.error());
  const std::string state(FindString(fetched->hold, "state"));
  if (state != "pending") {
    std::fprintf(stderr, "interlock: %s is %s; only a pending hold can be approved\n", id.c_str(),
                 state.c_str());
    return ExitFor(state) == kDone ? kFailed : ExitFor(state);
  }
  // Rendered even when nobody looks: what can't be shown in full can't be approved.
  const auto shown = approval::Render(*statement, RenderFor());
  if (!shown) return Report(shown.error());
  if (!line.json) std::printf("%s", shown->c_str());
  // Computed here from what was shown, not taken from the gateway.
  if (const auto confirmed = Confirm(line, *statement, Digest(statement->action)); !confirmed) {
    return Report(confirmed.error());
  }
  std::string signature;
  if (line.Has("--signature")) {
    auto given = ReadFile(line.Get("--signature"), 1u << 20);
    if (!given) return Report(given.error());
    signature = std::move(*given);
  } else {
    auto made = Sign(line.Get("--key"), approval::Pae(fetched->statement));
    if (!made) return Report(made.error());
    signature = std::move(*made);
  }
  const auto outcome =
      CallGateway(line, {{"op", "approve"}, {"hold", id}, {"signature", signature}});
  if (!outcome) return Report(outcome.error());
  PrintOutcome(line, outcome->as_object());
  return ExitFor(FindString(outcome->as_object(), "state"));
}

int Reject(const CommandLine& line) {
  if (!line.Has("--reason")) {
    std::fprintf(stderr, "interlock: reject wants --reason TEXT: the agent is told it\n");
    return kUsage;
  }
  const auto outcome = CallGateway(
      line, {{"op", "reject"}, {"hold", line.operands[0]}, {"reason", line.Get("--reason")}});
  if (!outcome) return Report(outcome.error());
  PrintOutcome(line, outcome->as_object());
  return kDone;
}

int Wait(const CommandLine& line) {
  std::string text = line.Get("--timeout", "60s");
  std::int64_t factor = 1000;
  if (text.ends_with("ms"))
    factor = 1, text.resize(text.size() - 2);
  else if (text.ends_with("s"))
    text.pop_back();
  else if (text.ends_with("m"))
    factor = 60'000, text.pop_back();
  char* end = nullptr;
  const long long number = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || number < 0 || number > 86'400) {
    std::fprintf(stderr, "interlock: --timeout wants a duration such as 60s or 5m\n");
    return kUsage;
  }
  const auto outcome = CallGateway(
      line, {{"op", "wait"}, {"hold", line.operands[0]}, {"timeout_ms", number * factor}});
  if (!outcome) return Report(outcome.error());
  PrintOutcome(line, outcome->as_object());
  return ExitFor(FindString(outcome->as_object(), "state"));
}

}  // namespace interlock::app
