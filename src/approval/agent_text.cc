#include "approval/agent_text.h"

#include "approval/render.h"
#include "base/bytes.h"

namespace interlock::approval {

namespace {

constexpr std::size_t kFieldBytesMax = 400;
constexpr std::size_t kItemsMax = 5;

// ASCII in one line: what agents, terminals and log files all carry unchanged.
std::string Ascii(std::string_view text, std::size_t limit = kFieldBytesMax) {
  const std::string escaped = EscapeForHumans(text, limit);
  std::string out;
  for (std::size_t at = 0; at < escaped.size();) {
    const std::string_view rest = std::string_view(escaped).substr(at);
    std::size_t size = 1;
    while (at + size < escaped.size() &&
           (static_cast<unsigned char>(escaped[at + size]) & 0xc0) == 0x80) {
      ++size;
    }
    if (size == 1) {
      out.push_back(escaped[at]);
    } else if (rest.starts_with("…")) {
      out += "...";
    } else if (rest.starts_with("·") || rest.starts_with("–") || rest.starts_with("—")) {
      out += "-";
    } else {
      out += "?";
    }
    at += size;
  }
  return out;
}

// A sentence ends in a full stop, whoever wrote it.
std::string Sentence(std::string_view text) {
  std::string out = Ascii(text);
  if (!out.empty() && out.back() != '.' && out.back() != '!' && out.back() != '?') out += '.';
  return out;
}

std::string Capital(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') {
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  }
  return text;
}

template <typename Items, typename Text>
std::string List(const Items& items, const Text& text) {
  std::string out;
  std::size_t count = 0;
  for (const auto& item : items) {
    if (count == kItemsMax) return out + ", and " + std::to_string(items.size() - count) + " more";
    out += (count++ == 0 ? "" : ", ") + text(item);
  }
  return out;
}

std::string Targets(const Statement& statement) {
  const std::string names = List(
      statement.scope.names, [](const std::string& name) { return '"' + Ascii(name, 100) + '"'; });
  const std::string ids = List(statement.action.targets, [](const ResourceId& target) {
    return Ascii(interlock::ToString(target), 150);
  });
  if (names.empty()) return ids.empty() ? "" : " " + ids;
  return " " + names + (ids.empty() ? "" : " (" + ids + ")");
}

std::string ResolvedTo(const Statement& statement) {
  const Scope& scope = statement.scope;
  std::string out = "You asked to " + Ascii(OperationInWords(statement.action.operation), 100) +
                    Targets(statement) + ". It acts in " + Ascii(EnvironmentsInWords(scope));
  const std::string where =
      List(scope.where, [](const Observation& each) { return Ascii(each.what, 120); });
  out += (where.empty() ? "" : " (" + where + ")") + ".";
  if (!scope.unresolved_reason.empty()) {
    out += " Where it acts could not be observed: " + Sentence(scope.unresolved_reason);
  }
  if (!statement.belief.empty()) out += " " + Capital(Sentence(statement.belief));
  const std::string loss =
      List(scope.loss, [](const Observation& each) { return Ascii(each.what, 120); });
  if (!loss.empty()) out += " It would destroy " + Sentence(loss);
  return out;
}

std::string WhoIsAsked(const Statement& statement, const HoldNotice& notice) {
  const std::string until = FormatTime(statement.expires).substr(11, 5) + " UTC";
  if (notice.asked.empty()) {
    return "No human who could approve this is enrolled; it lapses at " + until + ".";
  }
  const std::string names =
      List(notice.asked, [](const std::string& name) { return Ascii(name, 64); });
  if (statement.approvals_required > 1) {
    return std::to_string(statement.approvals_required) + " humans (of " + names +
           ") are asked until " + until + ".";
  }
  return std::string(notice.asked.size() == 1 ? "A human (" : "One of several humans (") + names +
         ") is asked until " + until + ".";
}

// For a request that joined a hold which is past its question.
std::string JoinedText(const Statement& statement, const std::string& id, State state) {
  std::string out = "INTERLOCK HOLD " + id + ": this request was not sent; ";
  if (state == State::approved || state == State::executing) {
    out += "the same one was approved and is being carried out.\n";
  } else {
    out += "the same one was sent before and its outcome is unknown: it may have happened.\n";
  }
  out += ResolvedTo(statement) +
         "\nIt is sent once, by Interlock itself. Look at the state before doing anything that "
         "depends on it: http://interlock.internal/holds/" +
         id;
  return out;
}

}  // namespace

std::string AgentHoldText(const Statement& statement, const HoldNotice& notice) {
  const std::string id = Ascii(statement.hold, 64);
  if (notice.state != State::pending) return JoinedText(statement, id, notice.state);
  std::string out = "INTERLOCK HOLD " + id + ": not executed, nothing changed.\n";
  out += ResolvedTo(statement) + "\n";
  out += WhoIsAsked(statement, notice) +
         " Other commands, tokens or routes to the same end are held as well.\n";
  out += "Go on with work that does not need this. State: http://interlock.internal/holds/" + id;
  if (!notice.safer.empty()) out += "\nSafer: " + Sentence(notice.safer);
  return out;
}

std::string AgentDenyText(const Denial& denial) {
  std::string out = "INTERLOCK DENIED " + Ascii(denial.id, 64) + ": not sent, nothing changed.";
  if (!denial.what.empty()) out += "\n" + Sentence(denial.what);
  if (!denial.instead.empty()) out += "\n" + Sentence(denial.instead);
  return out;
}

}  // namespace interlock::approval
