#include "ledger/ledger.h"

#include <utility>

#include "ledger/committer.h"
#include "ledger/journal.h"
#include "ledger/recovery.h"
#include "ledger/tiles.h"

namespace interlock::ledger {

class Ledger::Impl : public Committer {
  using Committer::Committer;
};

Ledger::Ledger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ledger::~Ledger() = default;

Result<std::unique_ptr<Ledger>> Ledger::Open(Options options, crypto::Ed25519Key key) {
  if (options.queue_bytes_max < 2 + kEntryBytesMax ||
      Journal::EntriesBytesMax(options.segment_bytes) < options.queue_bytes_max) {
    return Fail(Code::invalid_input,
                "ledger: queue_bytes_max must hold one entry, and a journal segment the queue");
  }
  if (options.io == nullptr) options.io = &Io::System();
  ILK_TRY(signer, NoteSigner::Make(options.origin, std::move(key)));
  ILK_TRY(opened, OpenDirectory(*options.io, options.dir, signer, options.segment_bytes));
  return std::unique_ptr<Ledger>(
      new Ledger(std::make_unique<Impl>(options, std::move(signer), std::move(opened))));
}

Result<std::uint64_t> Ledger::AppendDurable(std::string_view entry) {
  return impl_->QueueAndWait(entry);
}

void Ledger::AppendDurable(std::string_view entry, Done done) {
  ILK_CHECK(done != nullptr);
  // A copy, because a refusal has to be told as well.
  if (const auto queued =
          impl_->Queue(entry, Committer::Urgency::durable, Committer::WhenFull::refuse, done);
      !queued) {
    done(queued);
  }
}

Result<std::uint64_t> Ledger::AppendAsync(std::string_view entry) {
  return impl_->Queue(entry, Committer::Urgency::lazy, Committer::WhenFull::refuse, {});
}

SignedCheckpoint Ledger::Latest() const { return impl_->Latest(); }
Result<void> Ledger::Flush() { return impl_->Flush(); }
std::optional<Error> Ledger::Halted() const { return impl_->Halted(); }
const VerifierKey& Ledger::verifier_key() const { return impl_->verifier_key(); }

}  // namespace interlock::ledger
