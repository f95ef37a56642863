#include "gateway/lends.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>

#include "credential/shapes.h"
#include "gateway/core.h"
#include "gateway/mint_desk.h"
#include "gateway/record.h"

namespace interlock::gateway {
namespace {

namespace fs = std::filesystem;
using credential::Sourced;
using credential::SourceKind;
using credential::ValueState;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kWaitMax{90};  // longer than any source may take

// An agent could put its own choice into a file that lies where it may write.
Result<void> OutOfReach(Core& core, const std::string& path) {
  std::error_code failed;
  const fs::path real = fs::weakly_canonical(path, failed);
  if (failed) return Fail(Code::unavailable, path + ": " + failed.message());
  for (const auto& session : core.sessions.All()) {
    if (session->workspace.empty()) continue;
    const fs::path inside = real.lexically_relative(session->workspace);
    if (!inside.empty() && *inside.begin() != "..")
      return Fail(Code::denied,
                  path + " lies in the workspace of " + session->id + ", where an agent may write");
  }
  return {};
}

}  // namespace

// Whatever happens to the coroutine that asks, those who wait go on.
class Lends::Landing {
 public:
  Landing(Lends& lends, std::string name, std::shared_ptr<Flight> flight)
      : lends_(lends), name_(std::move(name)), flight_(std::move(flight)) {}
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;
  ~Landing() {
    std::vector<std::shared_ptr<asio::steady_timer>> waiting;
    {
      const std::lock_guard lock(lends_.mutex_);
      flight_->landed = true;
      waiting.swap(flight_->waiting);
      lends_.flights_.erase(name_);
    }
    // Each on its own worker's thread, which is where its coroutine waits.
    for (auto& timer : waiting) {
      const auto executor = timer->get_executor();
      asio::post(executor, [timer = std::move(timer)] { timer->cancel(); });
    }
  }

 private:
  Lends& lends_;
  const std::string name_;
  const std::shared_ptr<Flight> flight_;
};

Task<void> Lends::WaitFor(std::shared_ptr<Flight> flight) {
  const auto executor = co_await asio::this_coro::executor;
  auto timer = std::make_shared<asio::steady_timer>(executor);
  timer->expires_after(kWaitMax);
  {
    const std::lock_guard lock(mutex_);
    if (flight->landed) co_return;
    flight->waiting.push_back(timer);
  }
  (void)co_await timer->async_wait(kAwait);
}

Task<void> Lends::Refresh(Core& core, Worker& worker, std::string entry) {
  const ValueState state = core.vault.StateOf(entry);
  if (state == ValueState::ready || state == ValueState::unusable) co_return;
  const auto source = core.vault.SourceOf(entry);
  if (!source) co_return;
  std::shared_ptr<Flight> flight;
  bool is_ours = false;
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = flights_.find(entry); it != flights_.end()) {
      flight = it->second;
    } else {
      // Reading a file costs nothing. Anything else that was asked a moment ago would say the same.
      const auto last = asked_.find(entry);
      const bool just_asked =
          last != asked_.end() && std::chrono::steady_clock::now() < last->second + kPause;
      const bool failed = troubles_.contains(entry);
      const bool is_file = source->kind == SourceKind::file;
      if (just_asked && (failed || (state == ValueState::due && !is_file))) co_return;
      flight = std::make_shared<Flight>();
      flights_[entry] = flight;
      asked_[entry] = std::chrono::steady_clock::now();
      is_ours = true;
    }
  }
  if (!is_ours) {
    co_await WaitFor(flight);
    co_return;
  }
  const Landing landing(*this, entry, flight);
  co_await Ask(core, worker, entry);
}

Task<void> Lends::Ask(Core& core, Worker& worker, std::string name) {
  auto entry = core.vault.Get(name);
  auto source = core.vault.SourceOf(name);
  if (!entry || !source) co_return;
  const auto given = co_await Given(core, worker, *entry, *source);
  if (!*given) {
    const Result<void> failed = std::unexpected(given->error());
    Note(core, *entry, failed);
    co_return;
  }
  const std::string fingerprint = credential::Fingerprint((*given)->value.Reveal());
  const std::optional<TimePoint> expires = (*given)->expires;
  const auto put = core.vault.Put(*entry, std::move(**given));
  if (!put) {
    const Result<void> failed = std::unexpected(put.error());
    Note(core, *entry, failed);
    co_return;
  }
  const Result<void> done{};
  Note(core, *entry, done);
  if (!*put) co_return;
  // The name alone says nothing of which value was in force when.
  json::object fields{{"entry", name},
                      {"source", ToString(source->kind)},
                      {"fingerprint", fingerprint},
                      {"expires", expires ? FormatTime(*expires) : ""}};
  (void)core.ledger.AppendAsync(Entry("credential-renewed", core.clock.Now(), std::move(fields)));
}

Task<std::shared_ptr<Result<Sourced>>> Lends::Given(Core& core, Worker& worker,
                                                    credential::VaultEntry entry,
                                                    credential::Source source) {
  if (source.kind == SourceKind::mint) {
    auto minted = co_await Mint(core, worker, std::move(entry), std::move(source));
    co_return std::make_shared<Result<Sourced>>(std::move(minted));
  }
  // The work is looked after by the pool's threads, and Stop waits for those.
  auto ask = [this, &core, source = std::move(source)] {
    if (source.kind == SourceKind::file) {
      if (auto reach = OutOfReach(core, source.text); !reach)
        return std::make_shared<Result<Sourced>>(std::unexpected(reach.error()));
    }
    return std::make_shared<Result<Sourced>>(
        credential::AskSource(source, core.clock.Now(), &stop_));
  };
  co_return co_await RunOn(asking_, std::move(ask));
}

void Lends::Note(Core& core, const credential::VaultEntry& entry, const Result<void>& outcome) {
  bool is_news = false;
  {
    const std::lock_guard lock(mutex_);
    const auto it = troubles_.find(entry.name);
    if (outcome) {
      if (it != troubles_.end()) troubles_.erase(it);
      return;
    }
    is_news = it == troubles_.end() || it->second.why != outcome.error().message;
    LendTrouble& trouble = troubles_[entry.name];
    if (trouble.entry.empty()) trouble = {entry.name, "", core.clock.Now()};
    trouble.why = outcome.error().message;
  }
  core.vault.NoteTrouble(entry, outcome.error().message);
  if (!is_news) return;
  (void)core.ledger.AppendAsync(
      Entry("lend-failed", core.clock.Now(),
            {{"entry", entry.name}, {"version", entry.version}, {"why", outcome.error().message}}));
}

Task<Result<std::shared_ptr<const Secret>>> Lends::Reveal(Core& core, Worker& worker,
                                                          CredentialRef ref) {
  co_await Refresh(core, worker, ref.entry);
  co_return core.vault.Reveal(ref);
}

std::vector<LendTrouble> Lends::Troubles() const {
  const std::lock_guard lock(mutex_);
  std::vector<LendTrouble> out;
  for (const auto& [name, trouble] : troubles_) out.push_back(trouble);
  return out;
}

void Lends::Forget(const std::string& entry) {
  const std::lock_guard lock(mutex_);
  const auto is_meant = [&entry](const auto& one) {
    return one.first == entry || one.first.starts_with(entry + ".");
  };
  std::erase_if(troubles_, is_meant);
  std::erase_if(asked_, is_meant);
}

void Lends::Stop() {
  stop_ = true;
  asking_.join();
}

}  // namespace interlock::gateway
