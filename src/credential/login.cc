#include "credential/login.h"

#include <algorithm>

#include "crypto/hash.h"

namespace interlock::credential {
namespace {

Result<void> CheckToken(std::string_view token) {
  if (token.size() < kLoginBytesMin || token.size() > kLoginBytesMax)
    return Fail(Code::invalid_input, "login: a token has " + std::to_string(kLoginBytesMin) +
                                         " to " + std::to_string(kLoginBytesMax) + " bytes");
  const auto printable = [](char c) { return c > 0x20 && c < 0x7f; };
  if (!std::ranges::all_of(token, printable))
    return Fail(Code::invalid_input, "login: a token is printable ASCII without spaces");
  return {};
}

}  // namespace

Result<void> Logins::Add(std::string token, std::vector<std::string> hosts) {
  ILK_TRY_VOID(CheckToken(token));
  if (hosts.empty() || hosts.size() > kLoginHostsMax)
    return Fail(Code::invalid_input,
                "login: a token is for 1 to " + std::to_string(kLoginHostsMax) + " hosts");
  const std::lock_guard lock(mutex_);
  if (added_ >= kLoginsMax)
    return Fail(Code::limit,
                "login: a session has at most " + std::to_string(kLoginsMax) + " tokens");
  ++added_;
  Put(std::move(token), std::move(hosts));
  return {};
}

std::size_t Logins::Learn(std::string_view sent, std::vector<std::string> fresh) {
  const std::lock_guard lock(mutex_);
  const auto it = by_digest_.find(crypto::Sha256(sent));
  if (it == by_digest_.end()) return 0;
  const std::vector<std::string> hosts = it->second.hosts;
  std::size_t taken = 0;
  for (std::string& token : fresh) {
    if (!CheckToken(token)) continue;
    Put(std::move(token), hosts);
    ++taken;
  }
  return taken;
}

void Logins::Put(std::string token, std::vector<std::string> hosts) {
  std::string digest = crypto::Sha256(token);
  if (by_digest_.contains(digest)) return;
  if (order_.size() >= kLoginTokensMax) {
    by_digest_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(digest);
  by_digest_.emplace(std::move(digest),
                     Login{std::make_shared<const Secret>(std::move(token)), std::move(hosts)});
  auto index = std::make_shared<TokenIndex>();
  for (const auto& [known, login] : by_digest_) index->Add(login.token->Reveal(), "own login");
  index_ = std::move(index);
}

std::shared_ptr<const Secret> Logins::PassingTo(std::string_view host,
                                                std::string_view token) const {
  if (token.empty()) return nullptr;
  // Looked up by digest: how long it takes says nothing about the token.
  const std::string digest = crypto::Sha256(token);
  const std::lock_guard lock(mutex_);
  const auto it = by_digest_.find(digest);
  if (it == by_digest_.end()) return nullptr;
  const bool here = std::ranges::find(it->second.hosts, host) != it->second.hosts.end();
  return here ? it->second.token : nullptr;
}

std::shared_ptr<const TokenIndex> Logins::Index() const {
  const std::lock_guard lock(mutex_);
  return index_;
}

bool Logins::empty() const {
  const std::lock_guard lock(mutex_);
  return by_digest_.empty();
}

}  // namespace interlock::credential
