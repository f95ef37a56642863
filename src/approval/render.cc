#include "approval/render.h"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "approval/text_layout.h"
#include "base/bytes.h"

namespace interlock::approval {

namespace {

constexpr std::size_t kLabelColumns = 10;
constexpr std::string_view kCannot = "can't be shown in full, can't be approved: ";

enum class Tone { plain, strong, alarm, care };

// Lines of a page, each in one tone. Text that comes from outside is cleaned before it gets here.
class Page {
 public:
  explicit Page(std::size_t width) : width_(std::max<std::size_t>(width, 60)) {}

  void Blank() { lines_.push_back({"", Tone::plain}); }

  // `left` and, at the right edge, `right`; on a line of its own where both don't fit.
  void Split(std::string_view indent, const std::string& left, const std::string& right,
             Tone tone) {
    std::vector<std::string> lines = Wrap(left, width_ - indent.size());
    for (std::string& line : lines) line = std::string(indent) + line;
    PutRight(lines, right);
    for (std::string& line : lines) lines_.push_back({std::move(line), tone});
  }

  // A labelled row; an empty label continues the row above.
  void Row(std::string_view label, const std::string& text, const std::string& right = "",
           Tone tone = Tone::plain) {
    std::vector<std::string> lines = Wrap(text, width_ - kLabelColumns);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      std::string head = i == 0 ? "  " + std::string(label) : "";
      head.resize(kLabelColumns, ' ');
      lines[i] = head + lines[i];
    }
    PutRight(lines, right);
    for (std::string& line : lines) lines_.push_back({std::move(line), tone});
  }

  // Text of the request, line by line behind a bar, so that it can't imitate a row of the page; a
  // line too long for the page goes on behind a colon.
  void Quote(std::string_view text) {
    while (true) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string line = EscapeForHumans(text.substr(0, end), end);
      std::string mark = "| ";
      for (const std::string& piece : CutHard(line)) {
        lines_.push_back({std::string(kLabelColumns, ' ') + mark + piece, Tone::plain});
        mark = ": ";
      }
      if (end == text.size()) return;
      text.remove_prefix(end + 1);
      if (text.empty()) return;
    }
  }

  std::size_t line_count() const { return lines_.size(); }

  std::string Text(Color color) const {
    std::string out;
    for (const Line& line : lines_) {
      const std::string_view code = color == Color::ansi ? Code(line.tone) : "";
      out.append(code).append(line.text).append(code.empty() ? "" : "\x1b[0m").append("\n");
    }
    return out;
  }

 private:
  struct Line {
    std::string text;
    Tone tone;
  };

  static std::string_view Code(Tone tone) {
    switch (tone) {
      case Tone::plain:
        return "";
      case Tone::strong:
        return "\x1b[1m";
      case Tone::alarm:
        return "\x1b[1;31m";
      case Tone::care:
        return "\x1b[33m";
    }
    return "";
  }

  void PutRight(std::vector<std::string>& lines, const std::string& right) const {
    if (right.empty()) return;
    const std::size_t columns = DisplayWidth(right);
    const std::size_t used = DisplayWidth(lines.back());
    if (used + 2 + columns <= width_) {
      lines.back() += std::string(width_ - used - columns, ' ') + right;
      return;
    }
    for (const std::string& piece : Wrap(right, width_ - kLabelColumns)) {
      lines.push_back(std::string(width_ - DisplayWidth(piece), ' ') + piece);
    }
  }

  // Like Wrap, but every byte stays: blanks in a request are part of it.
  std::vector<std::string> CutHard(std::string_view line) const {
    std::vector<std::string> out;
    const std::size_t room = width_ - kLabelColumns - 2;
    std::string piece;
    std::size_t columns = 0;
    for (std::size_t at = 0; at < line.size();) {
      std::size_t size = 1;
      while (at + size < line.size() &&
             (static_cast<unsigned char>(line[at + size]) & 0xc0) == 0x80) {
        ++size;
      }
      const std::string_view point = line.substr(at, size);
      const std::size_t wide = DisplayWidth(point);
      if (columns + wide > room) {
        out.push_back(std::move(piece));
        piece.clear();
        columns = 0;
      }
      piece.append(point);
      columns += wide;
      at += size;
    }
    out.push_back(std::move(piece));
    return out;
  }

  std::size_t width_;
  std::vector<Line> lines_;
};

std::string Upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

std::string Join(const std::vector<std::string>& parts, std::string_view last = " and ") {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += i + 1 == parts.size() ? std::string(last) : ", ";
    out += parts[i];
  }
  return out;
}

bool IsProtected(const EnvironmentSeen& seen) { return !seen.disposable; }

// Mapped names without doubles: production, then what else is protected, then the rest.
std::vector<std::string> EnvironmentWords(const Scope& scope) {
  std::vector<std::string> names;
  const auto add = [&](const auto& wanted) {
    for (const EnvironmentSeen& seen : scope.environments) {
      const std::string& name = seen.mapped.empty() ? seen.name : seen.mapped;
      if (wanted(seen, name) && std::ranges::find(names, name) == names.end()) {
        names.push_back(name);
      }
    }
  };
  add([](const EnvironmentSeen&, const std::string& name) { return name == "production"; });
  add([](const EnvironmentSeen& seen, const std::string&) { return IsProtected(seen); });
  add([](const EnvironmentSeen&, const std::string&) { return true; });
  if (!scope.unresolved.empty() || !scope.unresolved_reason.empty()) {
    std::erase(names, "production");
    names.insert(names.begin(), "production (unresolved)");
  }
  if (names.empty()) names.emplace_back("no environment");
  return names;
}

std::vector<std::string> TargetNames(const Statement& statement) {
  std::vector<std::string> names;
  for (const std::string& name : statement.scope.names) names.push_back(CleanName(name));
  if (!names.empty()) return names;
  for (const ResourceId& target : statement.action.targets) {
    names.push_back(CleanName(interlock::ToString(target)));
  }
  return names;
}

std::string Remaining(TimePoint now, TimePoint expires) {
  const std::string at = FormatTime(expires).substr(11, 5) + " UTC";
  if (now >= expires) return "EXPIRED at " + at;
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(expires - now).count();
  if (minutes == 0) return "expires in less than a minute, " + at;
  if (minutes < 120) return "expires in " + std::to_string(minutes) + " min, " + at;
  return "expires in " + std::to_string(minutes / 60) + " h, " + FormatTime(expires).substr(0, 10) +
         " " + at;
}

void PutTitle(Page& page, const Statement& statement, TimePoint now) {
  page.Split("", "HOLD " + CleanName(statement.hold), Remaining(now, statement.expires),
             Tone::strong);
  std::string what = CleanLine(OperationInWords(statement.action.operation));
  if (statement.action.operations.size() > 1) {
    what += " and " + std::to_string(statement.action.operations.size() - 1) + " more";
  }
  if (statement.action.effect == Effect::unknown) what += " (effect unknown)";
  const std::vector<std::string> names = TargetNames(statement);
  if (!names.empty()) what += "  " + Join(names, ", ");
  const bool alarm = !statement.scope.unresolved.empty() ||
                     std::ranges::any_of(statement.scope.environments, IsProtected);
  std::vector<std::string> where = EnvironmentWords(statement.scope);
  for (std::string& name : where) {
    name = CleanLine(name);
    if (name.starts_with("production")) name = Upper(name);
  }
  page.Split("", what, Join(where), alarm ? Tone::alarm : Tone::strong);
}

template <typename Items, typename Put>
void PutRows(Page& page, std::string_view label, const Items& items, const Put& put) {
  bool first = true;
  for (const auto& item : items) {
    put(page, first ? label : std::string_view(), item);
    first = false;
  }
}

std::string KnownBy(const std::string& known_by) {
  return known_by.empty() ? "(nobody observed it)" : CleanLine(known_by);
}

void PutScope(Page& page, const Statement& statement) {
  const Scope& scope = statement.scope;
  const auto observation = [](Page& to, std::string_view label, const Observation& each) {
    to.Row(label, CleanLine(each.what), KnownBy(each.known_by));
  };
  PutRows(page, "where", scope.where, observation);
  if (!scope.unresolved.empty() || !scope.unresolved_reason.empty()) {
    for (const ResourceId& target : scope.unresolved) {
      page.Row("unknown", CleanName(interlock::ToString(target)) + " counts as production", "",
               Tone::alarm);
    }
    page.Row(scope.unresolved.empty() ? "unknown" : "", CleanLine(scope.unresolved_reason), "",
             Tone::alarm);
  }
  PutRows(page, "env", scope.environments,
          [](Page& to, std::string_view label, const EnvironmentSeen& seen) {
            std::string text = CleanName(seen.mapped) + ": at the provider " + CleanName(seen.name);
            if (!seen.id.empty()) text += ", id " + CleanName(seen.id);
            if (seen.ephemeral) text += ", ephemeral";
            if (seen.disposable) text += ", declared disposable";
            to.Row(label, text);
          });
  PutRows(page, "lost", scope.loss, observation);
}

void PutRecovery(Page& page, const Recovery& recovery) {
  std::string verdict;
  Tone tone = Tone::plain;
  switch (recovery.verdict) {
    case RecoveryVerdict::none:
      verdict = "NOTHING PROVED.";
      tone = Tone::alarm;
      break;
    case RecoveryVerdict::degraded:
      verdict = "PARTLY PROVED.";
      tone = Tone::care;
      break;
    case RecoveryVerdict::verified:
      verdict = "proved.";
      break;
  }
  if (!recovery.summary.empty()) verdict += "  " + CleanLine(recovery.summary);
  page.Row("back", verdict, "", tone);
  for (const Evidence& each : recovery.evidence) {
    page.Row("",
             CleanName(each.check) + " " + std::string(ToString(each.finding)) + ": " +
                 CleanLine(each.what),
             KnownBy(each.known_by));
  }
}

void PutAsked(Page& page, const Statement& statement) {
  if (!statement.belief.empty()) page.Row("check", CleanLine(statement.belief), "", Tone::care);
  const SessionInfo& session = statement.session;
  page.Row("asked", "session " + CleanName(session.id) + " (" + CleanLine(session.agent) + ", " +
                        CleanName(session.workspace) + "), started by " +
                        CleanName(session.started_by) + ", lent " + CleanName(session.environment));
  const std::string rule =
      statement.decision.rule.empty() ? "(no rule)" : CleanName(statement.decision.rule);
  page.Row("rule", rule + ": " + std::string(interlock::ToString(statement.decision.verdict)) +
                       ", " + CleanLine(statement.decision.reason));
  const int required = statement.approvals_required;
  page.Row("needs", std::to_string(required) + (required == 1 ? " approver" : " approvers"));
}

std::string Described(std::string_view name, Effect effect, Disclosure discloses,
                      std::string_view because) {
  std::string text = CleanName(name) + " is " + std::string(interlock::ToString(effect));
  if (discloses == Disclosure::credential) text += " and discloses a credential";
  return because.empty() ? text : text + ": " + CleanLine(because);
}

void PutOperations(Page& page, const Action& action) {
  page.Row("does", Described(action.operation, action.effect, action.discloses, action.because) +
                       (action.provider.empty() ? " (no pack knows this host)"
                                                : " (pack " + CleanName(action.provider) + ")"));
  for (const ResourceId& target : action.targets) {
    page.Row("", "target " + CleanName(interlock::ToString(target)));
  }
  // A single operation that says what the line above says is not said twice.
  const bool same =
      action.operations.size() == 1 &&
      Described(action.operations[0].name, action.operations[0].effect,
                action.operations[0].discloses, action.operations[0].because) ==
          Described(action.operation, action.effect, action.discloses, action.because) &&
      action.operations[0].targets == action.targets;
  std::size_t number = 0;
  for (const Operation& operation : action.operations) {
    if (!same) {
      page.Row("", std::to_string(++number) + ". " +
                       Described(operation.name, operation.effect, operation.discloses,
                                 operation.because));
      for (const ResourceId& target : operation.targets) {
        page.Row("", "   on " + CleanName(interlock::ToString(target)));
      }
    }
    if (!operation.arguments.empty()) page.Quote(Canonical(operation.arguments));
  }
}

// The parts of a GraphQL request in place of the JSON around them. Only for an object that has
// these members and no other, so that nothing of the body is left out.
bool PutGraphql(Page& page, const std::string& body) {
  const auto value = ParseJson(body);
  if (!value || !value->is_object()) return false;
  const json::object& object = value->get_object();
  const json::value* const query = Find(object, "query");
  if (query == nullptr || !query->is_string()) return false;
  for (const auto& member : object) {
    if (member.key() != "query" && member.key() != "variables" && member.key() != "operationName") {
      return false;
    }
  }
  page.Quote(std::string_view(query->get_string()));
  for (const char* key : {"operationName", "variables"}) {
    if (const json::value* part = Find(object, key)) {
      page.Quote(std::string(key) + ": " + Canonical(*part));
    }
  }
  return true;
}

std::string WhereItStands(const CredentialRef& ref) {
  const std::string header = "as " + CleanName(ref.header) + ": ";
  switch (ref.stand) {
    case CredentialStand::header:
      return header + CleanLine(ref.prefix) + "(secret)";
    case CredentialStand::basic_password:
      return header + "Basic " + CleanLine(ref.name) + ":(secret)";
    case CredentialStand::basic_user:
      return header + "Basic (secret):" + CleanLine(ref.name);
    case CredentialStand::basic_pair:
      return header + "Basic (secret)";
    case CredentialStand::query:
    case CredentialStand::form:
    case CredentialStand::json:
      break;
  }
  return "as " + CleanLine(ref.name) + " in the " +
         (ref.stand == CredentialStand::query ? "query" : "body") + ", where " +
         std::string(kCredentialMark) + " stands";
}

Result<void> PutRequest(Page& page, const UpstreamRequest& request) {
  const bool default_port = request.port == (request.scheme == "https" ? 443u : 80u);
  const std::string url = request.scheme + "://" + request.host +
                          (default_port ? "" : ":" + std::to_string(request.port)) + request.target;
  std::string credential = "no credential";
  if (request.credential) {
    credential = "credential: " + CleanName(request.credential->entry) + " (v" +
                 std::to_string(request.credential->version) + ") " +
                 WhereItStands(*request.credential);
  }
  page.Row("request", CleanName(request.method) + " " + CleanLine(url));
  page.Row("", credential);
  for (const Header& header : request.headers) {
    if (header.name == "content-encoding" && !EqualsIgnoreCase(header.value, "identity")) {
      return Fail(Code::invalid_input, std::string(kCannot) + "the request's body is compressed");
    }
    page.Row("", CleanLine(header.name) + ": " + CleanLine(header.value));
  }
  if (request.body.empty()) return {};
  if (!IsUtf8(request.body)) {
    return Fail(Code::invalid_input, std::string(kCannot) + "the request's body is not text (" +
                                         std::to_string(request.body.size()) + " bytes)");
  }
  page.Row("body", std::to_string(request.body.size()) + " bytes");
  if (!PutGraphql(page, request.body)) page.Quote(request.body);
  return {};
}

void PutBinding(Page& page, const Statement& statement) {
  page.Row("digest", Digest(statement.action));
  page.Row("policy", CleanName(statement.policy_digest));
  page.Row("nonce", CleanName(statement.nonce));
  page.Row("made", FormatTime(statement.created) + ", expires " + FormatTime(statement.expires));
  if (!statement.checkpoint.empty()) {
    page.Row("ledger", "when this hold was made:");
    page.Quote(statement.checkpoint);
  }
}

std::vector<std::string> AllLookAlikes(const Statement& statement) {
  std::vector<std::string> found;
  const auto look = [&](std::string_view text, TextKind kind) {
    for (std::string& each : LookAlikes(text, kind)) {
      if (std::ranges::find(found, each) == found.end()) found.push_back(std::move(each));
    }
  };
  const auto name = [&](std::string_view text) { look(text, TextKind::identifier); };
  const auto prose = [&](std::string_view text) { look(text, TextKind::prose); };
  const Action& action = statement.action;
  name(action.operation);
  for (const ResourceId& target : action.targets) name(interlock::ToString(target));
  for (const std::string& each : statement.scope.names) name(each);
  for (const EnvironmentSeen& seen : statement.scope.environments) {
    name(seen.name);
    name(seen.mapped);
    name(seen.id);
  }
  for (const Observation& each : statement.scope.where) prose(each.what);
  for (const Observation& each : statement.scope.loss) prose(each.what);
  for (const Operation& operation : action.operations) {
    name(operation.name);
    prose(operation.because);
    prose(Canonical(operation.arguments));
  }
  name(action.request.host);
  name(action.request.target);
  for (const Header& header : action.request.headers) prose(header.value);
  if (action.request.credential) name(action.request.credential->entry);
  prose(action.request.body);
  prose(statement.belief);
  name(statement.session.started_by);
  name(statement.session.environment);
  prose(statement.session.agent);
  prose(statement.session.workspace);
  return found;
}

}  // namespace

Result<std::string> Render(const Statement& statement, const RenderOptions& options) {
  // Before any work: a page of so many lines can't hold it.
  if (statement.action.request.body.size() > options.lines_max * options.width) {
    return Fail(Code::limit, std::string(kCannot) + "the request's body has " +
                                 std::to_string(statement.action.request.body.size()) + " bytes");
  }
  Page page(options.width);
  PutTitle(page, statement, options.now);
  page.Blank();
  for (const std::string& each : AllLookAlikes(statement)) {
    page.Row("warning", each + " holds letters that look like others", "", Tone::alarm);
  }
  PutScope(page, statement);
  PutRecovery(page, statement.recovery);
  PutAsked(page, statement);
  page.Blank();
  PutOperations(page, statement.action);
  page.Blank();
  ILK_TRY_VOID(PutRequest(page, statement.action.request));
  page.Blank();
  PutBinding(page, statement);
  if (page.line_count() > options.lines_max) {
    return Fail(Code::limit, std::string(kCannot) + std::to_string(page.line_count()) + " lines");
  }
  return page.Text(options.color);
}

std::string Summary(const Statement& statement) {
  const auto clip = [](const std::string& text) { return EscapeForHumans(text, 120); };
  std::string out =
      statement.session.agent.empty() ? "An agent" : clip(CleanLine(statement.session.agent));
  out += " wants to " + clip(CleanLine(OperationInWords(statement.action.operation)));
  const std::vector<std::string> names = TargetNames(statement);
  if (!names.empty()) out += " " + clip(Join(names, ", "));
  out += " (" + clip(CleanLine(EnvironmentsInWords(statement.scope))) + "). ";
  switch (statement.recovery.verdict) {
    case RecoveryVerdict::none:
      out += "Nothing proved could bring it back";
      break;
    case RecoveryVerdict::degraded:
      out += "Partly proved that it could be brought back";
      break;
    case RecoveryVerdict::verified:
      out += "Proved that it could be brought back";
      break;
  }
  if (!statement.recovery.summary.empty())
    out += ": " + clip(CleanLine(statement.recovery.summary));
  return out + ".";
}

std::string TypeToApprove(const Statement& statement) {
  if (statement.scope.names.size() == 1) {
    const std::string& name = statement.scope.names.front();
    if (name.size() <= 64 && CleanName(name) == name) return name;
  }
  return Digest(statement.action).substr(0, 8);
}

std::string OperationInWords(std::string_view operation) {
  const std::size_t dot = operation.find('.');
  std::string_view name = dot == std::string_view::npos ? operation : operation.substr(dot + 1);
  const bool camel =
      !name.empty() &&
      std::ranges::all_of(
          name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }) &&
      name.front() >= 'a' && name.front() <= 'z';
  if (!camel) return std::string(name);
  std::vector<std::string> words(1);
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') words.emplace_back();
    words.back().push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  constexpr std::array<std::string_view, 20> kVerbs = {
      "delete", "create",  "update",   "remove",   "restore", "detach", "attach",
      "upsert", "deploy",  "rename",   "rollback", "wipe",    "reset",  "cancel",
      "stop",   "restart", "transfer", "lock",     "drop",    "destroy"};
  if (words.size() > 1 && std::ranges::find(kVerbs, words.back()) != kVerbs.end()) {
    std::ranges::rotate(words, words.end() - 1);
  }
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string EnvironmentsInWords(const Scope& scope) { return Join(EnvironmentWords(scope)); }

}  // namespace interlock::approval
