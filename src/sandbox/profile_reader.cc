// Agent profiles out of YAML: every key has one reader in a table, and what isn't in it is an
// error.
#include <algorithm>
#include <array>
#include <functional>

#include "base/yaml.h"
#include "sandbox/fill.h"
#include "sandbox/plan.h"
#include "sandbox/profile.h"

namespace interlock::sandbox {
namespace {

constexpr std::size_t kTextMax = 4096;

bool IsWord(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool IsVariableName(std::string_view text) {
  return !text.empty() && text.size() <= 64 && !(text[0] >= '0' && text[0] <= '9') &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_';
         });
}

bool IsHostName(std::string_view text) {
  return text.size() >= 3 && text.size() <= 253 && text.find('.') != std::string_view::npos &&
         text.front() != '.' && text.back() != '.' && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

// Parts between slashes, none of them empty, "." or ".."; no control characters.
bool IsNormal(std::string_view path) {
  if (path.empty() || path.size() > 1024 || path.ends_with('/')) return false;
  if (std::ranges::any_of(path, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    return false;
  }
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (part.empty() || part == "." || part == ".." || part == "~") return false;
    at = end + 1;
  }
  return true;
}

std::string_view LastPart(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// A variable that is a secret by its name must come in as a key, never as it is.
bool NamesSecret(std::string_view name) {
  constexpr std::array<std::string_view, 8> kEnds = {"KEY",    "TOKEN",       "SECRET", "PASSWORD",
                                                     "PASSWD", "CREDENTIALS", "AUTH",   "COOKIE"};
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return std::ranges::any_of(kEnds, [&](auto end) { return upper.ends_with(end); });
}

class Reader {
 public:
  Profile profile;
  Problems problems;

  void Read(const YamlNode& root) {
    if (!IsMap(root, "an agent profile")) return;
    Table(root, {{"agent", [&](const YamlNode& node) { profile.name = Name(node); }},
                 {"title", [&](const YamlNode& node) { profile.title = Text(node, 80); }},
                 {"note", [&](const YamlNode& node) { profile.note = Text(node, 400); }},
                 {"programs", [&](const YamlNode& node) { profile.programs = Programs(node); }},
                 {"packages", [&](const YamlNode& node) { profile.packages = Packages(node); }},
                 {"show", [&](const YamlNode& node) { profile.show = Places(node); }},
                 {"copy", [&](const YamlNode& node) { ReadCopies(node); }},
                 {"keep", [&](const YamlNode& node) { profile.keep = Places(node); }},
                 {"variables", [&](const YamlNode& node) { ReadVariables(node); }},
                 {"pass", [&](const YamlNode& node) { profile.pass = Passed(node); }},
                 {"keys", [&](const YamlNode& node) { ReadKeys(node); }},
                 {"logins", [&](const YamlNode& node) { ReadLogins(node); }},
                 {"files", [&](const YamlNode& node) { ReadFiles(node); }}});
    if (root.Find("agent") == nullptr)
      problems.Add(root, "'agent', the profile's name, is missing");
    if (root.Find("title") == nullptr)
      problems.Add(root, "'title', its name for people, is missing");
    CheckOverlaps(root);
  }

 private:
  using Key = std::pair<std::string_view, std::function<void(const YamlNode&)>>;

  void Table(const YamlNode& map, const std::vector<Key>& keys) {
    for (const YamlEntry& entry : map.entries) {
      const auto key = std::ranges::find(keys, entry.key, &Key::first);
      if (key != keys.end()) {
        key->second(entry.value);
        continue;
      }
      std::string known;
      for (const Key& one : keys) known += (known.empty() ? "" : ", ") + std::string(one.first);
      problems.Add(entry.line, entry.column,
                   Fill("unknown key '{}' (known: {})", entry.key, known));
    }
  }

  bool IsMap(const YamlNode& node, std::string_view what) {
    if (node.kind == YamlKind::map && node.entries.size() <= kProfileEntriesMax) return true;
    problems.Add(node, Fill("{} must be a map of at most {} entries", what, kProfileEntriesMax));
    return false;
  }

  std::string Text(const YamlNode& node, std::size_t limit) {
    if (node.kind != YamlKind::text || node.text.empty() || node.text.size() > limit ||
        node.text.find('\0') != std::string::npos) {
      problems.Add(node, Fill("must be a text of 1 to {} bytes", limit));
      return "";
    }
    return node.text;
  }

  std::string Name(const YamlNode& node) {
    if (node.kind != YamlKind::text || !IsWord(node.text)) {
      problems.Add(node, "must be a name: small letters, digits and '-'");
      return "";
    }
    return node.text;
  }

  // Each item, checked by `take`, which reports what is wrong and returns what to keep.
  std::vector<std::string> List(const YamlNode& node,
                                const std::function<std::string(const YamlNode&)>& take) {
    std::vector<std::string> out;
    if (node.kind != YamlKind::list || node.items.empty() ||
        node.items.size() > kProfileEntriesMax) {
      problems.Add(node, Fill("must be a list of 1 to {} entries", kProfileEntriesMax));
      return out;
    }
    for (const YamlNode& item : node.items) {
      std::string text = take(item);
      if (std::ranges::find(out, text) != out.end()) {
        problems.Add(item, Fill("'{}' is there twice", text));
      }
      out.push_back(std::move(text));
    }
    return out;
  }

  std::vector<std::string> Programs(const YamlNode& node) {
    return List(node, [&](const YamlNode& item) {
      std::string text = Text(item, 64);
      if (text.find('/') != std::string::npos) {
        problems.Add(item, "a program is named without its directory");
      }
      return text;
    });
  }

  std::vector<std::string> Packages(const YamlNode& node) {
    return List(node, [&](const YamlNode& item) {
      std::string text = Text(item, 214);
      const auto slashes = std::ranges::count(text, '/');
      if (!IsNormal(text) || slashes != (text.starts_with('@') ? 1 : 0)) {
        problems.Add(item, "must be the name of an npm package");
      }
      return text;
    });
  }

  // A place below the home that may be shown, copied or kept.
  std::string Place(const YamlNode& node) {
    std::string text = Text(node, 1024);
    if (text.empty()) return text;
    if (text.starts_with('/') || text.starts_with('~')) {
      problems.Add(node, Fill("'{}' must be relative to the home: no leading / or ~", text));
    } else if (!IsNormal(text)) {
      problems.Add(
          node, Fill("'{}' must be a plain path: no '..', no empty part, no '/' at the end", text));
    } else if (TouchesPrivatePlace(text)) {
      problems.Add(node, Fill("'{}' is or contains a place with credentials or Interlock's own "
                              "files; it can't be in a room",
                              text));
    }
    return text;
  }
  std::vector<std::string> Places(const YamlNode& node) {
    return List(node, [&](const YamlNode& item) {
      std::string text = Place(item);
      if (IsCredentialFile(LastPart(text))) RefuseCredentialFile(item, text);
      return text;
    });
  }
  void RefuseCredentialFile(const YamlNode& node, std::string_view text) {
    problems.Add(
        node,
        Fill("'{}' holds credentials by its name; an agent's login belongs into 'logins'", text));
  }

  std::string Member(const YamlNode& node) {
    std::string text = Text(node, 256);
    if (text.starts_with('.') || text.ends_with('.') || text.find("..") != std::string::npos ||
        std::ranges::count(text, '.') > 7) {
      problems.Add(node, "must be a member: names joined by dots, at most 8");
    }
    return text;
  }
  std::vector<std::string> Members(const YamlNode& node) {
    return List(node, [&](const YamlNode& item) { return Member(item); });
  }

  void ReadCopies(const YamlNode& node) {
    if (node.kind != YamlKind::list || node.items.empty() ||
        node.items.size() > kProfileEntriesMax) {
      problems.Add(node, Fill("must be a list of 1 to {} entries", kProfileEntriesMax));
      return;
    }
    for (const YamlNode& item : node.items) {
      Copy copy;
      const YamlNode* place = &item;
      if (item.kind == YamlKind::map) {
        Table(item, {{"file", [&](const YamlNode& value) { place = &value; }},
                     {"members", [&](const YamlNode& value) { copy.members = Members(value); }}});
        if (item.Find("file") == nullptr || item.Find("members") == nullptr) {
          problems.Add(item, "a copy with parts needs 'file' and 'members'");
          continue;
        }
      }
      copy.path = Place(*place);
      if (IsCredentialFile(LastPart(copy.path))) RefuseCredentialFile(*place, copy.path);
      profile.copy.push_back(std::move(copy));
    }
  }

  void CheckVariable(const YamlEntry& entry) { CheckVariable(entry.line, entry.column, entry.key); }
  void CheckVariable(int line, int column, const std::string& name) {
    if (!IsVariableName(name)) {
      problems.Add(line, column, Fill("'{}' is not a name for a variable", name));
    } else if (IsNeverSet(name)) {
      problems.Add(line, column,
                   Fill("{} is never set in a room: programs execute or obey what it holds", name));
    } else if (name == "HOME" || name == "PATH" || name == "PWD" ||
               name.starts_with("INTERLOCK_")) {
      problems.Add(line, column, Fill("{} is the room's own", name));
    }
  }

  void ReadVariables(const YamlNode& node) {
    if (!IsMap(node, "'variables'")) return;
    for (const YamlEntry& entry : node.entries) {
      CheckVariable(entry);
      if (NamesSecret(entry.key)) {
        problems.Add(entry.line, entry.column,
                     Fill("{} is a credential by its name; a profile holds none", entry.key));
      }
      profile.variables.emplace_back(entry.key, Text(entry.value, kTextMax));
    }
  }

  std::vector<std::string> Passed(const YamlNode& node) {
    return List(node, [&](const YamlNode& item) {
      std::string text = Text(item, 64);
      CheckVariable(item.line, item.column, text);
      if (NamesSecret(text)) {
        problems.Add(item, Fill("{} is a credential by its name; it belongs into 'keys'", text));
      }
      return text;
    });
  }

  void ReadKeys(const YamlNode& node) {
    if (!IsMap(node, "'keys'")) return;
    for (const YamlEntry& entry : node.entries) {
      CheckVariable(entry);
      if (!IsMap(entry.value, "a key")) continue;
      KeyPlace key;
      key.variable = entry.key;
      Table(entry.value, {{"provider", [&](const YamlNode& value) { key.provider = Name(value); }},
                          {"kind", [&](const YamlNode& value) { key.kind = Name(value); }},
                          {"file", [&](const YamlNode& value) { key.file = Place(value); }},
                          {"member", [&](const YamlNode& value) { key.member = Member(value); }}});
      if (key.provider.empty() || key.kind.empty()) {
        problems.Add(entry.value, "a key needs 'provider' (a pack) and 'kind'");
      }
      if (key.file.empty() != key.member.empty()) {
        problems.Add(entry.value, "'file' and 'member' belong together");
      }
      profile.keys.push_back(std::move(key));
    }
  }

  void ReadLogins(const YamlNode& node) {
    if (node.kind != YamlKind::list || node.items.empty() || node.items.size() > 16) {
      problems.Add(node, "must be a list of 1 to 16 logins");
      return;
    }
    for (const YamlNode& item : node.items) {
      if (!IsMap(item, "a login")) continue;
      Login login;
      Table(item, {{"file", [&](const YamlNode& value) { login.file = Place(value); }},
                   {"tokens", [&](const YamlNode& value) { login.tokens = Members(value); }},
                   {"members", [&](const YamlNode& value) { login.members = Members(value); }},
                   {"hosts", [&](const YamlNode& value) { login.hosts = Hosts(value); }}});
      if (login.file.empty() || login.tokens.empty() || login.hosts.empty()) {
        problems.Add(item, "a login needs 'file', 'tokens' and 'hosts'");
      }
      profile.logins.push_back(std::move(login));
    }
  }
  std::vector<std::string> Hosts(const YamlNode& node) {
    return List(node, [&](const YamlNode& item) {
      std::string text = Text(item, 253);
      if (!IsHostName(text))
        problems.Add(item, "must be the full name of one host, in small letters");
      return text;
    });
  }

  // In a directory of /etc that is the agent's own: a profile can't change the system's.
  void ReadFiles(const YamlNode& node) {
    if (!IsMap(node, "'files'")) return;
    const std::string own = profile.name.substr(0, profile.name.find('-'));
    for (const YamlEntry& entry : node.entries) {
      const std::string_view path = entry.key;
      const bool in_own = !own.empty() && path.starts_with("/etc/" + own) &&
                          path.find('/', 5) != std::string_view::npos && IsNormal(path.substr(1));
      if (!in_own) {
        problems.Add(
            entry.line, entry.column,
            Fill("'{}' must lie in a directory of the agent's own, such as /etc/{}/", path, own));
      }
      profile.files.emplace_back(entry.key, Text(entry.value, kTextMax));
    }
  }

  void CheckOverlaps(const YamlNode& root);
};

// What is shown read-only can't be written into, and what is kept is somebody else's directory.
std::vector<std::string> WrittenPlaces(const Profile& profile) {
  std::vector<std::string> out = profile.keep;
  for (const Copy& copy : profile.copy) out.push_back(copy.path);
  for (const Login& login : profile.logins) out.push_back(login.file);
  for (const KeyPlace& key : profile.keys) {
    if (!key.file.empty()) out.push_back(key.file);
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

std::string FindOverlap(const Profile& profile) {
  const auto written = WrittenPlaces(profile);
  for (const std::string& one : written) {
    for (const std::string& other : written) {
      if (&one != &other && IsWithin(one, other)) return Fill("'{}' lies in '{}'", one, other);
    }
    for (const std::string& shown : profile.show) {
      if (IsWithin(one, shown) || IsWithin(shown, one)) {
        return Fill("'{}' and '{}', which is shown read-only, overlap", one, shown);
      }
    }
  }
  return "";
}

void Reader::CheckOverlaps(const YamlNode& root) {
  if (const std::string overlap = FindOverlap(profile); !overlap.empty()) {
    problems.Add(root, overlap);
  }
}

}  // namespace

Result<Profile> ReadProfile(std::string_view text, std::string_view file_name) {
  if (text.size() > kProfileBytesMax) {
    return Fail(Code::limit, Fill("{}: larger than {} bytes", file_name, kProfileBytesMax));
  }
  const auto root = ParseYaml(text);
  if (!root) return Fail(root.error().code, Fill("{}:{}", file_name, root.error().message));
  Reader reader;
  reader.Read(*root);
  if (!reader.problems.empty()) return std::unexpected(reader.problems.ToError(file_name));
  return std::move(reader.profile);
}

Result<Profile> Complete(const Profile& profile, const std::vector<Profile>& profiles) {
  if (profile.name == kPlainProfile) return profile;
  const auto plain = std::ranges::find(profiles, kPlainProfile, &Profile::name);
  if (plain == profiles.end()) return Fail(Code::internal, "there is no profile \"shell\"");
  Profile out = profile;
  const auto add = [](auto& to, const auto& from) {
    for (const auto& one : from) {
      if (std::ranges::find(to, one) == to.end()) to.push_back(one);
    }
  };
  add(out.show, plain->show);
  add(out.copy, plain->copy);
  add(out.keep, plain->keep);
  add(out.pass, plain->pass);
  for (const auto& variable : plain->variables) {
    const auto& name = variable.first;
    if (std::ranges::find(out.variables, name, [](const auto& one) { return one.first; }) ==
        out.variables.end()) {
      out.variables.push_back(variable);
    }
  }
  if (const std::string overlap = FindOverlap(out); !overlap.empty()) {
    return Fail(Code::invalid_input, Fill("the profiles \"{}\" and \"{}\" don't go together: {}",
                                          profile.name, kPlainProfile, overlap));
  }
  return out;
}

}  // namespace interlock::sandbox
