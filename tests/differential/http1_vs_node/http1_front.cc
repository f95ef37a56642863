// Reads one request per line in base64 and says what wire/http1 makes of it, one line each:
// "refused <name>", "incomplete", or "read <method> <target> <body in base64> <bytes used>".
#include <iostream>
#include <string>

#include "base/bytes.h"
#include "wire/http1/body.h"
#include "wire/http1/message.h"

namespace {

using namespace interlock;
using namespace interlock::http1;

std::string Refused(const Malformed& refusal) { return "refused " + std::string(refusal.name); }

std::string Describe(std::string_view in) {
  const auto step = ParseRequestHead(in);
  if (const auto* refusal = std::get_if<Malformed>(&step)) return Refused(*refusal);
  const auto* head = std::get_if<RequestHead>(&step);
  if (!head) return "incomplete";
  BodyReader reader(head->framing, Trailers::refused);
  std::string body;
  std::size_t used = head->consumed;
  while (!reader.done() && used < in.size()) {
    const auto next = reader.Next(in.substr(used));
    if (const auto* refusal = std::get_if<Malformed>(&next)) return Refused(*refusal);
    body += std::get<Piece>(next).data;
    used += std::get<Piece>(next).consumed;
  }
  if (!reader.done()) return "incomplete";
  return "read " + head->method + " " + head->target + " " + Base64(body) + " " +
         std::to_string(used);
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto bytes = FromBase64(line);
    std::cout << (bytes ? Describe(*bytes) : "refused bad-line") << '\n';
  }
  return 0;
}
