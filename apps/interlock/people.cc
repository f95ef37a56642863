// Approvers and status, as the person who runs the gateway sees them.
#include <cstdio>

#include "base/bytes.h"
#include "base/file.h"
#include "commands.h"
#include "context.h"
#include "text.h"

namespace interlock::app {

int ApproverAdd(const CommandLine& line) {
  if (!line.Has("--ssh-key")) {
    std::fprintf(stderr, "interlock: approver add wants --ssh-key FILE.pub\n");
    return kUsage;
  }
  const auto key = ReadFile(line.Get("--ssh-key"), 64u << 10);
  if (!key) return Report(key.error());
  return Finish(
      line, CallGateway(line, {{"op", "approver.add"}, {"name", line.operands[0]}, {"key", *key}}),
      [&](const json::value& added) {
        std::printf("%s  %s  may approve\n", line.operands[0].c_str(),
                    Cell(added.as_object(), "key").c_str());
      });
}

int ApproverList(const CommandLine& line) {
  return Finish(line, CallGateway(line, {{"op", "approver.list"}}), [](const json::value& list) {
    std::vector<std::vector<std::string>> rows = {{"NAME", "KIND", "KEY"}};
    for (const json::value& value : list.as_array()) {
      rows.push_back({Cell(value.as_object(), "name"), Cell(value.as_object(), "kind"),
                      Cell(value.as_object(), "key")});
    }
    PrintTable(rows);
  });
}

int Status(const CommandLine& line) {
  const auto answer = CallGateway(line, {{"op", "status"}});
  return Finish(line, answer, [](const json::value& value) {
    const json::object& status = value.as_object();
    const json::object& gateway = *FindObject(status, "gateway");
    std::printf("gateway   pid %lld  version %s  proxy %s\n",
                static_cast<long long>(Find(gateway, "pid")->to_number<std::int64_t>()),
                Cell(gateway, "version").c_str(), Cell(gateway, "proxy").c_str());
    const json::array& sessions = *FindArray(status, "sessions");
    std::printf("sessions  %zu\n", sessions.size());
    for (const json::value& s : sessions) {
      std::printf("  %s  %s  lent %s  %s\n", Cell(s.as_object(), "session").c_str(),
                  Cell(s.as_object(), "agent").c_str(), Cell(s.as_object(), "environment").c_str(),
                  Cell(s.as_object(), "workspace").c_str());
      for (const json::value& r : *FindArray(s.as_object(), "reach")) {
        std::printf("      reaches %s (inside: %s)\n", Cell(r.as_object(), "service").c_str(),
                    Cell(r.as_object(), "inside").c_str());
      }
      if (const json::array* lends = FindArray(s.as_object(), "lends")) {
        for (const json::value& lend : *lends) {
          if (Find(lend.as_object(), "refused_since") == nullptr) continue;
          std::printf(
              "      %s refuses %s since %s: give it a new value with `interlock vault add`\n",
              Cell(lend.as_object(), "provider").c_str(), Cell(lend.as_object(), "entry").c_str(),
              Cell(lend.as_object(), "refused_since").c_str());
        }
      }
    }
    std::printf("holds     %lld pending\n",
                static_cast<long long>(
                    Find(*FindObject(status, "holds"), "pending")->to_number<std::int64_t>()));
    for (const json::value& w : *FindArray(status, "weaknesses")) {
      std::printf("%s  %s\n          %s\n", Tinted("weak     ", Tint::yellow).c_str(),
                  Cell(w.as_object(), "means").c_str(), Cell(w.as_object(), "remedy").c_str());
    }
  });
}

}  // namespace interlock::app
