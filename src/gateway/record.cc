#include "gateway/record.h"

#include "base/bytes.h"

namespace interlock::gateway {
namespace {

// RFC 8785 3.2.2.2, for text that is known to be UTF-8.
void AppendString(std::string& out, std::string_view text) {
  constexpr char kHexDigits[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && c != '"' && c != '\\') {
      out += c;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\b') {
      out += "\\b";
    } else if (c == '\f') {
      out += "\\f";
    } else {
      out += "\\u00";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    }
  }
  out += '"';
}

// Keys must come in sorted order.
class Writer {
 public:
  void Field(std::string_view key, std::string_view value) {
    Key(key);
    AppendString(out_,
                 IsUtf8(value) ? value : std::string_view(EscapeForHumans(value, value.size())));
  }
  void Fields(std::string_view key, const std::vector<std::string>& values) {
    Key(key);
    out_ += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out_ += ',';
      AppendString(out_,
                   IsUtf8(values[i]) ? values[i] : EscapeForHumans(values[i], values[i].size()));
    }
    out_ += ']';
  }
  std::string Take() {
    out_ += '}';
    return std::move(out_);
  }
  Writer() { out_.reserve(512); }

 private:
  void Key(std::string_view key) {
    out_ += out_.empty() ? '{' : ',';
    AppendString(out_, key);
    out_ += ':';
  }
  std::string out_;
};

}  // namespace

namespace {

// What isn't UTF-8 isn't JSON: the log would hold a line that no reader accepts. Callers pass text
// that was checked; this is for the one that forgot.
void EscapeInvalid(json::value& value) {
  if (json::string* text = value.if_string()) {
    if (!IsUtf8(*text)) *text = EscapeForHumans(*text, text->size());
  } else if (json::array* list = value.if_array()) {
    for (json::value& item : *list) EscapeInvalid(item);
  } else if (json::object* object = value.if_object()) {
    for (auto& member : *object) EscapeInvalid(member.value());
  }
}

}  // namespace

std::string Entry(std::string_view type, TimePoint at, json::object fields) {
  for (auto& field : fields) EscapeInvalid(field.value());
  fields["type"] = type;
  fields["at"] = FormatTime(at);
  return Canonical(fields);
}

std::string DecisionEntry(const DecisionRecord& record, TimePoint at) {
  const Action& action = *record.action;
  Writer w;
  w.Field("at", FormatTime(at));
  w.Field("credential", record.login.empty() ? ToString(record.facts->credential) : "login");
  if (action.discloses == Disclosure::credential) w.Field("discloses", "credential");
  w.Field("effect", ToString(action.effect));
  w.Fields("environments", record.facts->environments);
  if (!record.hold.empty()) w.Field("hold", record.hold);
  w.Field("host", action.request.host);
  w.Field("id", record.id);
  if (!record.login.empty()) w.Field("login", record.login);
  w.Field("operation", action.operation);
  w.Field("reason", record.decision->reason);
  w.Field("rule", record.decision->rule);
  w.Field("session", record.session);
  std::vector<std::string> targets;
  for (const ResourceId& target : action.targets) {
    if (targets.size() == 64) break;  // the digest of a held action covers all of them
    targets.push_back(ToString(target));
  }
  w.Fields("targets", targets);
  w.Field("type", "decision");
  w.Field("verdict", ToString(record.decision->verdict));
  return w.Take();
}

std::string RefusalsEntry(std::string_view session, const Refusals::Summary& summary,
                          TimePoint at) {
  json::object rules;
  for (const auto& [rule, count] : summary.rules) rules[rule] = count;
  return Entry("refusals", at,
               {{"id", summary.id},
                {"session", session},
                {"since", FormatTime(summary.since)},
                {"count", summary.count},
                {"rules", std::move(rules)},
                {"example", summary.example}});
}

std::string LeakEntry(std::string_view session, std::string_view host,
                      const credential::Finding& finding, TimePoint at) {
  return Entry("leak", at,
               {{"session", session},
                {"host", host},
                {"place", finding.place},
                {"kind", finding.kind},
                {"fingerprint", finding.fingerprint},
                {"found_at", finding.found_at}});
}

}  // namespace interlock::gateway
