#include "gateway/answer.h"

#include <boost/json/serialize.hpp>

#include "base/bytes.h"

namespace interlock::gateway {
namespace {

constexpr std::string_view kProblem = "application/problem+json";
constexpr std::string_view kTypes = "https://interlock.dev/problems/";

std::string_view TitleOf(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 407:
      return "Proxy Authentication Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Refused";
  }
}

Answer Problem(int status, std::string_view name, std::string_view title, std::string_view detail,
               json::object more) {
  more["type"] = std::string(kTypes) + std::string(name);
  more["title"] = title;
  more["status"] = status;
  more["detail"] = detail;
  Answer answer{
      status, {{"content-type", std::string(kProblem)}}, json::serialize(more) + "\n", false};
  return answer;
}

Answer InProtocol(Dialect dialect, std::string_view name, std::string_view header,
                  std::string_view title, std::string_view id, std::string_view text,
                  bool head_request, std::string_view id_key) {
  const std::string url = "http://interlock.internal/holds/" + std::string(id);
  Answer answer;
  if (dialect == Dialect::graphql) {
    const json::object body{
        {"data", nullptr},
        {"errors", json::array{json::object{
                       {"message", text},
                       {"extensions", json::object{{"code", name == "hold" ? "INTERLOCK_HOLD"
                                                                           : "INTERLOCK_DENIED"},
                                                   {id_key, id}}}}}}};
    answer = {200,
              {{"content-type", "application/json; charset=utf-8"}},
              json::serialize(body) + "\n",
              false};
  } else {
    json::object more{{id_key, id}};
    if (name == "hold") more["status_url"] = url;
    answer = Problem(403, name, title, text, std::move(more));
  }
  answer.fields.push_back({std::string(header), std::string(id)});
  answer.fields.push_back({"cache-control", "no-store"});
  if (head_request) answer.body.clear();
  return answer;
}

}  // namespace

Answer HoldAnswer(Dialect dialect, std::string_view id, std::string_view text, bool head_request) {
  return InProtocol(dialect, "hold", "interlock-hold", "Held for a human", id, text, head_request,
                    "hold");
}

Answer DenyAnswer(Dialect dialect, std::string_view id, std::string_view text, bool head_request) {
  return InProtocol(dialect, "denied", "interlock-denied", "Denied", id, text, head_request,
                    "decision");
}

Answer MalformedAnswer(int status, std::string_view name, std::string_view reason) {
  const std::string detail =
      "INTERLOCK DENIED: not sent, nothing changed.\nThe request can't be passed on: " +
      std::string(reason) + ".";
  Answer answer = Problem(status, name, TitleOf(status), detail, {});
  answer.fields.push_back({"interlock-denied", std::string(name)});  // where a HEAD can see it too
  answer.close = true;
  return answer;
}

Answer UpstreamAnswer(int status, std::string_view name, std::string_view reason) {
  return Problem(status, name, TitleOf(status), reason, {});
}

Answer JsonAnswer(int status, const json::object& body) {
  return {status,
          {{"content-type", "application/json; charset=utf-8"}, {"cache-control", "no-store"}},
          json::serialize(body) + "\n",
          false};
}

}  // namespace interlock::gateway
