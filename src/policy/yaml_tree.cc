#include "policy/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "base/bytes.h"

namespace interlock::policy {
namespace {

Mark MarkOf(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Thrown through yaml-cpp by the handler, caught in ParseYaml: there is no other way to stop it.
struct Stop {
  YamlProblem problem;
};

// Builds the tree from events. Open nodes live on a stack; the depth bound keeps it, and the
// recursion of whoever walks the tree, small.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(YamlTree& tree) : tree_(tree) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) throw Stop{{MarkOf(mark), "only one document is allowed in a file"}};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    Add(YamlNode{
        .kind = YamlNode::Kind::null, .mark = MarkOf(mark), .text = {}, .keys = {}, .items = {}});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Report(mark, "aliases (*name) are not allowed");
    Add(YamlNode{
        .kind = YamlNode::Kind::null, .mark = MarkOf(mark), .text = {}, .keys = {}, .items = {}});
  }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    Report(mark, "anchors (&name) are not allowed");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    // yaml-cpp reports "?" for a plain scalar and "!" for one in quotes or a block.
    if (!tag.empty() && tag != "?" && tag != "!") Report(mark, "tags (!name) are not allowed");
    Add(YamlNode{.kind = YamlNode::Kind::scalar,
                 .quoted = tag == "!",
                 .mark = MarkOf(mark),
                 .text = value,
                 .keys = {},
                 .items = {}});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::sequence, mark, tag);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::mapping, mark, tag);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct OpenNode {
    YamlNode node;
    bool key_is_next = true;      // of a mapping
    std::set<std::string> names;  // of a mapping, to find duplicates
  };

  void Report(const YAML::Mark& mark, std::string message) {
    tree_.problems.push_back({MarkOf(mark), std::move(message)});
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?") Report(mark, "tags (!name) are not allowed");
    if (open_.size() >= kYamlDepthMax)
      throw Stop{{MarkOf(mark), "nested deeper than " + std::to_string(kYamlDepthMax) + " levels"}};
    OpenNode open;
    open.node.kind = kind;
    open.node.mark = MarkOf(mark);
    open_.push_back(std::move(open));
  }

  void Close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    Add(std::move(node));
  }

  void Add(YamlNode node) {
    if (++nodes_ > kYamlNodesMax)
      throw Stop{{node.mark, "more than " + std::to_string(kYamlNodesMax) + " values"}};
    if (open_.empty()) {
      tree_.root = std::move(node);
      return;
    }
    OpenNode& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::sequence) {
      parent.node.items.push_back(std::move(node));
      return;
    }
    if (parent.key_is_next) {
      AddKey(parent, node);
    } else {
      // yaml-cpp sees an absent value where the next thing starts; people look at the key.
      if (node.kind == YamlNode::Kind::null) node.mark = parent.node.keys.back().mark;
      parent.node.items.push_back(std::move(node));
    }
    parent.key_is_next = !parent.key_is_next;
  }

  void AddKey(OpenNode& parent, const YamlNode& key) {
    if (key.kind != YamlNode::Kind::scalar) throw Stop{{key.mark, "a key must be a word"}};
    if (key.text == "<<" && !key.quoted)
      tree_.problems.push_back({key.mark, "merge keys (<<) are not allowed"});
    if (!parent.names.insert(key.text).second)
      tree_.problems.push_back(
          {key.mark, "key \"" + EscapeForHumans(key.text, 80) + "\" appears twice"});
    parent.node.keys.push_back({key.text, key.mark});
  }

  YamlTree& tree_;
  std::vector<OpenNode> open_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

Mark MarkAt(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return {static_cast<int>(lines) + 1, static_cast<int>(offset - start) + 1};
}

// yaml-cpp guesses the encoding and passes control characters on; neither is wanted.
bool CheckBytes(std::string_view text, YamlTree& tree) {
  if (text.size() > kYamlBytesMax) {
    tree.problems.push_back({{}, "larger than the limit of 1 MiB"});
    return false;
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    tree.problems.push_back({{}, "starts with a byte-order mark"});
    return false;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != 0x7F) continue;
    if (c == '\n' || c == '\r' || c == '\t') continue;
    tree.problems.push_back({MarkAt(text, i), "a control character is not allowed"});
    return false;
  }
  if (!IsUtf8(text)) {
    tree.problems.push_back({{}, "not UTF-8"});
    return false;
  }
  return true;
}

}  // namespace

YamlTree ParseYaml(std::string_view text) {
  YamlTree tree;
  if (!CheckBytes(text, tree)) return tree;
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    TreeBuilder builder(tree);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stop) {
    tree.problems.push_back(stop.problem);
  } catch (const YAML::Exception& error) {
    tree.problems.push_back({MarkOf(error.mark), "not YAML: " + EscapeForHumans(error.msg, 200)});
  } catch (const std::exception&) {
    tree.problems.push_back({{}, "not YAML: the parser gave up"});
  }
  return tree;
}

}  // namespace interlock::policy
