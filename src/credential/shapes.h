// Credentials that are recognisable by their shape.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace interlock::credential {

struct ShapeHit {
  std::size_t offset = 0;
  std::size_t size = 0;
  std::string_view kind;  // "github token"; static
};

// Every token with a well-known provider prefix and a plausible length. Text like "ghp_xxxxxxxx"
// that only stands for a token is left out.
std::vector<ShapeHit> FindShapes(std::string_view text);

// The kind of exactly this token, "" when its shape says nothing.
std::string_view KindOf(std::string_view token);

// How many of the first bytes are a provider's prefix.
std::size_t KnownPrefix(std::string_view token);

// 8-4-4-4-12 hexadecimal digits.
bool IsUuid(std::string_view text);

// The first 12 hexadecimal digits of the SHA-256: how a token is named to people and in the ledger.
std::string Fingerprint(std::string_view token);

}  // namespace interlock::credential
