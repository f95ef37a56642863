// Strict reading of GraphQL answers: what is not of the expected shape is an error that says where.
// Private to this folder.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace interlock::scope {

// The `data` object of an answer. An `errors` member, whatever stands beside it, fails.
Result<json::object> ReadData(std::string_view body);

// A view of one object, remembering the first thing that was not as expected; values read after
// that are empty. Check `ok()` before using any of them.
class AnswerReader {
 public:
  AnswerReader(const json::object& object, std::string path, std::string& fault)
      : object_(&object), path_(std::move(path)), fault_(fault) {}

  bool ok() const { return fault_.empty(); }
  // Notes that a value, though of the right shape, can't be.
  void Refuse(std::string_view key, std::string_view wanted);

  std::string Id(std::string_view key);        // 1 to 256 bytes
  std::string IdOrNull(std::string_view key);  // null is ""
  std::string Text(std::string_view key);      // up to 4 KiB, may be empty
  std::string TextOrNull(std::string_view key);
  bool Bool(std::string_view key);
  double Number(std::string_view key);  // finite, not negative
  AnswerReader Object(std::string_view key);

  // The nodes of a connection {pageInfo{hasNextPage endCursor} edges{node}}.
  struct Connection {
    std::vector<AnswerReader> nodes;
    bool has_next_page = false;
    std::string end_cursor;
  };
  Connection Nodes(std::string_view key);
  // The objects of a plain list, at most `limit`.
  std::vector<AnswerReader> List(std::string_view key, std::size_t limit);

 private:
  const json::value* Get(std::string_view key);

  const json::object* object_;
  std::string path_;
  std::string& fault_;
};

}  // namespace interlock::scope
