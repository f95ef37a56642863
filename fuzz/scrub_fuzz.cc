// For any bytes at all, as an answer: however they are cut, what comes out is the same, of the same
// length, and holds no value as it is. As a JSON answer that hands out credentials: what is
// replaced is gone, and what can't be read is an error.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "credential/disclosed.h"
#include "credential/scrub.h"

namespace {

using namespace interlock;
using namespace interlock::credential;

constexpr std::string_view kValues[] = {
    "npm_0123456789abcdef", "3d2c42fb-77a0-4c1e-9f00-1234567890ab", "p%41ss\\w\"rd&amp;x/+"};

void Require(bool claim) {
  if (!claim) std::abort();
}

std::shared_ptr<const ScrubSet> MakeSet() {
  std::vector<LiveSecret> secrets;
  for (const std::string_view value : kValues)
    secrets.push_back({std::string(1, static_cast<char>('a' + secrets.size())), 1,
                       std::make_shared<const Secret>(std::string(value))});
  return std::make_shared<const ScrubSet>(secrets);
}

void CheckScrubbing(std::string_view text) {
  static const auto kSet = MakeSet();
  const PhantomFor none = [](std::string_view) { return std::string(); };
  const std::string whole = Scrub(kSet, none, text);
  Require(whole.size() == text.size());
  for (const std::string_view value : kValues) Require(whole.find(value) == std::string::npos);
  for (const std::size_t size : {1u, 3u, 7u}) {
    Scrubber scrubber(kSet, none);
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += size)
      out += scrubber.Feed(text.substr(at, size));
    Require(out + scrubber.Finish() == whole);
  }
}

void CheckDisclosing(std::string_view text) {
  const std::vector<DisclosedPath> places = {{{"data", "*"}, "token", ""}};
  std::vector<std::string> kept;
  const KeepDisclosed keep = [&](DisclosedValue found) -> Result<std::string> {
    kept.emplace_back(found.value.Reveal());
    return std::string(found.value.size(), '*');
  };
  const auto out = ReplaceDisclosed(text, places, keep);
  Require(kept.size() <= kDisclosedMax);
  if (out) Require(out->size() < text.size() * 8 + 64);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckScrubbing(text);
  CheckDisclosing(text);
  return 0;
}
