// The loaded packs, by host. Built once per generation, then read from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "classify/pack.h"

namespace interlock::classify {

class Packs {
 public:
  // conflict when a pack of that name, or another API with one of its hosts, is there.
  Result<void> Add(Pack pack);

  // Judges `host` by the API without hosts of its own of that pack: a private package registry,
  // say. not_found when there is no such pack or API; conflict when the host is taken.
  Result<void> Bind(std::string_view pack, std::string_view host);

  // nullptr when no pack names the host. An exact name wins over "*.name", a longer one over a
  // shorter. Case and one trailing dot make no difference.
  const Api* Find(std::string_view host) const;

  // A host that some pack names: nothing that can't be undone reaches it unsigned.
  bool Guarded(std::string_view host) const { return Find(host) != nullptr; }

  const Pack* Get(std::string_view name) const;  // nullptr when there is none
  const std::vector<std::shared_ptr<const Pack>>& all() const { return packs_; }

  // Patterns under which the pack's hosts are known, those bound to it included.
  std::vector<std::string> HostsOf(std::string_view pack) const;
  std::vector<std::string> HostsOf(const Api& api) const;

 private:
  Result<void> Claim(const Api& api, const std::string& host);

  struct Wildcard {
    std::string suffix;  // ".name"
    const Api* api;
  };

  std::vector<std::shared_ptr<const Pack>> packs_;
  ByName<const Api*> exact_;
  std::vector<Wildcard> wildcards_;  // longest first
};

}  // namespace interlock::classify
