#include "gateway/session.h"

#include <algorithm>

#include "crypto/hash.h"

namespace interlock::gateway {

void Session::AddCloser(std::function<void()> close) {
  {
    const std::lock_guard lock(mutex_);
    if (!ended) {
      closers_.push_back(std::move(close));
      return;
    }
  }
  close();
}

void Session::End() {
  std::vector<std::function<void()>> closers;
  {
    const std::lock_guard lock(mutex_);
    if (ended.exchange(true)) return;
    closers.swap(closers_);
  }
  for (const auto& close : closers) close();
  CloseLines(LineEnd::session_over);
}

void Session::Gain(credential::VaultEntry entry) {
  const std::lock_guard lock(mutex_);
  gained_.push_back(std::move(entry));
}

std::vector<credential::VaultEntry> Session::AllLent() const {
  const std::lock_guard lock(mutex_);
  std::vector<credential::VaultEntry> all = lent;
  all.insert(all.end(), gained_.begin(), gained_.end());
  return all;
}

std::optional<credential::VaultEntry> Session::LentEntry(std::string_view name) const {
  const auto in = [&](const std::vector<credential::VaultEntry>& entries)
      -> std::optional<credential::VaultEntry> {
    const auto it = std::ranges::find(entries, name, &credential::VaultEntry::name);
    return it == entries.end() ? std::nullopt : std::optional(*it);
  };
  if (auto found = in(lent)) return found;
  const std::lock_guard lock(mutex_);
  return in(gained_);
}

bool Session::NoteLend(std::string_view entry, bool refused, int status, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto it = refused_lends_.find(entry);
  if (refused == (it != refused_lends_.end())) return false;
  if (refused)
    refused_lends_.emplace(std::string(entry), RefusedLend{now, status});
  else
    refused_lends_.erase(it);
  return true;
}

std::map<std::string, Session::RefusedLend, std::less<>> Session::RefusedLends() const {
  const std::lock_guard lock(mutex_);
  return refused_lends_;
}

std::optional<std::uint64_t> Session::AddLine(CloseLine close) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    if (lines_.size() >= kLinesMax) return std::nullopt;
    number = next_line_++;
    lines_[number] = close;
  }
  if (ended) close(LineEnd::session_over);
  return number;
}

bool Session::HasRoomForLine() {
  const std::lock_guard lock(mutex_);
  return lines_.size() < kLinesMax;
}

void Session::RemoveLine(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  lines_.erase(number);
}

void Session::CloseLines(LineEnd why) {
  std::map<std::uint64_t, CloseLine> lines;
  {
    const std::lock_guard lock(mutex_);
    lines = lines_;
  }
  for (const auto& line : lines) line.second(why);
}

const Reach* Session::ReachTo(std::string_view host, unsigned port) const {
  const auto it = std::ranges::find_if(
      reach, [&](const Reach& one) { return one.host == host && one.port == port; });
  return it == reach.end() ? nullptr : &*it;
}

std::shared_ptr<const policy::Policy> Session::PolicyFor(const policy::Config& config,
                                                         std::string_view digest) {
  const std::lock_guard lock(mutex_);
  if (policy_ == nullptr || policy_digest_ != digest) {
    policy_ = std::make_shared<const policy::Policy>(policy::MakePolicy(config, workspace_rules));
    policy_digest_ = digest;
  }
  return policy_;
}

// Looked up by digest: how long a look-up takes says nothing about the token.
void Sessions::Add(std::shared_ptr<Session> session) {
  const std::lock_guard lock(mutex_);
  by_token_digest_[crypto::Sha256(session->token)] = session;
  by_id_[session->id] = std::move(session);
}

std::shared_ptr<Session> Sessions::ByToken(std::string_view token) const {
  if (token.empty()) return nullptr;
  const std::string digest = crypto::Sha256(token);
  const std::lock_guard lock(mutex_);
  const auto it = by_token_digest_.find(digest);
  return it == by_token_digest_.end() ? nullptr : it->second;
}

std::shared_ptr<Session> Sessions::ById(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<Session>> Sessions::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Session>> all;
  for (const auto& [id, session] : by_id_) all.push_back(session);
  return all;
}

void Sessions::Remove(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  by_token_digest_.erase(crypto::Sha256(it->second->token));
  by_id_.erase(it);
}

}  // namespace interlock::gateway
