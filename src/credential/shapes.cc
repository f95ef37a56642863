#include "credential/shapes.h"

#include <array>
#include <bit>
#include <bitset>
#include <cstdint>
#include <iterator>

#include "crypto/hash.h"

namespace interlock::credential {
namespace {

struct Shape {
  std::string_view prefix;
  std::string_view kind;
  std::size_t rest_min;  // after the prefix
  std::size_t rest_max;
};

// Longer prefixes stand before those they begin with. Lengths are as the providers document or
// issue them, with room where they say that it may grow.
constexpr Shape kShapes[] = {
    {"github_pat_", "github token", 60, 255},
    {"ghp_", "github token", 30, 255},
    {"gho_", "github token", 30, 255},
    {"ghu_", "github token", 30, 255},
    {"ghs_", "github token", 30, 255},
    {"ghr_", "github token", 30, 255},
    {"glpat-", "gitlab token", 18, 300},
    {"sk-ant-", "anthropic key", 20, 255},
    {"sk-proj-", "openai key", 20, 255},
    {"sk-svcacct-", "openai key", 20, 255},
    {"sk-or-v1-", "openrouter key", 40, 128},
    {"sk-", "openai key", 32, 255},
    {"AKIA", "aws access key", 16, 16},
    {"ASIA", "aws access key", 16, 16},
    {"xoxa-", "slack token", 20, 255},
    {"xoxb-", "slack token", 20, 255},
    {"xoxp-", "slack token", 20, 255},
    {"xoxr-", "slack token", 20, 255},
    {"sbp_", "supabase token", 36, 64},
    {"sb_secret_", "supabase key", 20, 128},
    {"sk_live_", "stripe key", 20, 255},
    {"rk_live_", "stripe key", 20, 255},
    {"npm_", "npm token", 36, 64},
    {"pypi-", "pypi token", 50, 400},
    {"dop_v1_", "digitalocean token", 64, 64},
    {"hf_", "hugging face token", 30, 64},
    {"SG.", "sendgrid key", 60, 80},
    {"AIza", "google api key", 35, 35},
    {"ya29.", "google access token", 20, 2048},
    {"EAAC", "facebook token", 40, 512},
    {"shpat_", "shopify token", 32, 64},
    {"sntrys_", "sentry token", 40, 512},
    {"lin_api_", "linear key", 32, 64},
    {"fo1_", "fly token", 30, 512},
    {"fm1r_", "fly token", 40, 4096},
    {"fm2_", "fly token", 40, 4096},
    {"napi_", "neon key", 30, 128},
    {"HRKU-", "heroku key", 30, 128},
    {"pscale_tkn_", "planetscale token", 30, 128},
    {"dp.pt.", "doppler token", 30, 64},
    {"hvs.", "vault token", 20, 255},
};

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool IsTokenByte(char c) { return IsWord(c) || c == '-' || c == '.' || c == '='; }

// For every byte, which shapes begin with it: bit i is kShapes[i].
static_assert(std::size(kShapes) <= 64);
constexpr std::array<std::uint64_t, 256> kByFirst = [] {
  std::array<std::uint64_t, 256> table{};
  for (std::size_t i = 0; i < std::size(kShapes); ++i)
    table[static_cast<unsigned char>(kShapes[i].prefix[0])] |= std::uint64_t{1} << i;
  return table;
}();

bool LooksRandom(std::string_view rest) {
  std::bitset<256> seen;
  for (char c : rest) seen.set(static_cast<unsigned char>(c));
  return seen.count() >= 6;
}

// The length of the token of this shape at the front of `text`, 0 when there is none.
std::size_t Measure(const Shape& shape, std::string_view text) {
  if (!text.starts_with(shape.prefix)) return 0;
  std::size_t end = shape.prefix.size();
  while (end < text.size() && IsTokenByte(text[end])) ++end;
  // A dot or an equals sign at the end belongs to the sentence.
  while (end > shape.prefix.size() && !IsWord(text[end - 1]) && text[end - 1] != '-') --end;
  const std::size_t rest = end - shape.prefix.size();
  if (rest < shape.rest_min || rest > shape.rest_max) return 0;
  return LooksRandom(text.substr(shape.prefix.size(), rest)) ? end : 0;
}

}  // namespace

std::vector<ShapeHit> FindShapes(std::string_view text) {
  std::vector<ShapeHit> out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::uint64_t candidates = kByFirst[static_cast<unsigned char>(text[at])];
    if (candidates == 0 || (at > 0 && IsWord(text[at - 1]))) continue;
    for (; candidates != 0; candidates &= candidates - 1) {
      const Shape& shape = kShapes[std::countr_zero(candidates)];
      const std::size_t size = Measure(shape, text.substr(at));
      if (size == 0) continue;
      out.push_back({at, size, shape.kind});
      at += size - 1;
      break;
    }
  }
  return out;
}

std::string_view KindOf(std::string_view token) {
  for (const Shape& shape : kShapes) {
    if (Measure(shape, token) == token.size() && !token.empty()) return shape.kind;
  }
  return {};
}

std::size_t KnownPrefix(std::string_view token) {
  for (const Shape& shape : kShapes) {
    if (token.starts_with(shape.prefix)) return shape.prefix.size();
  }
  return 0;
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return false;
    } else if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
      return false;
    }
  }
  return true;
}

std::string Fingerprint(std::string_view token) { return crypto::Sha256Hex(token).substr(0, 12); }

}  // namespace interlock::credential
