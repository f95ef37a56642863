// The one table of interlock.yaml: every key, its kind, its bounds and its meaning.
//
// The reader, the JSON Schema and docs/configuration.md are made from it, so they can't disagree.
// Private to this folder.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace interlock::policy {

enum class Kind {
  text,      // any words, not empty
  name,      // a name for something: letters, digits, `-`, `_`, `.`
  path,      // a file; relative to the file it is written in
  address,   // HOST:PORT
  integer,   // between `min` and `max`
  boolean,   // true or false
  size,      // "64KiB"; bytes
  duration,  // "10m"; milliseconds
  choice,    // one of `choices`
  choices,   // one of `choices`, or a list of them
  texts,     // one text, or a list of them
  mapping,   // the keys of `table`
  named,     // keys of one's own; each value is a `table`, or a name where there is none
  list,      // a list of mappings, each with the keys of `table`
};

struct Table;

struct Field {
  std::string_view key;
  Kind kind = Kind::text;
  std::string_view about;          // one sentence; stands in the documentation
  std::string_view standard = {};  // what holds without the key, as one would write it
  std::span<const std::string_view> choices = {};
  const Table* table = nullptr;
  std::int64_t min = 0;
  std::int64_t max = 0;
  bool required = false;
};

struct Table {
  std::string_view title;  // heading in the documentation: "environments.NAME"
  std::string_view about;
  std::span<const Field> fields;
};

// The whole interlock.yaml, and the part that a workspace may have.
const Table& ConfigTable();
const Table& WorkspaceTable();

}  // namespace interlock::policy
