#include "gateway/grants.h"

#include <algorithm>

namespace interlock::gateway {

struct GrantPass::Live {
  std::string id;
  GrantTerms terms;
  TimePoint until;
  std::chrono::steady_clock::time_point steady_until;
  std::atomic<std::uint64_t> passed{0};
  std::atomic<std::uint64_t> bytes_to{0};
  std::atomic<std::uint64_t> bytes_from{0};

  mutable std::mutex mutex;  // guards what follows
  bool ended = false;
  std::map<const GrantPass*, std::function<void()>> passes;

  bool IsOver(GrantTime now) const { return now.wall >= until || now.steady >= steady_until; }
  void End() {
    std::map<const GrantPass*, std::function<void()>> cut;
    {
      const std::lock_guard lock(mutex);
      ended = true;
      cut.swap(passes);
    }
    for (const auto& [pass, run] : cut) {
      if (run) run();
    }
  }
  GrantSeen Seen() const {
    const std::lock_guard lock(mutex);
    return {id, terms, until, passes.size(), passed.load(), bytes_to.load(), bytes_from.load()};
  }
};

GrantTime GrantNow(const Clock& clock) { return {clock.Now(), std::chrono::steady_clock::now()}; }

GrantPass::~GrantPass() {
  const std::lock_guard lock(live_->mutex);
  live_->passes.erase(this);
}

void GrantPass::OnEnd(std::function<void()> cut) {
  {
    const std::lock_guard lock(live_->mutex);
    if (!live_->ended) {
      live_->passes[this] = std::move(cut);
      return;
    }
  }
  cut();
}

bool GrantPass::ended() const {
  const std::lock_guard lock(live_->mutex);
  return live_->ended;
}

void GrantPass::CountTo(std::size_t bytes) { live_->bytes_to += bytes; }
void GrantPass::CountFrom(std::size_t bytes) { live_->bytes_from += bytes; }
const std::string& GrantPass::id() const { return live_->id; }

Result<void> Grants::Open(std::string id, GrantTerms terms, TimePoint until, GrantTime now) {
  auto live = std::make_shared<Live>();
  live->id = std::move(id);
  live->terms = std::move(terms);
  live->until = until;
  live->steady_until = now.steady + (until - now.wall);
  const std::lock_guard lock(mutex_);
  if (closed_) return Fail(Code::conflict, "the session is over");
  if (open_.size() >= kOpenMax)
    return Fail(Code::limit,
                "the session has " + std::to_string(kOpenMax) + " grants open already");
  open_.push_back(std::move(live));
  count_ = open_.size();
  return {};
}

std::shared_ptr<GrantPass> Grants::Enter(GrantProtocol protocol, std::string_view host,
                                         unsigned port, GrantTime now) {
  if (empty()) return nullptr;
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Live>& live : open_) {
    if (!Covers(live->terms, protocol, host, port) || live->IsOver(now)) continue;
    std::shared_ptr<GrantPass> pass(new GrantPass(live));
    const std::lock_guard of_grant(live->mutex);
    const bool is_tcp = protocol == GrantProtocol::unseen_tcp;
    if (is_tcp && (live->passes.size() >= kConnectionsMax || live->passed >= kTcpPassedMax)) {
      continue;
    }
    live->passes.emplace(pass.get(), nullptr);
    ++live->passed;
    return pass;
  }
  return nullptr;
}

std::vector<GrantSeen> Grants::EndIf(const std::function<bool(const Live&)>& is_over) {
  std::list<std::shared_ptr<Live>> over;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = open_.begin(); it != open_.end();) {
      const auto next = std::next(it);
      if (is_over(**it)) over.splice(over.end(), open_, it);
      it = next;
    }
    count_ = open_.size();
  }
  std::vector<GrantSeen> seen;
  for (const std::shared_ptr<Live>& live : over) {
    live->End();
    seen.push_back(live->Seen());
  }
  return seen;
}

std::vector<GrantSeen> Grants::End(std::string_view id) {
  return EndIf([id](const Live& live) { return live.id == id; });
}

std::vector<GrantSeen> Grants::EndDue(GrantTime now,
                                      const std::function<bool(const GrantTerms&)>& no_longer) {
  return EndIf([&](const Live& live) { return live.IsOver(now) || no_longer(live.terms); });
}

std::vector<GrantSeen> Grants::EndAll() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  return EndIf([](const Live&) { return true; });
}

bool Grants::IsDue(GrantTime now, const std::function<bool(const GrantTerms&)>& no_longer) const {
  if (empty()) return false;
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(open_, [&](const std::shared_ptr<Live>& live) {
    return live->IsOver(now) || no_longer(live->terms);
  });
}

std::vector<GrantSeen> Grants::Seen() const {
  std::vector<GrantSeen> seen;
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Live>& live : open_) seen.push_back(live->Seen());
  return seen;
}

}  // namespace interlock::gateway
