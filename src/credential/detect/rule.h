// What is known about one kind of credential. Rules are data: packs/credentials/*.yaml.
#pragma once

#include <deque>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace interlock::credential {

// How a kind is told.
enum class RuleForm {
  token,  // by its own format, wherever it stands
  named,  // by its format and the name it is assigned to
  coded,  // by a routine of coded.h
};

// What the variable part of a value has to look like before it counts.
enum class Randomness { any, usual, strong, password };

// The views live as long as the rule's owner: the program for the standard rules, a RuleBook else.
struct Rule {
  std::string_view id;        // "github-pat"
  std::string_view provider;  // "github"
  std::string_view kind;      // "personal access token"
  std::string_view could;     // what somebody who holds it could do
  std::string_view revoke;    // an address or a command
  RuleForm form = RuleForm::token;
  std::string_view pattern;    // RE2; the first group, where there is one, is the secret
  std::string_view trigger;    // token: what the first pass looks for
  std::string_view words;      // named: "okta,auth0"
  std::string_view code;       // coded: the routine's name
  std::string_view check;      // "" or a check of checks.h
  std::string_view published;  // fingerprints of keys that stand in public sample code: "a,b"
  std::string_view match;      // an example; "{[0-9a-f]*4}" is 4 characters of that class
  Randomness randomness = Randomness::usual;
  bool digits = false;            // must hold a digit
  bool letters = false;           // must hold a letter
  bool asks_credential = false;   // named: the name must speak of a credential, too
  bool placeholders_too = false;  // a value that reads like an example counts all the same
};

// Owns the texts of rules that were read from files. Movable; rules stay valid when it moves.
class RuleBook {
 public:
  // Reads one file. The error lists every problem with its place.
  Result<void> Read(std::string_view file_name, std::string_view text);

  std::span<const Rule> rules() const { return rules_; }
  // What isn't tied to Rule's layout: used where rules are written as C++.
  std::string_view Keep(std::string text);

 private:
  std::deque<std::string> texts_;
  std::vector<Rule> rules_;
};

// Every *.yaml of the directory, in the order of their names.
Result<RuleBook> ReadRules(const std::filesystem::path& directory);

// "github personal access token"
std::string NameOf(const Rule& rule);

}  // namespace interlock::credential
