#include "classify/packs.h"

#include <algorithm>

#include "base/bytes.h"

namespace interlock::classify {
namespace {

bool IsPlainLower(std::string_view host) {
  return !host.ends_with('.') &&
         std::ranges::none_of(host, [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::string Normal(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return ToLower(host);
}

}  // namespace

Result<void> Packs::Claim(const Api& api, const std::string& host) {
  const bool wild = host.starts_with("*.");
  const std::string suffix = wild ? host.substr(1) : "";
  const bool taken =
      wild ? std::ranges::find(wildcards_, suffix, &Wildcard::suffix) != wildcards_.end()
           : exact_.contains(host);
  if (taken) return Fail(Code::conflict, "two packs name the host " + host);
  if (!wild) {
    exact_.emplace(host, &api);
    return {};
  }
  const auto shorter = [&](const Wildcard& other) { return other.suffix.size() < suffix.size(); };
  wildcards_.insert(std::ranges::find_if(wildcards_, shorter), {suffix, &api});
  return {};
}

Result<void> Packs::Add(Pack pack) {
  if (Get(pack.name)) return Fail(Code::conflict, "the pack " + pack.name + " is loaded twice");
  const auto shared = std::make_shared<const Pack>(std::move(pack));
  packs_.push_back(shared);
  for (const Api& api : shared->apis) {
    for (const std::string& host : api.hosts) ILK_TRY_VOID(Claim(api, host));
  }
  return {};
}

Result<void> Packs::Bind(std::string_view name, std::string_view host) {
  const bool plain = !host.empty() && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  });
  if (!plain)
    return Fail(Code::invalid_input, "'" + EscapeForHumans(host, 120) + "' is no host name");
  const Pack* pack = Get(name);
  if (!pack) return Fail(Code::not_found, "there is no pack " + std::string(name));
  const auto api =
      std::ranges::find_if(pack->apis, [](const Api& one) { return one.hosts.empty(); });
  if (api == pack->apis.end()) {
    return Fail(Code::not_found, "the pack " + std::string(name) + " names its own hosts");
  }
  return Claim(*api, Normal(host));
}

const Api* Packs::Find(std::string_view host) const {
  if (!IsPlainLower(host)) return Find(Normal(host));
  if (const auto it = exact_.find(host); it != exact_.end()) return it->second;
  for (const Wildcard& wildcard : wildcards_) {
    if (host.size() > wildcard.suffix.size() && host.ends_with(wildcard.suffix))
      return wildcard.api;
  }
  return nullptr;
}

const Pack* Packs::Get(std::string_view name) const {
  const auto it =
      std::ranges::find_if(packs_, [&](const auto& pack) { return pack->name == name; });
  return it == packs_.end() ? nullptr : it->get();
}

std::vector<std::string> Packs::HostsOf(std::string_view name) const {
  std::vector<std::string> hosts;
  if (const Pack* pack = Get(name)) {
    for (const Api& api : pack->apis) {
      for (std::string& host : HostsOf(api)) hosts.push_back(std::move(host));
    }
  }
  std::ranges::sort(hosts);
  return hosts;
}

std::vector<std::string> Packs::HostsOf(const Api& api) const {
  std::vector<std::string> hosts;
  for (const auto& [host, of] : exact_) {
    if (of == &api) hosts.push_back(host);
  }
  for (const Wildcard& wildcard : wildcards_) {
    if (wildcard.api == &api) hosts.push_back("*" + wildcard.suffix);
  }
  std::ranges::sort(hosts);
  return hosts;
}

}  // namespace interlock::classify
