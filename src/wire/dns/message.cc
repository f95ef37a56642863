#include "wire/dns/message.h"

#include <algorithm>
#include <utility>

#include "wire/host_name.h"

namespace interlock::dns {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMessageBytesMax = 4096;
constexpr std::size_t kNameBytesMax = 253;
constexpr std::uint16_t kTypeOpt = 41;
constexpr std::uint16_t kFlagResponse = 0x8000;
constexpr std::uint16_t kFlagTruncated = 0x0200;
constexpr std::uint16_t kFlagRecursionDesired = 0x0100;
constexpr std::uint16_t kFlagRecursionAvailable = 0x0080;
constexpr std::uint16_t kOpcodeMask = 0x7800;
// What RFC 9715 recommends so that answers are never fragmented.
constexpr std::uint16_t kUdpBytesMax = 1232;

std::uint16_t LoadU16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

void AppendU16(std::string& out, std::uint16_t value) {
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value & 0xff));
}

struct WireName {
  std::string text;
  std::size_t end = 0;  // offset after the root label
};

std::variant<WireName, BadQuery> ParseName(std::string_view bytes, std::size_t at) {
  WireName name;
  while (at < bytes.size()) {
    const auto length = static_cast<unsigned char>(bytes[at++]);
    if (length == 0) {
      name.end = at;
      return name;
    }
    // The two top bits mark a pointer (RFC 1035 4.1.4); a question has nothing to point back to.
    if (length > 63) return BadQuery{"the question's name is compressed", "compressed-question"};
    if (bytes.size() - at < length) break;
    const std::string_view label = bytes.substr(at, length);
    if (label.find('.') != std::string_view::npos) {
      return BadQuery{"a label carries a dot", "bad-name", Rcode::refused};
    }
    if (!name.text.empty()) name.text.push_back('.');
    name.text.append(label);
    if (name.text.size() > kNameBytesMax) {
      return BadQuery{"the name is longer than 253 bytes", "name-too-long"};
    }
    at += length;
  }
  return BadQuery{"the message ends inside the name", "truncated"};
}

std::optional<BadQuery> CheckHeader(std::string_view bytes) {
  const std::uint16_t flags = LoadU16(bytes, 2);
  if (flags & kFlagResponse) return BadQuery{"an answer where a query was expected", "not-a-query"};
  if (flags & kOpcodeMask) {
    return BadQuery{"the operation is not QUERY", "bad-opcode", Rcode::not_implemented};
  }
  if (flags & kFlagTruncated) return BadQuery{"the query says it is truncated", "truncated"};
  if (LoadU16(bytes, 4) != 1) return BadQuery{"not exactly one question", "several-questions"};
  if (LoadU16(bytes, 6) != 0 || LoadU16(bytes, 8) != 0 || LoadU16(bytes, 10) > 1) {
    return BadQuery{"the query carries records", "records-in-query"};
  }
  return std::nullopt;
}

// RFC 6891 6.1.2: root name, type 41, then class, TTL and options, none of which matter here.
std::optional<BadQuery> CheckOpt(std::string_view record) {
  constexpr std::size_t kFixedBytes = 11;
  if (record.size() < kFixedBytes || record[0] != 0 || LoadU16(record, 1) != kTypeOpt) {
    return BadQuery{"the additional record is not EDNS", "records-in-query"};
  }
  if (record.size() - kFixedBytes != LoadU16(record, 9)) {
    return BadQuery{"the EDNS record has another length than it says", "trailing-bytes"};
  }
  return std::nullopt;
}

std::variant<Query, BadQuery> ParseChecked(std::string_view bytes) {
  if (auto refusal = CheckHeader(bytes)) return *refusal;
  auto parsed = ParseName(bytes, kHeaderBytes);
  if (const auto* refusal = std::get_if<BadQuery>(&parsed)) return *refusal;
  WireName& name = std::get<WireName>(parsed);
  if (bytes.size() - name.end < 4) {
    return BadQuery{"the message ends inside the question", "truncated"};
  }
  auto host = wire::ParseHost(name.text);
  const auto* valid = std::get_if<wire::Host>(&host);
  if (!valid || valid->kind != wire::HostKind::name) {
    return BadQuery{"the name is not a host name", "bad-name", Rcode::refused};
  }
  const std::string_view rest = bytes.substr(name.end + 4);
  Query query;
  query.has_edns = LoadU16(bytes, 10) == 1;
  if (query.has_edns) {
    if (auto refusal = CheckOpt(rest)) return *refusal;
  } else if (!rest.empty()) {
    return BadQuery{"bytes follow the question", "trailing-bytes"};
  }
  query.id = LoadU16(bytes, 0);
  query.name = valid->text;
  query.type = LoadU16(bytes, name.end);
  query.query_class = LoadU16(bytes, name.end + 2);
  query.recursion_desired = (LoadU16(bytes, 2) & kFlagRecursionDesired) != 0;
  query.question = bytes.substr(kHeaderBytes, name.end + 4 - kHeaderBytes);
  return query;
}

std::string Header(std::uint16_t id, bool recursion_desired, Rcode rcode, bool answer, bool edns,
                   bool question) {
  std::string out;
  AppendU16(out, id);
  AppendU16(out, static_cast<std::uint16_t>(kFlagResponse | kFlagRecursionAvailable |
                                            (recursion_desired ? kFlagRecursionDesired : 0) |
                                            static_cast<unsigned>(rcode)));
  AppendU16(out, question ? 1 : 0);
  AppendU16(out, answer ? 1 : 0);
  AppendU16(out, 0);
  AppendU16(out, edns ? 1 : 0);
  return out;
}

// RFC 6891 6.1.1: who asks with OPT is answered with OPT.
void AppendOpt(std::string& out) {
  out.push_back('\0');
  AppendU16(out, kTypeOpt);
  AppendU16(out, kUdpBytesMax);
  out.append(6, '\0');
}

}  // namespace

std::variant<Query, BadQuery> ParseQuery(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return BadQuery{"shorter than a DNS header", "truncated"};
  const std::uint16_t id = LoadU16(bytes, 0);
  if (bytes.size() > kMessageBytesMax) {
    return BadQuery{"larger than 4096 bytes", "message-too-large", Rcode::format_error, id};
  }
  auto parsed = ParseChecked(bytes);
  // An answer is never answered: two resolvers could go on forever.
  if (auto* refusal = std::get_if<BadQuery>(&parsed); refusal && refusal->name != "not-a-query") {
    refusal->id = id;
  }
  return parsed;
}

std::string BuildAnswer(const Query& query, const std::optional<std::array<std::uint8_t, 4>>& ipv4,
                        std::uint32_t ttl_s) {
  if (query.query_class != kClassIn) return BuildError(query, Rcode::refused);
  switch (query.type) {
    case kTypeA:
      break;
    case kTypeAaaa:
    case kTypeHttps:
    case kTypeSvcb:
      return BuildError(query, Rcode::no_error);
    default:
      return BuildError(query, Rcode::refused);
  }
  if (!ipv4) return BuildError(query, Rcode::no_error);
  std::string out =
      Header(query.id, query.recursion_desired, Rcode::no_error, true, query.has_edns, true);
  out += query.question;
  AppendU16(out, 0xc000 | kHeaderBytes);  // the question's name
  AppendU16(out, kTypeA);
  AppendU16(out, kClassIn);
  AppendU16(out, static_cast<std::uint16_t>(ttl_s >> 16));
  AppendU16(out, static_cast<std::uint16_t>(ttl_s & 0xffff));
  AppendU16(out, static_cast<std::uint16_t>(ipv4->size()));
  for (const std::uint8_t byte : *ipv4) out.push_back(static_cast<char>(byte));
  if (query.has_edns) AppendOpt(out);
  return out;
}

std::string BuildError(const Query& query, Rcode rcode) {
  std::string out = Header(query.id, query.recursion_desired, rcode, false, query.has_edns, true);
  out += query.question;
  if (query.has_edns) AppendOpt(out);
  return out;
}

std::string BuildError(std::uint16_t id, Rcode rcode) {
  return Header(id, false, rcode, false, false, false);
}

wire::Step<std::string_view> NextTcpMessage(std::string_view in) {
  if (in.size() < 2) return wire::NeedMore{2 - in.size()};
  const std::size_t length = LoadU16(in, 0);
  if (length < kHeaderBytes) return wire::Malformed{"shorter than a DNS header", "truncated"};
  if (length > kMessageBytesMax) {
    return wire::Malformed{"larger than 4096 bytes", "message-too-large"};
  }
  if (in.size() - 2 < length) return wire::NeedMore{length - (in.size() - 2)};
  return in.substr(2, length);
}

std::string TcpFrame(std::string_view message) {
  std::string out;
  AppendU16(out, static_cast<std::uint16_t>(message.size()));
  out.append(message);
  return out;
}

}  // namespace interlock::dns
