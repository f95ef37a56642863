#include "lang/graphql/print.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace interlock::graphql {
namespace {

// Recursion follows the nesting of the text alone (never a spread), which the parser bounds.
class Printer {
 public:
  explicit Printer(const Document& document)
      : document_(document), reached_(document.fragments.size(), false) {
    out_.reserve(document.source().size());
  }

  std::string Run(const Operation& operation);

 private:
  void Header(const Operation& operation);
  void OneFragment(const Fragment& fragment);
  void Variables(Index first);
  void OneType(Index type);
  void Directives(Index first);
  void Arguments(Index first, char open, char close);
  void OneValue(Index value);
  void String(std::string_view text);
  void Selections(Index first);
  void OneSelection(const Selection& selection);
  void Reach(std::string_view fragment);

  const Document& document_;
  std::string out_;
  std::vector<bool> reached_;
  std::vector<std::size_t> to_print_;  // fragments reached and not printed yet
};

std::string Printer::Run(const Operation& operation) {
  Header(operation);
  std::string head = std::move(out_);
  // The closure first, then in the document's order (by name), so that the order of discovery does
  // not show.
  std::vector<std::string> bodies(document_.fragments.size());
  while (!to_print_.empty()) {
    const std::size_t at = to_print_.back();
    to_print_.pop_back();
    out_.clear();
    OneFragment(document_.fragments[at]);
    bodies[at] = out_;
  }
  for (const std::string& body : bodies) head += body;
  return head;
}

void Printer::Header(const Operation& operation) {
  const bool bare = operation.name.empty() && operation.variables == kNone &&
                    operation.directives == kNone && operation.type == OperationType::query;
  if (!bare) {
    out_ += ToString(operation.type);
    if (!operation.name.empty()) {
      out_ += ' ';
      out_ += operation.name;
    }
    Variables(operation.variables);
    Directives(operation.directives);
  }
  Selections(operation.selections);
}

void Printer::OneFragment(const Fragment& fragment) {
  out_ += "fragment ";
  out_ += fragment.name;
  out_ += " on ";
  out_ += fragment.on;
  Directives(fragment.directives);
  Selections(fragment.selections);
}

void Printer::Variables(Index first) {
  if (first == kNone) return;
  char before = '(';
  for (const VariableDefinition& variable : Chain(document_.variables, first)) {
    out_ += before;
    before = ',';
    out_ += '$';
    out_ += variable.name;
    out_ += ':';
    OneType(variable.type);
    if (variable.default_value != kNone) {
      out_ += '=';
      OneValue(variable.default_value);
    }
    Directives(variable.directives);
  }
  out_ += ')';
}

void Printer::OneType(Index type) {
  const Type& node = document_.types[type];
  if (node.item == kNone) {
    out_ += node.name;
  } else {
    out_ += '[';
    OneType(node.item);
    out_ += ']';
  }
  if (node.non_null) out_ += '!';
}

void Printer::Directives(Index first) {
  for (const Directive& directive : Chain(document_.directives, first)) {
    out_ += '@';
    out_ += directive.name;
    if (directive.arguments != kNone) Arguments(directive.arguments, '(', ')');
  }
}

void Printer::Arguments(Index first, char open, char close) {
  out_ += open;
  bool separate = false;
  for (const Argument& argument : Chain(document_.arguments, first)) {
    if (separate) out_ += ',';
    separate = true;
    out_ += argument.name;
    out_ += ':';
    OneValue(argument.value);
  }
  out_ += close;
}

void Printer::OneValue(Index value) {
  const Value& node = document_.values[value];
  switch (node.kind) {
    case ValueKind::variable:
      out_ += '$';
      out_ += node.text;
      return;
    case ValueKind::integer:
    case ValueKind::floating:
    case ValueKind::boolean:
    case ValueKind::enumeration:
      out_ += node.text;
      return;
    case ValueKind::null:
      out_ += "null";
      return;
    case ValueKind::string:
      String(node.text);
      return;
    case ValueKind::object:
      Arguments(node.first, '{', '}');
      return;
    case ValueKind::list:
      break;
  }
  out_ += '[';
  for (Index item = node.first; item != kNone; item = document_.values[item].next) {
    if (item != node.first) out_ += ',';
    OneValue(item);
  }
  out_ += ']';
}

void Printer::String(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out_ += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (c == '\n') {
      out_ += "\\n";
    } else if (c == '\t') {
      out_ += "\\t";
    } else if (c == '\r') {
      out_ += "\\r";
    } else if (byte < 0x20 || byte == 0x7F) {
      out_ += "\\u00";
      out_ += kHex[byte >> 4];
      out_ += kHex[byte & 15];
    } else {
      out_ += c;
    }
  }
  out_ += '"';
}

void Printer::Selections(Index first) {
  out_ += '{';
  bool separate = false;
  for (const Selection& selection : Chain(document_.selections, first)) {
    if (separate) out_ += ' ';
    separate = true;
    OneSelection(selection);
  }
  out_ += '}';
}

void Printer::OneSelection(const Selection& selection) {
  switch (selection.kind) {
    case SelectionKind::fragment_spread:
      out_ += "...";
      out_ += selection.name;
      Reach(selection.name);
      break;
    case SelectionKind::inline_fragment:
      out_ += "...";
      if (!selection.name.empty()) {
        out_ += "on ";
        out_ += selection.name;
      }
      break;
    case SelectionKind::field:
      if (!selection.alias.empty()) {
        out_ += selection.alias;
        out_ += ':';
      }
      out_ += selection.name;
      if (selection.arguments != kNone) Arguments(selection.arguments, '(', ')');
      break;
  }
  Directives(selection.directives);
  if (selection.selections != kNone) Selections(selection.selections);
}

void Printer::Reach(std::string_view fragment) {
  const Fragment* found = document_.FindFragment(fragment);
  if (found == nullptr) return;
  const auto at = static_cast<std::size_t>(found - document_.fragments.data());
  if (reached_[at]) return;
  reached_[at] = true;
  to_print_.push_back(at);
}

}  // namespace

std::string Print(const Document& document, const Operation& operation) {
  return Printer(document).Run(operation);
}

}  // namespace interlock::graphql
