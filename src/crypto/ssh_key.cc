#include "crypto/ssh_key.h"

#include <array>
#include <bit>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "crypto/ssh_wire.h"

namespace interlock::crypto {

namespace {

constexpr std::size_t kKeyBytesMax = 8192;
constexpr std::size_t kApplicationBytesMax = 253;  // a relying party's id is a host name
constexpr std::size_t kRsaBitsMin = 2048;
constexpr std::size_t kRsaBitsMax = 16384;

struct TypeName {
  SshKeyType type;
  std::string_view name;
  std::string_view curve;
  std::size_t point_bytes;
};

constexpr std::array<TypeName, 7> kTypes = {{
    {SshKeyType::ed25519, "ssh-ed25519", "", 32},
    {SshKeyType::ecdsa_p256, "ecdsa-sha2-nistp256", "nistp256", 65},
    {SshKeyType::ecdsa_p384, "ecdsa-sha2-nistp384", "nistp384", 97},
    {SshKeyType::ecdsa_p521, "ecdsa-sha2-nistp521", "nistp521", 133},
    {SshKeyType::rsa, "ssh-rsa", "", 0},
    {SshKeyType::sk_ed25519, "sk-ssh-ed25519@openssh.com", "", 32},
    {SshKeyType::sk_ecdsa_p256, "sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", 65},
}};

std::unexpected<Error> BadKey(std::string_view name, std::string_view what) {
  return Fail(Code::invalid_input, "SSH key " + std::string(name) + ": " + std::string(what));
}

std::size_t BitLength(std::string_view magnitude) {
  return (magnitude.size() - 1) * 8 + static_cast<std::size_t>(std::bit_width(static_cast<unsigned>(
                                          static_cast<unsigned char>(magnitude.front()))));
}

Result<void> CheckRsa(SshReader& reader) {
  const auto exponent = reader.PositiveMpint(8);
  const auto modulus = reader.PositiveMpint(kRsaBitsMax / 8);
  if (!exponent || !modulus) return BadKey("ssh-rsa", "not a key of at most 16384 bits");
  if (BitLength(*modulus) < kRsaBitsMin) return BadKey("ssh-rsa", "shorter than 2048 bits");
  const auto odd = [](std::string_view n) {
    return (static_cast<unsigned char>(n.back()) & 1) != 0;
  };
  // With e = 1 everybody can sign.
  if (*exponent == std::string_view("\x01") || !odd(*exponent) || !odd(*modulus)) {
    return BadKey("ssh-rsa", "not a usable exponent and modulus");
  }
  return {};
}

Result<void> CheckPoint(const TypeName& type, SshReader& reader) {
  if (!type.curve.empty()) {
    const auto curve = reader.String();
    if (!curve || *curve != type.curve) return BadKey(type.name, "names another curve");
  }
  const auto point = reader.String();
  if (!point || point->size() != type.point_bytes) {
    return BadKey(type.name, "the key has another length");
  }
  if (!type.curve.empty() && point->front() != '\x04') {
    return BadKey(type.name, "the point is not in uncompressed form");
  }
  return {};
}

bool IsSecurityKey(SshKeyType type) {
  return type == SshKeyType::sk_ed25519 || type == SshKeyType::sk_ecdsa_p256;
}

bool IsPrintableAscii(std::string_view text) {
  for (const char c : text) {
    if (c < 0x21 || c > 0x7e) return false;
  }
  return true;
}

const TypeName* FindType(std::string_view name) {
  for (const TypeName& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace

std::string_view ToString(SshKeyType type) {
  for (const TypeName& entry : kTypes) {
    if (entry.type == type) return entry.name;
  }
  return "unknown";
}

Result<SshPublicKey> ParseSshKeyBlob(std::string_view blob) {
  if (blob.size() > kKeyBytesMax) return Fail(Code::limit, "SSH key: larger than 8 KiB");
  SshReader reader(blob);
  const auto name = reader.String();
  if (!name) return Fail(Code::invalid_input, "SSH key: the bytes end inside the type");
  const TypeName* const type = FindType(*name);
  if (type == nullptr) {
    return Fail(Code::invalid_input,
                "SSH key: unsupported key type \"" + EscapeForHumans(*name, 64) + "\"");
  }
  SshPublicKey key;
  key.type = type->type;
  ILK_TRY_VOID(type->type == SshKeyType::rsa ? CheckRsa(reader) : CheckPoint(*type, reader));
  if (IsSecurityKey(type->type)) {
    const auto application = reader.String();
    if (!application || application->empty() || application->size() > kApplicationBytesMax ||
        !IsPrintableAscii(*application)) {
      return BadKey(type->name, "the application is not a name of at most 253 characters");
    }
    key.application = *application;
  }
  if (!reader.AtEnd()) return BadKey(type->name, "bytes after its end");
  key.blob = blob;
  key.fingerprint = "SHA256:" + Base64(Sha256(blob));
  while (key.fingerprint.ends_with('=')) key.fingerprint.pop_back();
  return key;
}

Result<SshPublicKey> ParseSshKeyLine(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) {
    return Fail(Code::invalid_input, "SSH key: expected \"TYPE BASE64\"");
  }
  const std::string_view name = line.substr(0, space);
  const std::string_view rest = line.substr(space + 1);
  if (FindType(name) == nullptr) {
    return Fail(Code::invalid_input,
                "SSH key: unsupported key type \"" + EscapeForHumans(name, 64) + "\"");
  }
  const auto blob = FromBase64(rest.substr(0, rest.find(' ')));
  if (!blob) return BadKey(name, "not base64");
  ILK_TRY(key, ParseSshKeyBlob(*blob));
  if (ToString(key.type) != name) return BadKey(name, "the line and the key name different types");
  return key;
}

std::string FormatSshKeyLine(const SshPublicKey& key) {
  return std::string(ToString(key.type)) + " " + Base64(key.blob);
}

Result<SshPublicKey> PasskeyAsSshKey(std::string_view x, std::string_view y,
                                     std::string_view rp_id) {
  if (x.size() != 32 || y.size() != 32) {
    return Fail(Code::invalid_input, "passkey: x and y are 32 bytes each");
  }
  const std::string_view name = ToString(SshKeyType::sk_ecdsa_p256);
  std::string point("\x04");
  point.append(x).append(y);
  return ParseSshKeyBlob(SshString(name) + SshString("nistp256") + SshString(point) +
                         SshString(rp_id));
}

Result<SshPublicKey> PasskeyFromSpki(std::string_view der, std::string_view rp_id) {
  // Everything before the coordinates is the same for every uncompressed P-256 key (RFC 5480).
  constexpr std::string_view kPrefix(
      "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01"
      "\x07\x03\x42\x00\x04",
      27);
  if (der.size() != kPrefix.size() + 64 || !der.starts_with(kPrefix)) {
    return Fail(Code::invalid_input, "passkey: not a P-256 key (ES256)");
  }
  return PasskeyAsSshKey(der.substr(kPrefix.size(), 32), der.substr(kPrefix.size() + 32), rp_id);
}

}  // namespace interlock::crypto
