#include "base/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_set>

namespace interlock {
namespace {

constexpr std::size_t kProblemsMax = 50;

struct Refused {
  int line;
  int column;
  std::string what;
};

// Builds the tree out of the parser's events. Its Node class would resolve aliases, convert scalars
// and keep the first of two equal keys.
class TreeBuilder final : public YAML::EventHandler {
 public:
  YamlNode root;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Place(Node(YamlKind::nothing, mark, "", anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Refuse(mark, "aliases are not used here");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = Node(YamlKind::text, mark, tag, anchor);
    node.text = value;
    Place(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Node(YamlKind::list, mark, tag, anchor));
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(Node(YamlKind::map, mark, tag, anchor));
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Level {
    YamlNode node;
    bool wants_value = false;  // a map whose last entry has a key only
    std::unordered_set<std::string> keys;
  };

  [[noreturn]] static void Refuse(const YAML::Mark& mark, std::string what) {
    throw Refused{mark.line + 1, mark.column + 1, std::move(what)};
  }

  static YamlNode Node(YamlKind kind, const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor) {
    if (anchor != 0) Refuse(mark, "anchors are not used here");
    // "?" is a plain scalar or collection, "!" a quoted one.
    if (!tag.empty() && tag != "?" && tag != "!") Refuse(mark, "tags are not used here");
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  void Open(YamlNode node) {
    if (!levels_.empty() && ExpectsKey())
      throw Refused{node.line, node.column, "a key must be text"};
    if (levels_.size() >= kYamlDepthMax) throw Refused{node.line, node.column, "nested too deeply"};
    levels_.push_back({std::move(node), false, {}});
  }

  void Close() {
    YamlNode node = std::move(levels_.back().node);
    levels_.pop_back();
    Place(std::move(node));
  }

  bool ExpectsKey() const {
    const Level& level = levels_.back();
    return level.node.kind == YamlKind::map && !level.wants_value;
  }

  void Place(YamlNode node) {
    if (levels_.empty()) {
      root = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.kind == YamlKind::list) {
      level.node.items.push_back(std::move(node));
    } else if (level.wants_value) {
      level.node.entries.back().value = std::move(node);
      level.wants_value = false;
    } else {
      if (node.kind != YamlKind::text) throw Refused{node.line, node.column, "a key must be text"};
      if (node.text == "<<") throw Refused{node.line, node.column, "merge keys are not used here"};
      if (!level.keys.insert(node.text).second) {
        throw Refused{node.line, node.column, "'" + node.text + "' is there twice"};
      }
      level.node.entries.push_back({std::move(node.text), node.line, node.column, {}});
      level.wants_value = true;
    }
  }

  std::vector<Level> levels_;
};

std::string At(int line, int column, std::string_view what) {
  return std::to_string(line) + ":" + std::to_string(column) + ": " + std::string(what);
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  const auto it = std::ranges::find(entries, key, &YamlEntry::key);
  return it == entries.end() ? nullptr : &it->value;
}

Result<YamlNode> ParseYaml(std::string_view text) {
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    TreeBuilder builder;
    if (!parser.HandleNextDocument(builder))
      return Fail(Code::invalid_input, "1:1: the file is empty");
    TreeBuilder second;
    if (parser.HandleNextDocument(second)) {
      return Fail(Code::invalid_input, At(second.root.line, 1, "a second document"));
    }
    return std::move(builder.root);
  } catch (const Refused& refused) {
    return Fail(Code::invalid_input, At(refused.line, refused.column, refused.what));
  } catch (const YAML::Exception& error) {
    return Fail(Code::invalid_input, At(error.mark.line + 1, error.mark.column + 1, error.msg));
  } catch (const std::exception& error) {
    return Fail(Code::limit, At(1, 1, error.what()));
  }
}

void Problems::Add(int line, int column, std::string what) {
  if (lines_.size() < kProblemsMax) lines_.push_back(At(line, column, what));
}

Error Problems::ToError(std::string_view file_name) const {
  std::string message;
  for (const std::string& line : lines_) {
    if (!message.empty()) message += '\n';
    message.append(file_name).append(":").append(line);
  }
  return {Code::invalid_input, std::move(message)};
}

}  // namespace interlock
