#include "credential/scrub.h"

#include <algorithm>

namespace interlock::credential {

Scrubber::Scrubber(std::vector<Replacement> replacements) : replacements_(std::move(replacements)) {
  std::erase_if(replacements_,
                [](const Replacement& r) { return !r.secret || r.secret->size() == 0; });
  std::ranges::sort(replacements_, std::ranges::greater{},
                    [](const Replacement& r) { return r.secret->size(); });
  for (Replacement& r : replacements_) {
    starts_[static_cast<unsigned char>(r.secret->Reveal().front())] = true;
    longest_ = std::max(longest_, r.secret->size());
    for (const char c : r.secret->Reveal()) {
      if (const auto byte = static_cast<unsigned char>(c); byte < inside_.size())
        inside_[byte] = true;
    }
    const std::string unit = r.phantom.empty() ? "*" : r.phantom;
    while (r.phantom.size() < r.secret->size()) r.phantom += unit;
    r.phantom.resize(r.secret->size());
  }
}

std::string Scrubber::Feed(std::string_view chunk) {
  pending_ += chunk;
  return Emit(false);
}

std::string Scrubber::Finish() { return Emit(true); }

// Where the last byte lies that no secret can reach over, and one more; 0 without one.
std::size_t Scrubber::AfterLastBreak() const {
  for (std::size_t i = pending_.size(); i > 0; --i) {
    const auto byte = static_cast<unsigned char>(pending_[i - 1]);
    if (byte < inside_.size() && !inside_[byte]) return i;
  }
  return 0;
}

// A place is decided when the longest secret that could begin there would lie completely in
// pending_, or when none could reach the end of it.
std::string Scrubber::Emit(bool finished) {
  std::string out;
  out.reserve(pending_.size());
  const std::string_view text = pending_;
  std::size_t at = 0;
  const std::size_t whole = finished ? text.size() : AfterLastBreak();
  const auto decidable = [&] { return at < whole || at + longest_ <= text.size(); };
  while (at < text.size() && decidable()) {
    const Replacement* match = nullptr;
    if (starts_[static_cast<unsigned char>(text[at])]) {
      const auto it = std::ranges::find_if(replacements_, [&](const Replacement& r) {
        return text.substr(at).starts_with(r.secret->Reveal());
      });
      if (it != replacements_.end()) match = &*it;
    }
    if (match) {
      out += match->phantom;
      at += match->secret->size();
      ++replaced_;
    } else {
      out += text[at++];
    }
  }
  pending_.erase(0, at);
  return out;
}

}  // namespace interlock::credential
