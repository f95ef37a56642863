#include "facts.h"

#include <utility>

namespace interlock::probe {
namespace {

constexpr std::pair<const char*, std::string Facts::*> kTexts[] = {
    {"canary", &Facts::canary},
    {"workspace", &Facts::workspace},
    {"home", &Facts::home},
    {"outside", &Facts::outside},
    {"state", &Facts::state},
    {"program", &Facts::program},
    {"gateway_socket", &Facts::gateway_socket},
    {"stream_socket", &Facts::stream_socket},
    {"datagram_socket", &Facts::datagram_socket},
    {"abstract_socket", &Facts::abstract_socket},
    {"agent_socket", &Facts::agent_socket},
    {"address", &Facts::address},
    {"memory", &Facts::memory},
};
constexpr std::pair<const char*, int Facts::*> kNumbers[] = {
    {"pid", &Facts::pid},
    {"tcp_port", &Facts::tcp_port},
    {"udp_port", &Facts::udp_port},
    {"proxy_port", &Facts::proxy_port},
    {"inherited_fd", &Facts::inherited_fd},
};

}  // namespace

json::object ToJson(const Facts& facts) {
  json::object out;
  out["control"] = facts.control;
  for (const auto& [name, member] : kTexts) out[name] = facts.*member;
  for (const auto& [name, member] : kNumbers) out[name] = facts.*member;
  return out;
}

Result<Facts> FactsFrom(std::string_view text) {
  ILK_TRY(value, ParseJson(text));
  const json::object* object = value.if_object();
  const auto wrong = [](std::string_view name) {
    return Fail(Code::invalid_input,
                "reading the facts: \"" + std::string(name) + "\" is missing or of another type");
  };
  if (object == nullptr) return wrong("{");
  Facts facts;
  const json::value* control = Find(*object, "control");
  if (control == nullptr || !control->is_bool()) return wrong("control");
  facts.control = control->get_bool();
  for (const auto& [name, member] : kTexts) {
    const json::value* found = Find(*object, name);
    if (found == nullptr || !found->is_string()) return wrong(name);
    facts.*member = std::string(found->get_string());
  }
  for (const auto& [name, member] : kNumbers) {
    const json::value* found = Find(*object, name);
    if (found == nullptr || !found->is_int64()) return wrong(name);
    facts.*member = static_cast<int>(found->get_int64());
  }
  if (facts.canary.size() < 16) return wrong("canary");
  return facts;
}

}  // namespace interlock::probe
