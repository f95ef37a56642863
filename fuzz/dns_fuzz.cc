// For any bytes at all: an accepted query names a plain host, its answers parse back to the same
// question, and no strict prefix of it is accepted. A TCP frame lies inside the input.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/dns/message.h"
#include "wire/host_name.h"

namespace {

using namespace interlock;

void Require(bool claim) {
  if (!claim) std::abort();
}

void CheckQuery(std::string_view in, const dns::Query& query) {
  const auto host = wire::ParseHost(query.name);
  Require(std::holds_alternative<wire::Host>(host) &&
          std::get<wire::Host>(host).text == query.name);
  Require(!std::holds_alternative<dns::Query>(dns::ParseQuery(in.substr(0, in.size() - 1))));
  for (std::string answer : {dns::BuildAnswer(query, {{198, 18, 0, 1}}, 1),
                             dns::BuildError(query, dns::Rcode::name_error)}) {
    Require(answer.size() < 512 && (answer[2] & 0x80) != 0);
    Require(answer.substr(12, query.question.size()) == query.question);
    Require(std::get<std::string_view>(dns::NextTcpMessage(dns::TcpFrame(answer))).size() ==
            answer.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  const auto parsed = dns::ParseQuery(in);
  if (const auto* query = std::get_if<dns::Query>(&parsed)) CheckQuery(in, *query);
  if (const auto* bad = std::get_if<dns::BadQuery>(&parsed)) Require(!bad->name.empty());
  const auto frame = dns::NextTcpMessage(in);
  if (const auto* message = std::get_if<std::string_view>(&frame)) {
    Require(message->size() + 2 <= size);
  }
  if (const auto* more = std::get_if<wire::NeedMore>(&frame)) Require(more->bytes_min > 0);
  return 0;
}
