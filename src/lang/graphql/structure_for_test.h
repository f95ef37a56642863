// Every part of a parsed operation and of the fragments it reaches as unambiguous text, for tests
// and fuzzing: two documents have the same structure exactly when these texts are equal. Written
// without Print, so that it can judge it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lang/graphql/document.h"

namespace interlock::graphql {

class Structure {
 public:
  static std::string Of(const Document& document, const Operation& operation) {
    Structure structure(document);
    structure.Text(ToString(operation.type));
    structure.Text(operation.name);
    structure.Variables(operation.variables);
    structure.Directives(operation.directives);
    structure.Selections(operation.selections);
    // Each round renders every reached fragment; the last one, which reaches no new one, counts.
    for (std::size_t before = 0; before != structure.reached_count_;) {
      before = structure.reached_count_;
      structure.fragments_.clear();
      structure.Fragments();
    }
    return structure.out_ + structure.fragments_;
  }

 private:
  explicit Structure(const Document& document)
      : document_(document), reached_(document.fragments.size(), false) {}

  void Text(std::string_view text) {
    out_ += std::to_string(text.size()) + ":";
    out_ += text;
  }
  void Fragments() {
    std::string head = std::move(out_);
    for (std::size_t i = 0; i < reached_.size(); ++i) {
      if (!reached_[i]) continue;
      out_.clear();
      const Fragment& fragment = document_.fragments[i];
      Text(fragment.name);
      Text(fragment.on);
      Directives(fragment.directives);
      Selections(fragment.selections);
      fragments_ += out_;
    }
    out_ = std::move(head);
  }
  void Variables(Index first) {
    out_ += '(';
    for (const VariableDefinition& variable : Chain(document_.variables, first)) {
      Text(variable.name);
      OneType(variable.type);
      if (variable.default_value != kNone) OneValue(variable.default_value);
      Directives(variable.directives);
    }
    out_ += ')';
  }
  void OneType(Index type) {
    const Type& node = document_.types[type];
    out_ += node.non_null ? '!' : '?';
    Text(node.name);
    if (node.item != kNone) OneType(node.item);
  }
  void Directives(Index first) {
    out_ += '@';
    for (const Directive& directive : Chain(document_.directives, first)) {
      Text(directive.name);
      Arguments(directive.arguments);
    }
    out_ += ';';
  }
  void Arguments(Index first) {
    out_ += '<';
    for (const Argument& argument : Chain(document_.arguments, first)) {
      Text(argument.name);
      OneValue(argument.value);
    }
    out_ += '>';
  }
  void OneValue(Index index) {
    const Value& value = document_.values[index];
    out_ += static_cast<char>('a' + static_cast<int>(value.kind));
    Text(value.text);
    if (value.kind == ValueKind::object) Arguments(value.first);
    if (value.kind != ValueKind::list) return;
    out_ += '[';
    for (Index item = value.first; item != kNone; item = document_.values[item].next) {
      OneValue(item);
    }
    out_ += ']';
  }
  void Selections(Index first) {
    out_ += '{';
    for (const Selection& selection : Chain(document_.selections, first)) {
      out_ += static_cast<char>('A' + static_cast<int>(selection.kind));
      Text(selection.alias);
      Text(selection.name);
      Arguments(selection.arguments);
      Directives(selection.directives);
      Selections(selection.selections);
      if (selection.kind == SelectionKind::fragment_spread) Reach(selection.name);
    }
    out_ += '}';
  }
  void Reach(std::string_view name) {
    for (std::size_t i = 0; i < reached_.size(); ++i) {
      if (document_.fragments[i].name != name || reached_[i]) continue;
      reached_[i] = true;
      ++reached_count_;
    }
  }

  const Document& document_;
  std::vector<bool> reached_;
  std::size_t reached_count_ = 0;
  std::string out_;
  std::string fragments_;
};

}  // namespace interlock::graphql
