#include "scope/answer_reader.h"

#include <cmath>

#include "base/bytes.h"

namespace interlock::scope {
namespace {

constexpr std::size_t kIdBytesMax = 256;
constexpr std::size_t kTextBytesMax = 4096;
constexpr std::size_t kNodesMax = 1000;  // of one connection: no query asks for more than 100

const json::object& Empty() {
  static const json::object kEmpty;
  return kEmpty;
}

std::string FirstMessage(const json::value& errors) {
  const json::array* list = errors.if_array();
  const json::object* first =
      list == nullptr || list->empty() ? nullptr : list->front().if_object();
  const std::string_view message = first == nullptr ? "" : FindString(*first, "message");
  return message.empty() ? "an error without a message" : EscapeForHumans(message, 200);
}

}  // namespace

Result<json::object> ReadData(std::string_view body) {
  ILK_TRY(answer, ParseJson(body, {.depth_max = 32}));
  json::object* object = answer.if_object();
  if (object == nullptr) return Fail(Code::invalid_input, "the answer is not an object");
  if (const json::value* errors = Find(*object, "errors"); errors != nullptr && !errors->is_null())
    return Fail(Code::unavailable, "the provider answered: " + FirstMessage(*errors));
  json::value* data = object->if_contains("data");
  if (data == nullptr || !data->is_object())
    return Fail(Code::invalid_input, "the answer has no data");
  return std::move(data->get_object());
}

const json::value* AnswerReader::Get(std::string_view key) {
  return ok() ? Find(*object_, key) : nullptr;
}

void AnswerReader::Refuse(std::string_view key, std::string_view wanted) {
  if (!ok()) return;
  fault_ = "the answer's " + path_ + "." + std::string(key) + " is not " + std::string(wanted);
}

std::string AnswerReader::Id(std::string_view key) {
  std::string id = Text(key);
  if (id.empty() || id.size() > kIdBytesMax) Refuse(key, "an id");
  return ok() ? id : std::string();
}

std::string AnswerReader::IdOrNull(std::string_view key) {
  const json::value* value = Get(key);
  if (value != nullptr && value->is_null()) return "";
  return Id(key);
}

std::string AnswerReader::Text(std::string_view key) {
  const json::value* value = Get(key);
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  if (text == nullptr || text->size() > kTextBytesMax) {
    Refuse(key, "a text");
    return "";
  }
  return std::string(*text);
}

std::string AnswerReader::TextOrNull(std::string_view key) {
  const json::value* value = Get(key);
  if (value != nullptr && value->is_null()) return "";
  return Text(key);
}

bool AnswerReader::Bool(std::string_view key) {
  const json::value* value = Get(key);
  const bool* flag = value == nullptr ? nullptr : value->if_bool();
  if (flag == nullptr) Refuse(key, "true or false");
  return flag != nullptr && *flag;
}

double AnswerReader::Number(std::string_view key) {
  const json::value* value = Get(key);
  double number = -1;
  if (value != nullptr && value->is_number()) number = value->to_number<double>();
  if (!std::isfinite(number) || number < 0) {
    Refuse(key, "a number");
    return 0;
  }
  return number;
}

AnswerReader AnswerReader::Object(std::string_view key) {
  const json::value* value = Get(key);
  const json::object* object = value == nullptr ? nullptr : value->if_object();
  if (object == nullptr) Refuse(key, "an object");
  return {object == nullptr ? Empty() : *object, path_ + "." + std::string(key), fault_};
}

std::vector<AnswerReader> AnswerReader::List(std::string_view key, std::size_t limit) {
  const json::value* value = Get(key);
  const json::array* array = value == nullptr ? nullptr : value->if_array();
  if (array == nullptr || array->size() > limit) {
    Refuse(key, "a list of the expected length");
    return {};
  }
  std::vector<AnswerReader> out;
  for (const json::value& item : *array) {
    const json::object* object = item.if_object();
    if (object == nullptr) {
      Refuse(key, "a list of objects");
      return {};
    }
    out.emplace_back(*object, path_ + "." + std::string(key), fault_);
  }
  return out;
}

AnswerReader::Connection AnswerReader::Nodes(std::string_view key) {
  AnswerReader connection = Object(key);
  AnswerReader page = connection.Object("pageInfo");
  Connection out;
  out.has_next_page = page.Bool("hasNextPage");
  // Asked for only where further pages are read.
  if (Find(*page.object_, "endCursor") != nullptr) out.end_cursor = page.TextOrNull("endCursor");
  for (AnswerReader& edge : connection.List("edges", kNodesMax))
    out.nodes.push_back(edge.Object("node"));
  return out;
}

}  // namespace interlock::scope
