// From YAML to a checked tree, driven by the table alone. Private to this folder.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "policy/config.h"
#include "policy/config_table.h"
#include "policy/mark.h"

namespace interlock::policy {

// What a file says, normalised: sizes in bytes, durations in milliseconds, paths complete, "one or
// a list" as a list. Every value has the kind that the table gives it.
struct CheckedTree {
  json::object tree;
  std::map<std::string, Mark> marks;  // by path: "rules/3/when/environment/0"
  std::vector<Problem> problems;      // when there is one, the tree is incomplete
};

CheckedTree ReadByTable(const Table& table, std::string_view text, const std::string& path);

// "unknown key "aprovals" (did you mean "approvals"?)": `what`, the word, the nearest candidate.
std::string Unknown(std::string_view what, std::string_view word,
                    const std::vector<std::string_view>& known);

}  // namespace interlock::policy
