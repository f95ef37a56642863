// The operation rules of a pack file. Private to classify/.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "classify/pack.h"
#include "classify/yaml.h"

namespace interlock::classify {

// Lists of words that conditions name instead of repeating them.
using WordLists = std::map<std::string, std::vector<std::string>, std::less<>>;

class OperationReader {
 public:
  OperationReader(std::string_view provider, const WordLists& lists, Problems& problems)
      : provider_(provider), lists_(lists), problems_(problems) {}

  ByName<OperationRule> Mutations(const YamlNode& map) const;
  // Groups of names that share targets; effect is read where nothing else stands.
  ByName<OperationRule> Queries(const YamlNode& list) const;
  Condition ConditionOf(const YamlNode& node) const;
  // Dotted names; a step "**" lets anything stand below.
  ArgumentNames Arguments(const YamlNode& list) const;
  Path PathOf(const YamlNode& where, std::string_view text) const;

 private:
  OperationRule Rule(std::string_view name, const YamlNode& node) const;
  Case CaseOf(const OperationRule& rule, const YamlNode& node) const;
  // A list, or the name of one of `lists`.
  std::vector<std::string> Words(const YamlNode& node) const;
  std::vector<TargetRule> Targets(const YamlNode& map) const;

  std::string provider_;
  const WordLists& lists_;
  Problems& problems_;
};

}  // namespace interlock::classify
