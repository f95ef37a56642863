#include "policy/config_reader.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <tuple>

#include "base/bytes.h"
#include "policy/yaml_tree.h"

namespace interlock::policy {
namespace {

constexpr std::size_t kTextBytesMax = 512;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kEntriesMax = 2000;  // of one list or mapping
constexpr std::size_t kShownBytesMax = 80;

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr Unit kSizes[] = {{"B", 1}, {"KiB", 1LL << 10}, {"MiB", 1LL << 20}, {"GiB", 1LL << 30}};
constexpr Unit kDurations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

std::string Quote(std::string_view text) {
  return "\"" + EscapeForHumans(text, kShownBytesMax) + "\"";
}

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Digits, then a unit: "64KiB", "10m".
std::optional<std::int64_t> ParseQuantity(std::string_view text, std::span<const Unit> units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = ParseInteger(text.substr(0, digits));
  if (!number) return std::nullopt;
  for (const Unit& unit : units) {
    if (text.substr(digits) != unit.name) continue;
    std::int64_t value = 0;
    if (__builtin_mul_overflow(*number, unit.factor, &value)) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

// Written in the largest unit that divides it.
std::string FormatQuantity(std::int64_t value, std::span<const Unit> units) {
  for (std::size_t i = units.size(); i-- > 0;) {
    if (value % units[i].factor == 0)
      return std::to_string(value / units[i].factor) + std::string(units[i].name);
  }
  return std::to_string(value);
}

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax &&
         std::all_of(text.begin(), text.end(), IsNameChar);
}

// Port 0 where `port_min` is 0: whatever is free, for something that listens.
bool IsAddress(std::string_view text, std::int64_t port_min) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto port = ParseInteger(text.substr(colon + 1));
  if (!port || *port < port_min || *port > 65535) return false;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']') || host.size() < 4) return false;
    return host.substr(1, host.size() - 2).find_first_not_of("0123456789abcdefABCDEF:.") ==
           std::string_view::npos;
  }
  return std::all_of(host.begin(), host.end(), IsNameChar);
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::string_view KindOf(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::scalar:
      return "a single value";
    case YamlNode::Kind::sequence:
      return "a list";
    case YamlNode::Kind::mapping:
      return "a mapping";
  }
  return "something else";
}

std::string Join(std::span<const std::string_view> words) {
  std::string out;
  for (std::string_view word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

// Walks the tree and the table together. Depth is bounded by the table, which is not recursive.
class Reader {
 public:
  Reader(CheckedTree& out, const std::string& file)
      : out_(out), file_(file), folder_(std::filesystem::path(file).parent_path()) {}

  void Report(Mark mark, std::string message) {
    out_.problems.push_back({file_, mark.line, mark.column, std::move(message)});
  }

  json::object ReadTable(const Table& table, const YamlNode& node, const std::string& path) {
    json::object object;
    if (!Expect(node, YamlNode::Kind::mapping, path)) return object;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const YamlKey& key = node.keys[i];
      const Field* field = FindField(table, key);
      if (field == nullptr) continue;
      const std::string at = path.empty() ? key.text : path + "/" + key.text;
      out_.marks.emplace(at, node.items[i].mark);
      if (auto value = ReadField(*field, node.items[i], at)) object[key.text] = std::move(*value);
    }
    for (const Field& field : table.fields) {
      if (!field.required || HasKey(node, field.key)) continue;
      Report(node.mark, "the key \"" + std::string(field.key) + "\" is missing");
    }
    return object;
  }

 private:
  static bool HasKey(const YamlNode& node, std::string_view key) {
    return std::any_of(node.keys.begin(), node.keys.end(),
                       [&](const YamlKey& k) { return k.text == key; });
  }

  const Field* FindField(const Table& table, const YamlKey& key) {
    std::vector<std::string_view> known;
    for (const Field& field : table.fields) {
      if (field.key == key.text) return &field;
      known.push_back(field.key);
    }
    Report(key.mark, Unknown("key", key.text, known));
    return nullptr;
  }

  bool Expect(const YamlNode& node, YamlNode::Kind kind, const std::string& path) {
    const std::string_view name = path.empty() ? "the file" : LastOf(path);
    if (node.kind == kind && node.items.size() <= kEntriesMax) return true;
    if (node.kind == kind) {
      Report(node.mark,
             std::string(name) + " has more than " + std::to_string(kEntriesMax) + " entries");
      return false;
    }
    YamlNode wanted;
    wanted.kind = kind;
    Report(node.mark, Subject(path) + " must be " + std::string(KindOf(wanted)) + ", not " +
                          std::string(KindOf(node)));
    return false;
  }

  static std::string_view LastOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }
  static std::string Subject(std::string_view path) {
    if (path.empty()) return "the file";
    return Quote(LastOf(path));
  }

  std::optional<json::value> ReadField(const Field& field, const YamlNode& node,
                                       const std::string& path) {
    switch (field.kind) {
      case Kind::mapping:
        return ReadTable(*field.table, node, path);
      case Kind::named:
        return ReadNamed(field, node, path);
      case Kind::list:
        return ReadList(*field.table, node, path);
      case Kind::choices:
      case Kind::texts:
        return ReadOneOrMany(field, node, path);
      case Kind::text:
      case Kind::name:
      case Kind::path:
      case Kind::address:
      case Kind::integer:
      case Kind::boolean:
      case Kind::size:
      case Kind::duration:
      case Kind::choice:
        return ReadScalar(field, node, Subject(path));
    }
    return std::nullopt;
  }

  std::optional<json::value> ReadNamed(const Field& field, const YamlNode& node,
                                       const std::string& path) {
    if (!Expect(node, YamlNode::Kind::mapping, path)) return std::nullopt;
    constexpr Field kName = {.key = "", .kind = Kind::name, .about = ""};
    json::object object;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const YamlKey& key = node.keys[i];
      const std::string at = path + "/" + key.text;
      out_.marks.emplace(at, field.table == nullptr ? node.items[i].mark : key.mark);
      if (field.table != nullptr && !IsName(key.text)) {
        Report(key.mark, Quote(key.text) + " is not a name (letters, digits, -, _ and .)");
        continue;
      }
      if (key.text.empty() || key.text.size() > kTextBytesMax || HasControl(key.text)) {
        Report(key.mark, Quote(key.text) + " can't be a name");
        continue;
      }
      if (field.table != nullptr) {
        object[key.text] = ReadTable(*field.table, node.items[i], at);
      } else if (auto value = ReadScalar(kName, node.items[i], Quote(key.text))) {
        object[key.text] = std::move(*value);
      }
    }
    return object;
  }

  std::optional<json::value> ReadList(const Table& table, const YamlNode& node,
                                      const std::string& path) {
    if (!Expect(node, YamlNode::Kind::sequence, path)) return std::nullopt;
    json::array array;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const std::string at = path + "/" + std::to_string(i);
      out_.marks.emplace(at, node.items[i].mark);
      array.push_back(ReadTable(table, node.items[i], at));
    }
    return array;
  }

  // "x" and "[x]" are the same.
  std::optional<json::value> ReadOneOrMany(const Field& field, const YamlNode& node,
                                           const std::string& path) {
    Field one = field;
    one.kind = field.kind == Kind::choices ? Kind::choice : Kind::text;
    json::array array;
    const bool many = node.kind == YamlNode::Kind::sequence;
    if (many && !Expect(node, YamlNode::Kind::sequence, path)) return std::nullopt;
    if (many && node.items.empty()) {
      Report(node.mark,
             Subject(path) + " is an empty list; leave the key out for what holds without it");
      return std::nullopt;
    }
    const std::span<const YamlNode> nodes =
        many ? std::span<const YamlNode>(node.items) : std::span<const YamlNode>(&node, 1);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      out_.marks.emplace(path + "/" + std::to_string(i), nodes[i].mark);
      auto value = ReadScalar(one, nodes[i], Subject(path));
      if (!value) continue;
      if (std::find(array.begin(), array.end(), *value) != array.end()) {
        Report(nodes[i].mark, Quote(nodes[i].text) + " appears twice");
        continue;
      }
      array.push_back(std::move(*value));
    }
    return array;
  }

  std::optional<json::value> ReadScalar(const Field& field, const YamlNode& node,
                                        const std::string& subject) {
    const auto refuse = [&](const std::string& wanted) -> std::optional<json::value> {
      const std::string got =
          node.kind == YamlNode::Kind::scalar ? Quote(node.text) : std::string(KindOf(node));
      Report(node.mark, subject + " must be " + wanted + ", not " + got);
      return std::nullopt;
    };
    const bool scalar = node.kind == YamlNode::Kind::scalar;
    const std::string_view text = node.text;
    switch (field.kind) {
      case Kind::integer: {
        const auto value = scalar && !node.quoted ? ParseInteger(text) : std::nullopt;
        return InBounds(field, value) ? std::optional<json::value>(*value)
                                      : refuse(BoundsWords(field, "a whole number", {}));
      }
      case Kind::boolean:
        if (scalar && !node.quoted && text == "true") return json::value(true);
        if (scalar && !node.quoted && text == "false") return json::value(false);
        return refuse("true or false");
      case Kind::size: {
        const auto value = scalar ? ParseQuantity(text, kSizes) : std::nullopt;
        return InBounds(field, value) ? std::optional<json::value>(*value)
                                      : refuse(BoundsWords(field, "a size like 64KiB", kSizes));
      }
      case Kind::duration: {
        const auto value = scalar ? ParseQuantity(text, kDurations) : std::nullopt;
        return InBounds(field, value)
                   ? std::optional<json::value>(*value)
                   : refuse(BoundsWords(field, "a duration like 10m", kDurations));
      }
      case Kind::choice:
        return ReadChoice(field, node, subject);
      case Kind::name:
        return scalar && IsName(text) ? json::value(text)
                                      : refuse("a name (letters, digits, -, _ and .)");
      case Kind::address:
        return scalar && IsAddress(text, field.min) ? json::value(text) : refuse("HOST:PORT");
      case Kind::path:
        if (!scalar || !IsText(text)) return refuse("the name of a file");
        return json::value((folder_ / std::filesystem::path(text)).lexically_normal().string());
      case Kind::text:
        return scalar && IsText(text) ? json::value(text)
                                      : refuse("a text of at most 512 bytes on one line");
      case Kind::choices:
      case Kind::texts:
      case Kind::mapping:
      case Kind::named:
      case Kind::list:
        break;
    }
    return std::nullopt;
  }

  static bool IsText(std::string_view text) {
    return !text.empty() && text.size() <= kTextBytesMax && !HasControl(text);
  }

  static bool InBounds(const Field& field, std::optional<std::int64_t> value) {
    return value && *value >= field.min && *value <= field.max;
  }

  static std::string BoundsWords(const Field& field, std::string wanted,
                                 std::span<const Unit> units) {
    const auto format = [&](std::int64_t value) {
      return units.empty() ? std::to_string(value) : FormatQuantity(value, units);
    };
    if (field.min == field.max) return format(field.min);
    return wanted + " between " + format(field.min) + " and " + format(field.max);
  }

  std::optional<json::value> ReadChoice(const Field& field, const YamlNode& node,
                                        const std::string& subject) {
    const bool scalar = node.kind == YamlNode::Kind::scalar;
    const auto& choices = field.choices;
    if (scalar && std::find(choices.begin(), choices.end(), node.text) != choices.end())
      return json::value(node.text);
    std::string message = subject + " must be ";
    message += choices.size() == 1 ? std::string(choices[0]) : "one of " + Join(choices);
    message += ", not " + (scalar ? Quote(node.text) : std::string(KindOf(node)));
    if (const auto near = scalar ? Nearest(node.text, choices) : std::nullopt)
      message += " (did you mean \"" + *near + "\"?)";
    Report(node.mark, std::move(message));
    return std::nullopt;
  }

  CheckedTree& out_;
  const std::string& file_;
  std::filesystem::path folder_;
};

bool Earlier(const Problem& a, const Problem& b) {
  return std::tie(a.line, a.column, a.message) < std::tie(b.line, b.column, b.message);
}

}  // namespace

std::string Unknown(std::string_view what, std::string_view word,
                    const std::vector<std::string_view>& known) {
  std::string message = "unknown " + std::string(what) + " " + Quote(word);
  if (const auto near = Nearest(word, known)) return message + " (did you mean \"" + *near + "\"?)";
  if (!known.empty()) message += "; known here: " + Join(known);
  return message;
}

CheckedTree ReadByTable(const Table& table, std::string_view text, const std::string& path) {
  CheckedTree out;
  const YamlTree yaml = ParseYaml(text);
  for (const YamlProblem& problem : yaml.problems)
    out.problems.push_back({path, problem.mark.line, problem.mark.column, problem.message});
  // A file of comments alone says nothing, and everything keeps its standard value.
  if (out.problems.empty() && yaml.root.kind != YamlNode::Kind::null)
    out.tree = Reader(out, path).ReadTable(table, yaml.root, "");
  std::sort(out.problems.begin(), out.problems.end(), Earlier);
  return out;
}

}  // namespace interlock::policy
