// What the JSON body of a call may hold, and which of it the provider would carry out itself. Pure
// and total.
//
// A model's API takes more than text: a request can name tools that the provider runs on its own
// machines, with whatever credential stands in the request, towards wherever the request says. Such
// a tool is a way around the room. So a pack says which entries the client runs itself, and
// everything else in those places counts as hosted, what nobody has heard of yet too.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "classify/pack.h"

namespace interlock::classify {

// An entry that the client carries out, or that reaches nothing beyond the request.
struct ClientTool {
  std::string kind;
  std::vector<Condition> when;    // all must hold
  std::vector<std::string> keys;  // no other may be there; empty: any
};

// Where tools stand.
struct ToolPlace {
  Path at;            // from the top of the body; lists mean every item
  bool deep = false;  // the last step of `at` also anywhere within BodyRule::within
  // The member whose text says what an entry is, a date at its end left out ("bash_20250124" is
  // "bash"). "{key}": every key of the entry is a tool. "": every entry is hosted.
  std::string by;
  std::string hosted;  // the name of what stands here, when `by` is empty
  std::vector<ClientTool> client;
  std::vector<std::string> untyped;           // keys of an entry without `by` that the client runs
  std::map<std::string, std::string> groups;  // kind → the member that holds more entries
};

// A value that the provider would fetch from somewhere, unless it is one of the plain ones.
struct FetchPlace {
  std::string key;
  std::string member;              // when the value is an object: its member that tells
  bool objects = false;            // a text in this place is no address
  std::vector<std::string> plain;  // upper-case globs, e.g. "DATA:*"
};

// A value that by itself switches a hosted tool on: "model": "m:online".
struct SwitchPlace {
  Path at;
  std::vector<std::string> matches;  // upper-case globs
  std::string hosted;
};

struct BodyRule {
  std::string name;
  std::size_t bytes_max = 0;  // what is read and inspected; 0: the gateway's own limit
  ArgumentNames members;      // any other member counts as a hosted tool of its name
  std::vector<ToolPlace> tools;
  std::vector<std::string> within;  // members in which `fetches` and deep places are looked for
  std::vector<std::string> except;  // keys whose values are free-form: not entered
  std::vector<FetchPlace> fetches;
  std::vector<SwitchPlace> switches;
};

// What the provider would do by itself.
struct HostedUse {
  std::vector<std::string> names;  // sorted, each once: "mcp", "web_search", "url"
  json::array entries;             // the parts of the body that say so, at most kHostedEntriesMax
};

// How a value that is fetched by its address is called among the hosted tools.
inline constexpr std::string_view kUrlTool = "url";
// An entry that can't be told: no list of client tools has it.
inline constexpr std::string_view kUnreadableTool = "unreadable";
inline constexpr std::size_t kHostedEntriesMax = 64;

HostedUse FindHosted(const BodyRule& rule, const json::object& body);

// "web_search_20250305" and "web_search_preview_2025_03_11" without their dates.
std::string_view WithoutDate(std::string_view kind);

}  // namespace interlock::classify
