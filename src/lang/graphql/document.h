// The syntax tree of one executable GraphQL document (October 2021, section 2).
//
// Nodes lie in flat vectors and name each other by index; siblings are chained through `next`. A
// Document owns its text and everything its string_views point at: it can be moved, not copied, and
// views and indices stay valid for its whole life. Built by Parse (parser.h) alone; read-only
// after.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace interlock::graphql {

using Index = std::uint32_t;
inline constexpr Index kNone = 0xffffffff;

enum class ValueKind : std::uint8_t {
  variable,  // text: the name without `$`
  integer,   // text: as written
  floating,  // text: as written
  string,    // text: the value, escapes and block indentation resolved
  boolean,   // text: "true" or "false"
  null,
  enumeration,  // text: the name
  list,         // first: the first item in `values`
  object,       // first: the first entry in `arguments`
};

struct Value {
  ValueKind kind = ValueKind::null;
  std::string_view text;
  Index first = kNone;
  Index next = kNone;  // the next item of the list this value is in
};

// `name: value`: an argument, or an entry of an object value. Names are unique among siblings.
struct Argument {
  std::string_view name;
  Index value = kNone;
  Index next = kNone;
};

struct Directive {
  std::string_view name;  // without `@`
  Index arguments = kNone;
  Index next = kNone;
};

enum class SelectionKind : std::uint8_t { field, fragment_spread, inline_fragment };

struct Selection {
  SelectionKind kind = SelectionKind::field;
  std::string_view name;   // field or fragment name; an inline fragment's type condition or ""
  std::string_view alias;  // "" when there is none
  Index arguments = kNone;
  Index directives = kNone;
  Index selections = kNone;  // the first child
  Index next = kNone;

  std::string_view response_key() const { return alias.empty() ? name : alias; }
};

struct Type {
  std::string_view name;  // "" for a list
  Index item = kNone;     // the item type of a list, in `types`
  bool non_null = false;
};

struct VariableDefinition {
  std::string_view name;  // without `$`; unique in its operation
  Index type = kNone;
  Index default_value = kNone;
  Index directives = kNone;
  Index next = kNone;
};

enum class OperationType : std::uint8_t { query, mutation, subscription };
std::string_view ToString(OperationType type);

struct Operation {
  OperationType type = OperationType::query;
  std::string_view name;  // "" for an anonymous one; unique in the document
  Index variables = kNone;
  Index directives = kNone;
  Index selections = kNone;
};

struct Fragment {
  std::string_view name;  // unique in the document
  std::string_view on;    // type condition
  Index directives = kNone;
  Index selections = kNone;
};

struct Document {
  std::vector<Operation> operations;  // in the order of the text
  std::vector<Fragment> fragments;    // sorted by name
  std::vector<Selection> selections;
  std::vector<Argument> arguments;
  std::vector<Value> values;
  std::vector<Directive> directives;
  std::vector<VariableDefinition> variables;
  std::vector<Type> types;

  // nullptr when no fragment has that name.
  const Fragment* FindFragment(std::string_view name) const;
  const VariableDefinition* FindVariable(const Operation& operation, std::string_view name) const;

  std::string_view source() const { return {text.get(), text_bytes}; }

  // Storage behind the views; heap blocks, so that moving the Document moves no byte of them.
  std::unique_ptr<char[]> text;
  std::size_t text_bytes = 0;
  std::unique_ptr<char[]> unescaped;
};

// for (const Selection& s : Chain(document.selections, operation.selections)) …
template <typename Node>
class Chain {
 public:
  Chain(const std::vector<Node>& nodes, Index first) : nodes_(nodes), first_(first) {}
  class Iterator {
   public:
    using value_type = Node;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    Iterator(const std::vector<Node>& nodes, Index at) : nodes_(&nodes), at_(at) {}
    const Node& operator*() const { return (*nodes_)[at_]; }
    const Node* operator->() const { return &(*nodes_)[at_]; }
    Iterator& operator++() {
      at_ = (*nodes_)[at_].next;
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const std::vector<Node>* nodes_ = nullptr;
    Index at_ = kNone;
  };
  Iterator begin() const { return {nodes_, first_}; }
  Iterator end() const { return {nodes_, kNone}; }
  bool empty() const { return first_ == kNone; }

 private:
  const std::vector<Node>& nodes_;
  Index first_;
};

}  // namespace interlock::graphql
