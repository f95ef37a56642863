// The incident, in three acts with a clock: without Interlock, with it, and with a human's yes.
// What is printed is counted in the imitation provider's files, never assumed.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>

#include "approval/statement.h"
#include "base/bytes.h"
#include "base/file.h"
#include "commands.h"
#include "context.h"
#include "demo_world.h"
#include "text.h"

namespace interlock::app {
namespace {

constexpr std::size_t kColumns = 96;

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Talks unless the output is for a machine.
class Stage {
 public:
  explicit Stage(bool quiet) : quiet_(quiet) {}
  void Say(const std::string& text) const {
    if (!quiet_) std::printf("%s\n", text.c_str()), std::fflush(stdout);
  }
  void Act(const std::string& title) const { Say("\n" + Tinted(title, Tint::bold) + "\n"); }
  // What the agent printed, indented and wrapped.
  void Quote(std::string_view output) const {
    while (!output.empty()) {
      const auto end = std::min(output.find('\n'), output.size());
      std::string text = EscapeForHumans(output.substr(0, end));
      while (text.size() > kColumns) {
        auto cut = text.rfind(' ', kColumns);
        if (cut == std::string::npos || cut == 0) cut = kColumns;
        Say("    " + Tinted(text.substr(0, cut), Tint::dim));
        text.erase(0, text[cut] == ' ' ? cut + 1 : cut);
      }
      if (!text.empty()) Say("    " + Tinted(text, Tint::dim));
      output.remove_prefix(std::min(end + 1, output.size()));
    }
  }
  bool quiet() const { return quiet_; }

 private:
  bool quiet_;
};

std::string Fact(const std::string& name, const std::string& value) {
  std::string head = "    " + name;
  head.resize(std::max<std::size_t>(head.size() + 1, 22), ' ');
  return head + value;
}

std::string FromTo(std::int64_t before, std::int64_t after) {
  return Grouped(before) + " → " +
         Tinted(Grouped(after), before == after ? Tint::green : Tint::red);
}

std::string Seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", seconds);
  return text;
}

// The message of the first GraphQL error in an agent's output.
std::string ErrorIn(std::string_view output) {
  while (!output.empty()) {
    const auto end = std::min(output.find('\n'), output.size());
    const std::string_view text = output.substr(0, end);
    if (text.starts_with("{")) {
      const auto value = ParseJson(text);
      const json::array* errors =
          value && value->is_object() ? FindArray(value->as_object(), "errors") : nullptr;
      if (errors && !errors->empty() && errors->at(0).is_object()) {
        const std::string message(FindString(errors->at(0).as_object(), "message"));
        if (message.starts_with("INTERLOCK")) return message;
      }
    }
    output.remove_prefix(std::min(end + 1, output.size()));
  }
  return "";
}

Result<json::value> JsonOf(Result<ProcessResult> result, std::string_view what) {
  if (!result) return std::unexpected(result.error());
  if (result->status != 0 && result->out.empty()) {
    return Fail(Code::internal, std::string(what) + " failed: " + result->err);
  }
  return ParseJson(result->out);
}

// --- act one ---
Result<json::object> Without(DemoWorld& world, const Stage& stage) {
  stage.Act("1  Without Interlock");
  ILK_TRY(before, world.Count("pg-data", "production"));
  const Stopwatch watch;
  ILK_TRY(agent, world.RunAgentUnprotected({"incident"}));
  const double seconds = watch.Seconds();
  ILK_TRY(after, world.Count("pg-data", "production"));
  stage.Quote(agent.out);
  stage.Say("");
  stage.Say(Fact("production rows", FromTo(before.rows, after.rows)));
  stage.Say(Fact("backups", FromTo(before.backups, after.backups)));
  stage.Say(Fact("time", Seconds(seconds)));
  return json::object{{"rows_before", before.rows},
                      {"rows_after", after.rows},
                      {"backups_before", before.backups},
                      {"backups_after", after.backups},
                      {"seconds", seconds}};
}

Result<void> Prepare(DemoWorld& world) {
  ILK_TRY_VOID(world.StartProvider());
  ILK_TRY_VOID(world.WriteConfig());
  ILK_TRY(reader, world.TokenNamed("scope-reader"));
  ILK_TRY(staging, world.TokenNamed("staging-deploy"));
  const auto must = [](Result<ProcessResult> result) -> Result<void> {
    if (!result) return std::unexpected(result.error());
    if (result->status != 0) return Fail(Code::internal, "preparing the demo: " + result->err);
    return {};
  };
  ILK_TRY_VOID(
      must(world.Interlock({"vault", "add", "scope-reader", "--provider", "railway",
                            "--environment", "production", "--kind", "account", "--for", "scope"},
                           reader)));
  ILK_TRY_VOID(must(world.Interlock({"vault", "add", "staging-deploy", "--provider", "railway",
                                     "--environment", "staging", "--kind", "project"},
                                    staging)));
  return must(world.Interlock(
      {"approver", "add", "alice", "--ssh-key", world.approver_key().native() + ".pub"}));
}

Result<ProcessResult> RunAgent(const DemoWorld& world, const std::string& scene) {
  // The demo's agent is its own script.
  std::vector<std::string> words = {"run",
                                    "--quiet",
                                    "--no-recovery-point",
                                    "--env",
                                    "staging",
                                    "--workspace",
                                    world.workspace().native(),
                                    "--weaken",
                                    "no-process-limit",
                                    "--"};
  for (std::string& word : world.AgentCommand({scene})) words.push_back(std::move(word));
  auto ran = world.Interlock(std::move(words));
  if (ran && ran->status != 0)
    return Fail(Code::internal, "the agent's room: " + ran->err + ran->out);
  return ran;
}

Result<std::string> PendingHold(const DemoWorld& world) {
  ILK_TRY(list,
          JsonOf(world.Interlock({"holds", "--state", "pending", "--json"}), "interlock holds"));
  if (!list.is_array() || list.as_array().size() != 1)
    return Fail(Code::internal, "expected exactly one pending hold");
  return std::string(FindString(list.as_array()[0].as_object(), "id"));
}

// The viewer's own decision.
bool ViewerApproves() {
  std::printf("\n    approve? type  yes  to sign as alice, anything else rejects\n    > ");
  std::fflush(stdout);
  std::string typed;
  std::getline(std::cin, typed);
  return typed == "yes";
}

Result<json::object> SignAndCheck(const DemoWorld& world, const Stage& stage,
                                  const std::string& hold) {
  ILK_TRY(shown, JsonOf(world.Interlock({"show", hold, "--json"}), "interlock show"));
  const std::string digest(FindString(shown.as_object(), "digest"));
  ILK_TRY(outcome, JsonOf(world.Interlock({"approve", hold, "--key", world.approver_key().native(),
                                           "--digest", digest, "--json"}),
                          "interlock approve"));
  const json::object& done = outcome.as_object();
  // The signature once more, with nothing of ours: the exported bytes and stock OpenSSH.
  ILK_TRY(pae, world.Interlock({"show", hold, "--statement"}));
  ILK_TRY(approved, JsonOf(world.Interlock({"show", hold, "--json"}), "interlock show"));
  const json::array* approvals = FindArray(approved.as_object(), "approvals");
  if (!approvals || approvals->empty()) return Fail(Code::internal, "the hold shows no approval");
  const std::filesystem::path signature = world.root() / "approval.sig";
  ILK_TRY_VOID(WriteFileDurably(signature, FindString(approvals->at(0).as_object(), "signature")));
  ILK_TRY(stock, RunProcess({"ssh-keygen", "-Y", "verify", "-f",
                             (world.state() / "allowed_signers").native(), "-I", "alice", "-n",
                             "approval@interlock", "-s", signature.native()},
                            {.input = pae.out}));
  std::string verdict = stock.out + stock.err;
  while (!verdict.empty() && verdict.back() == '\n') verdict.pop_back();
  stage.Say("");
  stage.Say(Fact("outcome", std::string(FindString(done, "state"))));
  stage.Say(Fact("receipt", "ledger entry " + std::string(FindString(done, "receipt"))));
  stage.Say(Fact("ssh-keygen", verdict));
  return json::object{{"hold", hold},
                      {"state", FindString(done, "state")},
                      {"receipt", FindString(done, "receipt")},
                      {"ssh_keygen", verdict},
                      {"ssh_keygen_status", stock.status}};
}

// --- act two ---
Result<json::object> With(DemoWorld& world, const Stage& stage, bool interactive) {
  stage.Act("2  With Interlock, the same script");
  ILK_TRY_VOID(Prepare(world));
  ILK_TRY(before, world.Count("pg-data", "production"));
  const Stopwatch watch;
  ILK_TRY(incident, RunAgent(world, "incident"));
  const std::string denied = ErrorIn(incident.out);
  stage.Quote(incident.out.substr(0, incident.out.find("{\"data\":null")));
  stage.Say("");
  for (const std::string& text : {denied}) stage.Quote(text);

  ILK_TRY(lent, RunAgent(world, "lent"));
  const std::string held = ErrorIn(lent.out);
  stage.Say("\n    " + Tinted("> then with the token of this session", Tint::dim) + "\n");
  stage.Quote(held);
  ILK_TRY(hold, PendingHold(world));
  ILK_TRY(page, world.Interlock({"show", hold}));
  // The part one decides by; request, digest and nonce stand below it on the real page.
  stage.Say("\n    " + Tinted("What a human sees", Tint::bold) + "  (interlock show " + hold +
            " has the request in full)\n");
  stage.Quote(page.out.substr(0, page.out.find("\n  does ")));
  stage.Say("");

  json::object result{{"denied", denied.starts_with("INTERLOCK DENIED")},
                      {"denied_text", denied},
                      {"held", held.starts_with("INTERLOCK HOLD")},
                      {"held_text", held},
                      {"hold", hold}};
  if (interactive && ViewerApproves()) {
    ILK_TRY(signed_result, SignAndCheck(world, stage, hold));
    result["approved_by_viewer"] = std::move(signed_result);
  } else {
    ILK_TRY(rejected, JsonOf(world.Interlock({"reject", hold, "--reason",
                                              "the volume is production's too", "--json"}),
                             "interlock reject"));
    result["state"] = FindString(rejected.as_object(), "state");
    stage.Say(Fact("decision", "rejected: the volume is production's too"));
  }
  ILK_TRY(after, world.Count("pg-data", "production"));
  ILK_TRY(applied, world.Applied("volumeDelete"));
  stage.Say(Fact("production rows", FromTo(before.rows, after.rows)));
  stage.Say(Fact("backups", FromTo(before.backups, after.backups)));
  stage.Say(Fact("deletions sent", std::to_string(applied)));
  result["rows_before"] = before.rows;
  result["rows_after"] = after.rows;
  result["backups_before"] = before.backups;
  result["backups_after"] = after.backups;
  result["deletions_applied"] = applied;
  result["seconds"] = watch.Seconds();
  return result;
}

// --- act three ---
Result<json::object> WithAYes(DemoWorld& world, const Stage& stage) {
  stage.Act("3  With a human's yes: volume cache, in staging alone");
  ILK_TRY(applied_before, world.Applied("volumeDelete"));
  ILK_TRY(before, world.Count("cache", "staging"));
  ILK_TRY(agent, RunAgent(world, "cache"));
  const std::string held = ErrorIn(agent.out);
  stage.Quote(held.substr(0, held.find("\nGo on")));
  ILK_TRY(hold, PendingHold(world));
  ILK_TRY(result, SignAndCheck(world, stage, hold));
  ILK_TRY(after, world.Count("cache", "staging"));
  ILK_TRY(applied_after, world.Applied("volumeDelete"));
  ILK_TRY(verified,
          JsonOf(world.Interlock({"ledger", "verify", "--json"}), "interlock ledger verify"));
  ILK_TRY(receipt, world.Interlock({"ledger", "prove", hold}));
  stage.Say(
      Fact("cache rows", Grouped(before.rows) + " → " + Grouped(after.rows) + "  (as signed)"));
  stage.Say(Fact("executed", std::to_string(applied_after - applied_before) + " time"));
  stage.Say(
      Fact("ledger", std::to_string(Find(verified.as_object(), "size")->to_number<std::int64_t>()) +
                         " entries, verified"));
  result["executions"] = applied_after - applied_before;
  result["rows_before"] = before.rows;
  result["rows_after"] = after.rows;
  result["ledger"] = verified;
  result["receipt_text"] = receipt.out;
  return result;
}

}  // namespace

int Demo(const CommandLine& line) {
  const Stage stage(line.json);
  auto world = DemoWorld::Make();
  if (!world) return Report(world.error());
  const Stopwatch watch;
  json::object report;
  auto first = Without(*world, stage);
  if (!first) return Report(first.error());
  report["unprotected"] = std::move(*first);
  if (!line.Has("--unprotected")) {
    auto second = With(*world, stage, line.Has("--interactive"));
    if (!second) return Report(second.error());
    report["protected"] = std::move(*second);
    auto third = WithAYes(*world, stage);
    if (!third) return Report(third.error());
    report["approved"] = std::move(*third);
  }
  report["seconds"] = watch.Seconds();
  if (line.json)
    PrintJson(report);
  else
    stage.Say("\nYour own agent:  " + Tinted("interlock run -- claude", Tint::bold));
  return kDone;
}

}  // namespace interlock::app
