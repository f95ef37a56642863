#include "credential/scrub.h"

#include <string.h>

#include <algorithm>

#include "base/bytes.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kFormMin = 4;   // a shorter one would stand everywhere
constexpr std::size_t kPartMin = 12;  // of a pair: what is shorter is a name, a user or a port
constexpr std::size_t kWindowMax = 24;
// Larger values (keys, certificates) aren't looked for in the larger encodings, which would make
// every stream lag behind by several times their size.
constexpr std::size_t kHexMax = 1024;
constexpr std::size_t kTwiceMax = 256;

// The base64 digits that depend on `bytes` alone when `shift` bytes of a group of three precede
// them and anything follows.
std::string Core64(std::string_view bytes, std::size_t shift) {
  const std::string digits = Base64(std::string(shift, 'x') + std::string(bytes));
  const std::size_t begin = (shift * 8 + 5) / 6;
  const std::size_t end = (shift + bytes.size()) * 8 / 6;
  return end > begin ? digits.substr(begin, end - begin) : "";
}

std::string ToUrlAlphabet(std::string text) {
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

// Of "user:password", "id:secret:token" and "scheme://user:password@host" what could be used by
// itself.
std::vector<std::pair<std::size_t, std::size_t>> PartsOf(std::string_view value) {
  std::vector<std::pair<std::size_t, std::size_t>> parts;
  if (const auto scheme = value.find("://"); scheme != std::string_view::npos) {
    const std::size_t from = scheme + 3;
    const std::size_t at = value.substr(0, value.find_first_of("/?#", from)).rfind('@');
    const std::size_t colon = value.find(':', from);
    if (at != std::string_view::npos && colon < at && at - colon - 1 >= kFormMin * 2)
      parts.emplace_back(colon + 1, at - colon - 1);
    return parts;
  }
  for (std::size_t begin = 0; begin < value.size();) {
    const std::size_t end = std::min(value.find(':', begin), value.size());
    if (end - begin >= kPartMin && end - begin < value.size())
      parts.emplace_back(begin, end - begin);
    begin = end + 1;
  }
  return parts;
}

}  // namespace

std::string ScrubSet::Spell(std::string_view part, const Shape& shape) {
  switch (shape.coding) {
    case Coding::plain:
      return std::string(part);
    case Coding::read:
      return ReadPlain(part);
    case Coding::hex:
      return Hex(part);
    case Coding::hex_upper: {
      std::string out = Hex(part);
      std::ranges::transform(out, out.begin(),
                             [](char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; });
      return out;
    }
    case Coding::base64: {
      std::string out = Core64(part, shape.shift);
      return shape.url_alphabet ? ToUrlAlphabet(std::move(out)) : out;
    }
    case Coding::base64_twice:
      return Core64(Core64(part, shape.shift), shape.shift_again);
  }
  return "";
}

ScrubSet::ScrubSet(std::span<const LiveSecret> secrets) {
  for (const LiveSecret& secret : secrets) {
    if (!secret.value || secret.value->size() == 0) continue;
    AddItem(secret, 0, secret.value->size());
    for (const auto& [begin, size] : PartsOf(secret.value->Reveal())) AddItem(secret, begin, size);
  }
  for (std::size_t i = 0; i < items_.size(); ++i) AddForms(i);
  std::ranges::stable_sort(forms_, std::ranges::greater{},
                           [](const Form& form) { return form.text.size(); });
  BuildTables();
}

void ScrubSet::AddItem(const LiveSecret& secret, std::size_t begin, std::size_t size) {
  const std::string_view part = secret.value->Reveal().substr(begin, size);
  const auto same = std::ranges::find_if(items_, [&](const Item& item) {
    return item.value->Reveal().substr(item.begin, item.size) == part;
  });
  if (same != items_.end())
    same->entries.push_back(secret.name);
  else
    items_.push_back({secret.value, begin, size, {secret.name}});
}

void ScrubSet::AddForms(std::size_t item) {
  const Item& of = items_[item];
  const std::string_view part = of.value->Reveal().substr(of.begin, of.size);
  std::vector<Shape> shapes = {{Coding::plain}, {Coding::read}};
  if (part.size() <= kHexMax) {
    shapes.push_back({Coding::hex});
    shapes.push_back({Coding::hex_upper});
  }
  for (std::uint8_t shift = 0; shift < 3; ++shift) {
    shapes.push_back({Coding::base64, false, shift});
    shapes.push_back({Coding::base64, true, shift});
    for (std::uint8_t again = 0; again < 3 && part.size() <= kTwiceMax; ++again)
      shapes.push_back({Coding::base64_twice, false, shift, again});
  }
  std::string last;
  for (const Shape& shape : shapes) {
    std::string text = Spell(part, shape);
    // Most values look the same in both alphabets, and digits alone in both cases.
    if (text.size() >= kFormMin && text != last) {
      last = text;
      forms_.push_back({Secret(std::move(text)), item, shape});
    }
  }
  explicit_bzero(last.data(), last.size());
}

bool ScrubSet::Hides(const Secret& secret) const {
  return std::ranges::any_of(items_, [&](const Item& item) {
    return item.begin == 0 && item.value->Reveal() == secret.Reveal();
  });
}

std::size_t ScrubSet::Slot(const char* block) {
  std::uint32_t value = 0;
  memcpy(&value, block, kBlock);
  return value * 2654435761u >> 18;
}

// Wu and Manber's table: for what the window ends in, how far a form's window with the same end
// begins from here.
void ScrubSet::BuildTables() {
  if (forms_.empty()) return;
  longest_ = forms_.front().text.size();
  window_ = std::min(forms_.back().text.size(), kWindowMax);
  skip_.assign(kSlots, static_cast<std::uint8_t>(window_ - kBlock + 1));
  first_.assign(kSlots, kNone);
  next_.assign(forms_.size(), kNone);
  for (std::size_t i = forms_.size(); i-- > 0;) {
    const std::string_view text = forms_[i].text.Reveal();
    for (std::size_t end = kBlock; end <= window_; ++end) {
      std::uint8_t& skip = skip_[Slot(text.data() + end - kBlock)];
      skip = std::min(skip, static_cast<std::uint8_t>(window_ - end));
    }
    std::uint32_t& first = first_[Slot(text.data() + window_ - kBlock)];
    next_[i] = first;
    first = static_cast<std::uint32_t>(i);
  }
}

const ScrubSet::Form* ScrubSet::LongestAt(std::string_view text, std::size_t at) const {
  for (std::uint32_t i = first_[Slot(text.data() + at + window_ - kBlock)]; i != kNone;
       i = next_[i]) {
    if (text.substr(at).starts_with(forms_[i].text.Reveal())) return &forms_[i];
  }
  return nullptr;
}

// Up to where it is certain whether a secret begins: behind the last end of a line, and elsewhere
// as far as the longest form would lie completely in what was read.
std::size_t Scrubber::Decidable(Stage& stage, bool ended) const {
  const std::string_view said = stage.reading.said();
  if (ended) return said.size();
  for (; stage.ends_seen < said.size(); ++stage.ends_seen) {
    const auto c = static_cast<unsigned char>(said[stage.ends_seen]);
    if (c < kBreakBelow) stage.after_end = stage.ends_seen + 1;
  }
  const std::size_t lag = set_->longest_ - 1;
  return std::max(stage.after_end, said.size() > lag ? said.size() - lag : 0);
}

std::string Scrubber::Both(std::string_view chunk, bool ended) {
  if (set_->empty()) return std::string(chunk);
  return Take(unescaped_, Take(literal_, chunk, ended), ended);
}

std::string Scrubber::Take(Stage& stage, std::string_view chunk, bool ended) {
  PlainReading& reading = stage.reading;
  reading.Add(chunk, ended);
  const std::string_view said = reading.said();
  const std::size_t limit = Decidable(stage, ended);
  const std::size_t window = set_->window_;
  std::string out;
  std::size_t at = 0;
  std::size_t gone = 0;    // characters of the reading that are in `out`
  std::size_t copied = 0;  // and the bytes of the text
  const auto copy_to = [&](std::size_t end) {
    out.append(reading.text().substr(copied, reading.Origin(end) - copied));
    copied = reading.Origin(end);
    gone = end;
  };
  while (at < limit && at + window <= said.size()) {
    const char* block = said.data() + at + window - ScrubSet::kBlock;
    if (const std::uint8_t skip = set_->skip_[ScrubSet::Slot(block)]; skip != 0) {
      at += skip;
      continue;
    }
    const ScrubSet::Form* form = set_->LongestAt(said, at);
    if (form == nullptr) {
      ++at;
      continue;
    }
    copy_to(at);
    AppendReplaced(reading, *form, at, out);
    at += form->text.size();
    gone = at;
    copied = reading.Origin(at);
    ++replaced_;
  }
  if (limit > gone) copy_to(limit);
  if (ended) out.append(reading.text().substr(copied));
  reading.Drop(gone);
  stage.ends_seen -= std::min(stage.ends_seen, gone);
  stage.after_end -= std::min(stage.after_end, gone);
  return out;
}

std::string Scrubber::InPlaceOf(const ScrubSet::Form& form) const {
  const ScrubSet::Item& item = set_->items_[form.item];
  std::string phantom;
  for (const std::string& entry : item.entries) {
    if (phantom.empty()) phantom = phantom_for_(entry);
  }
  if (phantom.empty()) phantom = "*";
  // Cut or repeated to the secret's length, so that no length changes.
  std::string fitted;
  while (fitted.size() < item.value->size()) fitted += phantom;
  std::string text =
      ScrubSet::Spell(std::string_view(fitted).substr(item.begin, item.size), form.shape);
  if (text.size() != form.text.size()) text.assign(form.text.size(), '*');
  return text;
}

void Scrubber::AppendReplaced(const PlainReading& reading, const ScrubSet::Form& form,
                              std::size_t at, std::string& out) const {
  const std::string instead = InPlaceOf(form);
  const std::string_view text = reading.text();
  const std::string_view said = reading.said();
  for (std::size_t i = 0; i < instead.size(); ++i) {
    const std::size_t begin = reading.Origin(at + i);
    const std::size_t end = reading.Origin(at + i + 1);
    const std::size_t size = reading.SizeAt(at + i);
    out += Respell(text.substr(begin, size), said[at + i], instead[i]);
    out.append(text.substr(begin + size, end - begin - size));  // what says nothing stays
  }
}

std::string Scrub(const std::shared_ptr<const ScrubSet>& set, const PhantomFor& phantom_for,
                  std::string_view text) {
  if (set == nullptr || set->empty()) return std::string(text);
  Scrubber scrubber(set, phantom_for);
  std::string out = scrubber.Feed(text);
  return out += scrubber.Finish();
}

}  // namespace interlock::credential
