// GraphQL over HTTP: what a body or a query string asks for, and what the pack says about it.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"
#include "base/json.h"
#include "classify/hands_out.h"
#include "classify/malformed.h"
#include "classify/pack.h"
#include "lang/graphql/document.h"

namespace interlock::classify {

// The three things a request names, whatever their encoding was.
struct GraphqlRequest {
  std::string query;
  std::string operation_name;  // "" when none
  json::object variables;
};

// One JSON object with `query`, `variables`, `operationName` and nothing else; `extensions` only
// when null or empty. A list of requests, a persisted query's hash and a key said twice are
// refused.
std::expected<GraphqlRequest, Malformed> ReadGraphqlBody(std::string_view body);

// The same from the query string of a GET.
std::expected<GraphqlRequest, Malformed> ReadGraphqlQuery(std::string_view query);

enum class MissingVariables {
  refused,   // a request: the server would refuse it too
  accepted,  // a document by itself, of which only the operation is known
};

struct GraphqlReading {
  std::vector<Operation> operations;  // one for each root field; never empty
  graphql::OperationType type = graphql::OperationType::query;
  std::string body;  // JSON of the one operation that would run, and of its declared variables
};

// Judges every root field of the selected operation: aliases, fragments and fields that a literal
// @skip would leave out count like any other. Unlisted fields and directives other
// than @skip and @include are unknown.
std::expected<GraphqlReading, Malformed> JudgeGraphql(
    const Api& api, GraphqlRequest request, MissingVariables missing = MissingVariables::refused);

// Where the answer to this request hands out credentials: below "data", by the names under which
// the fields were asked for. A limit that keeps the walk from seeing everything is a refusal.
std::expected<std::vector<DisclosedPlace>, Malformed> DisclosedBy(const Api& api,
                                                                  const GraphqlRequest& request);

}  // namespace interlock::classify
