// YAML as packs and agent profiles use it: one document of maps, lists and texts, each with its
// place.
//
// Refused: anchors, aliases, tags, merge keys, duplicate keys, keys that aren't text, a second
// document, nesting beyond `kYamlDepthMax`. Scalars stay texts: no guessing of types.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace interlock {

inline constexpr std::size_t kYamlDepthMax = 32;

enum class YamlKind { nothing, text, list, map };

struct YamlEntry;

struct YamlNode {
  YamlKind kind = YamlKind::nothing;
  int line = 0;  // both from 1
  int column = 0;
  std::string text;
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;  // in the order of the file

  const YamlNode* Find(std::string_view key) const;
};

struct YamlEntry {
  std::string key;
  int line = 0;
  int column = 0;
  YamlNode value;
};

// The error reads "line:column: what is wrong".
Result<YamlNode> ParseYaml(std::string_view text);

// Collects what is wrong with a file, every problem at its place.
class Problems {
 public:
  void Add(const YamlNode& where, std::string what) {
    Add(where.line, where.column, std::move(what));
  }
  void Add(int line, int column, std::string what);
  bool empty() const { return lines_.empty(); }
  // One problem a line: "NAME:line:column: what".
  Error ToError(std::string_view file_name) const;

 private:
  std::vector<std::string> lines_;
};

}  // namespace interlock
