// YAML as Interlock accepts it: one document of mappings, lists and scalars, each with its place.
//
// Private to the reader. What YAML readers disagree about is refused: anchors, aliases, tags, merge
// keys, duplicate keys, several documents, any encoding but UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/mark.h"

namespace interlock::policy {

struct YamlKey {
  std::string text;
  Mark mark;
};

struct YamlNode {
  enum class Kind { null, scalar, sequence, mapping };
  Kind kind = Kind::null;
  bool quoted = false;  // a scalar in quotes or a block: text, whatever it looks like
  Mark mark;
  std::string text;
  std::vector<YamlKey> keys;    // of a mapping, in the file's order, without duplicates
  std::vector<YamlNode> items;  // of a sequence, or the values of `keys`
};

struct YamlProblem {
  Mark mark;
  std::string message;
};

inline constexpr std::size_t kYamlBytesMax = 1u << 20;
inline constexpr std::size_t kYamlDepthMax = 24;
inline constexpr std::size_t kYamlNodesMax = 50'000;

struct YamlTree {
  YamlNode root;  // null for a file without content
  std::vector<YamlProblem>
      problems;  // in the order of the file; when there is one, use nothing else
};

// Never throws.
YamlTree ParseYaml(std::string_view text);

}  // namespace interlock::policy
