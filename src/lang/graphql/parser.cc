#include "lang/graphql/parser.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <string>

#include "base/bytes.h"
#include "lang/graphql/lexer.h"

namespace interlock::graphql {
namespace {

constexpr std::array<std::string_view, 9> kTypeSystemWords = {
    "schema", "scalar", "type", "interface", "union", "enum", "input", "directive", "extend"};

// Where in the text, for a human.
std::string Position(std::string_view text, std::size_t offset) {
  std::size_t line = 1;
  std::size_t line_start = 0;
  for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
    const bool pair = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if ((text[i] == '\n' || text[i] == '\r') && !pair) {
      ++line;
      line_start = i + 1;
    }
  }
  return std::to_string(line) + ":" + std::to_string(offset - line_start + 1) + ": ";
}

// By name; equal ones in the order of the text (both are views into it).
bool TextOrder(std::string_view a, std::string_view b) {
  const auto order = a <=> b;
  return order != 0 ? order < 0 : std::less<>()(a.data(), b.data());
}

bool IsAscii(std::string_view text) {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

// Recursive descent over the lexer's tokens with one token of look-ahead. Every function returns
// false once error_ is set; nothing is read after that.
class Parser {
 public:
  Parser(Document& document, Limits limits)
      : document_(document), limits_(limits), text_(document.source()), lexer_(text_) {}

  bool Run();
  Error TakeError() { return std::move(error_); }

 private:
  // ── tokens ──
  bool Advance();
  bool FailAt(std::size_t offset, std::string message, Code code = Code::invalid_input);
  bool Expected(std::string_view what);
  bool Expect(char punctuator);
  bool Name(std::string_view what, std::string_view& out);
  bool Enter(std::size_t& depth);

  // ── grammar, in the order of section 2 ──
  bool Definition();
  bool OperationDefinition();
  bool FragmentDefinition();
  bool SelectionSet(Index& out);
  bool OneSelection(Index& out);
  bool Field(Selection& field);
  bool Spread(Selection& selection);
  bool Arguments(Index& out, bool constant);
  bool Entry(Index& out, bool constant);
  bool Directives(Index& out, bool constant);
  bool VariableDefinitions(Index& out);
  bool OneVariable(Index& out);
  bool TypeReference(Index& out);
  bool OneValue(Index& out, bool constant);
  bool Scalar(Value& value);
  bool NamedValue(Value& value);
  bool StringValue(Value& value);
  bool ListValue(Value& value, bool constant);
  bool ObjectValue(Value& value, bool constant);

  // ── names that must be unique ──
  template <typename Node>
  bool UniqueInChain(const std::vector<Node>& nodes, Index first, std::string_view what);
  bool UniqueNames(std::vector<std::string_view> names, std::string_view what);
  bool FinishDocument();

  // Appends `node` and links it behind `last`.
  template <typename Node>
  static Index Add(std::vector<Node>& nodes, const Node& node) {
    nodes.push_back(node);
    return static_cast<Index>(nodes.size() - 1);
  }
  template <typename Node>
  static void Link(std::vector<Node>& nodes, Index node, Index& first, Index& last) {
    if (last == kNone) {
      first = node;
    } else {
      nodes[last].next = node;
    }
    last = node;
  }

  std::size_t OffsetOf(std::string_view part) const {
    return static_cast<std::size_t>(part.data() - text_.data());
  }

  Document& document_;
  const Limits limits_;
  const std::string_view text_;
  Lexer lexer_;
  Token token_;
  std::size_t tokens_ = 0;
  std::size_t selection_depth_ = 0;
  std::size_t value_depth_ = 0;
  std::size_t type_depth_ = 0;
  char* unescaped_end_ = nullptr;
  Error error_;
};

bool Parser::FailAt(std::size_t offset, std::string message, Code code) {
  error_ = Error{code, Position(text_, offset) + std::move(message)};
  return false;
}

bool Parser::Advance() {
  token_ = lexer_.Next();
  if (token_.kind == TokenKind::bad) return FailAt(token_.offset, std::string(lexer_.error()));
  if (++tokens_ > limits_.tokens_max) {
    return FailAt(token_.offset, "more than " + std::to_string(limits_.tokens_max) + " tokens",
                  Code::limit);
  }
  return true;
}

bool Parser::Expected(std::string_view what) {
  std::string message = "expected " + std::string(what) + ", found ";
  switch (token_.kind) {
    case TokenKind::end:
      message += "the end of the document";
      break;
    case TokenKind::string:
    case TokenKind::block_string:
      message += "a string";
      break;
    case TokenKind::punctuator:
    case TokenKind::name:
    case TokenKind::integer:
    case TokenKind::floating:
    case TokenKind::bad:
      message += "`" + EscapeForHumans(token_.text, 64) + "`";
      break;
  }
  return FailAt(token_.offset, std::move(message));
}

bool Parser::Expect(char punctuator) {
  if (!token_.Is(punctuator)) return Expected("`" + std::string(1, punctuator) + "`");
  return Advance();
}

bool Parser::Name(std::string_view what, std::string_view& out) {
  if (token_.kind != TokenKind::name) return Expected(what);
  out = token_.text;
  return Advance();
}

bool Parser::Enter(std::size_t& depth) {
  if (depth >= limits_.depth_max) {
    return FailAt(token_.offset, "nested deeper than " + std::to_string(limits_.depth_max),
                  Code::limit);
  }
  ++depth;
  return true;
}

bool Parser::Run() {
  document_.selections.reserve(16);
  document_.arguments.reserve(8);
  document_.values.reserve(8);
  if (!Advance()) return false;
  if (token_.kind == TokenKind::end) return Expected("an operation");
  while (token_.kind != TokenKind::end) {
    if (!Definition()) return false;
  }
  return FinishDocument();
}

bool Parser::Definition() {
  if (token_.Is('{')) return OperationDefinition();
  if (token_.kind == TokenKind::name) {
    if (token_.text == "fragment") return FragmentDefinition();
    if (token_.text == "query" || token_.text == "mutation" || token_.text == "subscription") {
      return OperationDefinition();
    }
  }
  const bool described = token_.kind == TokenKind::string || token_.kind == TokenKind::block_string;
  const bool type_system =
      token_.kind == TokenKind::name && std::ranges::count(kTypeSystemWords, token_.text) > 0;
  if (described || type_system) {
    return FailAt(token_.offset, "a type-system definition is refused in an executable document");
  }
  return Expected("an operation or a fragment");
}

bool Parser::OperationDefinition() {
  Operation operation;
  if (!token_.Is('{')) {
    if (token_.text == "mutation") operation.type = OperationType::mutation;
    if (token_.text == "subscription") operation.type = OperationType::subscription;
    if (!Advance()) return false;
    if (token_.kind == TokenKind::name && !Name("a name", operation.name)) return false;
    if (token_.Is('(') && !VariableDefinitions(operation.variables)) return false;
    if (!Directives(operation.directives, false)) return false;
  }
  if (!SelectionSet(operation.selections)) return false;
  document_.operations.push_back(operation);
  return true;
}

bool Parser::FragmentDefinition() {
  Fragment fragment;
  if (!Advance()) return false;
  if (token_.kind == TokenKind::name && token_.text == "on") return Expected("a fragment's name");
  if (!Name("a fragment's name", fragment.name)) return false;
  if (token_.kind != TokenKind::name || token_.text != "on") return Expected("`on`");
  if (!Advance() || !Name("a type's name", fragment.on)) return false;
  if (!Directives(fragment.directives, false)) return false;
  if (!SelectionSet(fragment.selections)) return false;
  document_.fragments.push_back(fragment);
  return true;
}

bool Parser::SelectionSet(Index& out) {
  if (!Enter(selection_depth_) || !Expect('{')) return false;
  Index last = kNone;
  do {
    Index selection = kNone;
    if (!OneSelection(selection)) return false;
    Link(document_.selections, selection, out, last);
  } while (!token_.Is('}'));
  --selection_depth_;
  return Advance();
}

bool Parser::OneSelection(Index& out) {
  // Taken first, so that a parent stands before its children.
  out = Add(document_.selections, Selection{});
  Selection selection;
  if (token_.Is('.')) {
    if (!Advance() || !Spread(selection)) return false;
  } else if (token_.kind == TokenKind::name) {
    if (!Field(selection)) return false;
  } else {
    return Expected("a field or `...`");
  }
  document_.selections[out] = selection;
  return true;
}

bool Parser::Field(Selection& field) {
  if (!Name("a field", field.name)) return false;
  if (token_.Is(':')) {
    field.alias = field.name;
    if (!Advance() || !Name("a field behind the alias", field.name)) return false;
  }
  if (token_.Is('(') && !Arguments(field.arguments, false)) return false;
  if (!Directives(field.directives, false)) return false;
  return !token_.Is('{') || SelectionSet(field.selections);
}

// Behind `...`: section 2.8. `on` begins a type condition, any other name is a fragment's.
bool Parser::Spread(Selection& selection) {
  if (token_.kind == TokenKind::name && token_.text != "on") {
    selection.kind = SelectionKind::fragment_spread;
    return Name("a fragment's name", selection.name) && Directives(selection.directives, false);
  }
  selection.kind = SelectionKind::inline_fragment;
  if (token_.kind == TokenKind::name) {
    if (!Advance() || !Name("a type's name", selection.name)) return false;
  }
  return Directives(selection.directives, false) && SelectionSet(selection.selections);
}

bool Parser::Arguments(Index& out, bool constant) {
  if (!Advance()) return false;  // the parenthesis
  Index last = kNone;
  do {
    Index argument = kNone;
    if (!Entry(argument, constant)) return false;
    Link(document_.arguments, argument, out, last);
  } while (!token_.Is(')'));
  return UniqueInChain(document_.arguments, out, "argument") && Advance();
}

bool Parser::Entry(Index& out, bool constant) {
  Argument entry;
  if (!Name("a name", entry.name) || !Expect(':') || !OneValue(entry.value, constant)) return false;
  out = Add(document_.arguments, entry);
  return true;
}

bool Parser::Directives(Index& out, bool constant) {
  Index last = kNone;
  while (token_.Is('@')) {
    Directive directive;
    if (!Advance() || !Name("a directive's name", directive.name)) return false;
    if (token_.Is('(') && !Arguments(directive.arguments, constant)) return false;
    Link(document_.directives, Add(document_.directives, directive), out, last);
  }
  return true;
}

bool Parser::VariableDefinitions(Index& out) {
  if (!Advance()) return false;  // the parenthesis
  Index last = kNone;
  do {
    Index variable = kNone;
    if (!OneVariable(variable)) return false;
    Link(document_.variables, variable, out, last);
  } while (!token_.Is(')'));
  return UniqueInChain(document_.variables, out, "variable") && Advance();
}

bool Parser::OneVariable(Index& out) {
  VariableDefinition variable;
  if (!Expect('$') || !Name("a variable's name", variable.name) || !Expect(':')) return false;
  if (!TypeReference(variable.type)) return false;
  if (token_.Is('=')) {
    if (!Advance() || !OneValue(variable.default_value, true)) return false;
  }
  if (!Directives(variable.directives, true)) return false;
  out = Add(document_.variables, variable);
  return true;
}

bool Parser::TypeReference(Index& out) {
  Type type;
  if (token_.Is('[')) {
    if (!Enter(type_depth_) || !Advance() || !TypeReference(type.item)) return false;
    --type_depth_;
    if (!Expect(']')) return false;
  } else if (!Name("a type", type.name)) {
    return false;
  }
  if (token_.Is('!')) {
    type.non_null = true;
    if (!Advance()) return false;
  }
  out = Add(document_.types, type);
  return true;
}

bool Parser::OneValue(Index& out, bool constant) {
  Value value;
  bool ok = false;
  if (token_.Is('[')) {
    ok = ListValue(value, constant);
  } else if (token_.Is('{')) {
    ok = ObjectValue(value, constant);
  } else if (token_.Is('$')) {
    if (constant) return FailAt(token_.offset, "a variable may not stand in a constant value");
    value.kind = ValueKind::variable;
    ok = Advance() && Name("a variable's name", value.text);
  } else {
    ok = Scalar(value);
  }
  if (!ok) return false;
  out = Add(document_.values, value);
  return true;
}

bool Parser::Scalar(Value& value) {
  switch (token_.kind) {
    case TokenKind::name:
      return NamedValue(value);
    case TokenKind::string:
    case TokenKind::block_string:
      return StringValue(value);
    case TokenKind::integer:
      value.kind = ValueKind::integer;
      break;
    case TokenKind::floating:
      value.kind = ValueKind::floating;
      break;
    case TokenKind::end:
    case TokenKind::punctuator:
    case TokenKind::bad:
      return Expected("a value");
  }
  value.text = token_.text;
  return Advance();
}

bool Parser::NamedValue(Value& value) {
  value.text = token_.text;
  if (value.text == "true" || value.text == "false") {
    value.kind = ValueKind::boolean;
  } else if (value.text == "null") {
    value.kind = ValueKind::null;
    value.text = {};
  } else {
    value.kind = ValueKind::enumeration;
  }
  return Advance();
}

bool Parser::StringValue(Value& value) {
  value.kind = ValueKind::string;
  value.text = token_.text;
  if (token_.has_escape) {
    // All values together are no longer than the text, so one block of that size never overflows.
    if (!document_.unescaped) {
      document_.unescaped = std::make_unique_for_overwrite<char[]>(text_.size());
      unescaped_end_ = document_.unescaped.get();
    }
    char* const begin = unescaped_end_;
    char* const end = token_.kind == TokenKind::block_string ? UnescapeBlock(token_.text, begin)
                                                             : Unescape(token_.text, begin);
    if (end == nullptr) return FailAt(token_.offset, "a string with an escape that means nothing");
    value.text = {begin, static_cast<std::size_t>(end - begin)};
    unescaped_end_ = end;
  }
  return Advance();
}

bool Parser::ListValue(Value& value, bool constant) {
  value.kind = ValueKind::list;
  if (!Enter(value_depth_) || !Advance()) return false;
  Index last = kNone;
  while (!token_.Is(']')) {
    Index item = kNone;
    if (!OneValue(item, constant)) return false;
    Link(document_.values, item, value.first, last);
  }
  --value_depth_;
  return Advance();
}

bool Parser::ObjectValue(Value& value, bool constant) {
  value.kind = ValueKind::object;
  if (!Enter(value_depth_) || !Advance()) return false;
  Index last = kNone;
  while (!token_.Is('}')) {
    Index entry = kNone;
    if (!Entry(entry, constant)) return false;
    Link(document_.arguments, entry, value.first, last);
  }
  --value_depth_;
  return UniqueInChain(document_.arguments, value.first, "object entry") && Advance();
}

template <typename Node>
bool Parser::UniqueInChain(const std::vector<Node>& nodes, Index first, std::string_view what) {
  constexpr std::size_t kFew = 16;
  std::array<std::string_view, kFew> few;
  std::size_t count = 0;
  for (const Node& node : Chain(nodes, first)) {
    if (count == kFew) {
      std::vector<std::string_view> names;
      for (const Node& each : Chain(nodes, first)) names.push_back(each.name);
      return UniqueNames(std::move(names), what);
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (few[i] == node.name) return UniqueNames({few[i], node.name}, what);
    }
    few[count++] = node.name;
  }
  return true;
}

bool Parser::UniqueNames(std::vector<std::string_view> names, std::string_view what) {
  std::ranges::sort(names, TextOrder);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) return true;
  return FailAt(OffsetOf(*(twice + 1)),
                std::string(what) + " `" + EscapeForHumans(*twice, 64) + "` is given twice");
}

bool Parser::FinishDocument() {
  std::vector<std::string_view> names;
  for (const Operation& operation : document_.operations) {
    if (operation.name.empty() && document_.operations.size() > 1) {
      return FailAt(0, "an operation without a name beside other operations");
    }
    names.push_back(operation.name);
  }
  if (names.size() > 1 && !UniqueNames(std::move(names), "operation")) return false;
  std::ranges::sort(document_.fragments, TextOrder, &Fragment::name);
  for (std::size_t i = 1; i < document_.fragments.size(); ++i) {
    const std::string_view name = document_.fragments[i].name;
    if (document_.fragments[i - 1].name == name) {
      return FailAt(OffsetOf(name), "fragment `" + EscapeForHumans(name, 64) + "` is given twice");
    }
  }
  return true;
}

}  // namespace

Result<Document> Parse(std::string_view text, Limits limits) {
  constexpr std::size_t kBytesEver =
      std::numeric_limits<Index>::max() / 2;  // an Index counts nodes
  if (text.size() > std::min(limits.bytes_max, kBytesEver)) {
    return Fail(Code::limit, "1:1: the document has " + std::to_string(text.size()) +
                                 " bytes, more than " + std::to_string(limits.bytes_max));
  }
  if (!IsAscii(text) && !IsUtf8(text)) {
    return Fail(Code::invalid_input, "1:1: the document is not well-formed UTF-8");
  }
  Document document;
  document.text = std::make_unique_for_overwrite<char[]>(text.size() + 1);
  document.text_bytes = text.size();
  if (!text.empty()) std::memcpy(document.text.get(), text.data(), text.size());
  document.text[text.size()] = '\0';
  Parser parser(document, limits);
  if (!parser.Run()) return std::unexpected<Error>(parser.TakeError());
  return document;
}

}  // namespace interlock::graphql
