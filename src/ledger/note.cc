#include "ledger/note.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "crypto/hash.h"

namespace interlock::ledger {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // U+2014 and a space
constexpr std::string_view kPrivate = "PRIVATE+KEY+";
constexpr std::size_t kCosignatureTimeBytes = 8;

std::string BigEndian32(std::uint32_t value) {
  std::string out(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<char>(value >> (24 - 8 * i));
  return out;
}

std::uint64_t ReadBigEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

// The characters with the Unicode property White_Space outside ASCII, in UTF-8.
constexpr std::string_view kWideSpaces[] = {
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
    "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

bool IsNoteText(std::string_view text) {
  return !text.empty() && text.back() == '\n' && IsUtf8(text) &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; });
}

Result<NoteSignature> ParseSignatureLine(std::string_view line) {
  if (!line.starts_with(kDash)) {
    return Fail(Code::invalid_input, "note: a signature line doesn't begin with an em dash");
  }
  line.remove_prefix(kDash.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || !IsKeyName(line.substr(0, space))) {
    return Fail(Code::invalid_input, "note: a signature line without a valid key name");
  }
  const std::optional<std::string> raw = FromBase64(line.substr(space + 1));
  if (!raw || raw->size() <= 4) {
    return Fail(Code::invalid_input, "note: a signature that isn't base64 of a key id and bytes");
  }
  return NoteSignature{
      .name = std::string(line.substr(0, space)),
      .key_id = static_cast<std::uint32_t>(ReadBigEndian(std::string_view(*raw).substr(0, 4))),
      .signature = raw->substr(4)};
}

bool Holds(const VerifierKey& key, std::string_view text, std::string_view signature) {
  switch (key.type) {
    case KeyType::ed25519:
      return crypto::VerifyEd25519(key.public_key, text, signature);
    case KeyType::cosignature: {
      if (signature.size() != kCosignatureTimeBytes + crypto::kEd25519SignatureBytes) return false;
      const std::uint64_t time = ReadBigEndian(signature.substr(0, kCosignatureTimeBytes));
      const std::string message =
          "cosignature/v1\ntime " + std::to_string(time) + "\n" + std::string(text);
      return crypto::VerifyEd25519(key.public_key, message,
                                   signature.substr(kCosignatureTimeBytes));
    }
  }
  return false;
}

struct KeyText {
  std::string name;
  std::uint32_t id;
  std::uint8_t type;
  std::string material;
};

// "name+8 hex digits+base64(type || 32 bytes)"
std::optional<KeyText> SplitKeyText(std::string_view text) {
  const std::size_t first = text.find('+');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = text.find('+', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto id = FromHex(text.substr(first + 1, second - first - 1));
  auto raw = FromBase64(text.substr(second + 1));
  if (!IsKeyName(text.substr(0, first)) || !id || id->size() != 4 || !raw ||
      raw->size() != 1 + crypto::kEd25519KeyBytes) {
    return std::nullopt;
  }
  return KeyText{.name = std::string(text.substr(0, first)),
                 .id = static_cast<std::uint32_t>(ReadBigEndian(*id)),
                 .type = static_cast<std::uint8_t>(raw->front()),
                 .material = raw->substr(1)};
}

}  // namespace

std::uint32_t KeyId(std::string_view name, KeyType type, std::string_view public_key) {
  const char tail[] = {'\n', static_cast<char>(type)};
  const std::string digest =
      crypto::Sha256Of(name, std::string_view(tail, sizeof tail), public_key);
  return static_cast<std::uint32_t>(ReadBigEndian(std::string_view(digest).substr(0, 4)));
}

bool IsKeyName(std::string_view name) {
  if (name.empty() || !IsUtf8(name)) return false;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '+') return false;
  }
  return std::none_of(std::begin(kWideSpaces), std::end(kWideSpaces), [&](std::string_view space) {
    return name.find(space) != std::string_view::npos;
  });
}

Result<VerifierKey> VerifierKey::Parse(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  auto parts = SplitKeyText(text);
  if (!parts) {
    return Fail(Code::invalid_input,
                "verifier key: not of the form name+hex(key id)+base64(type || 32-byte key)");
  }
  const auto type = static_cast<KeyType>(parts->type);
  if (type != KeyType::ed25519 && type != KeyType::cosignature) {
    return Fail(Code::invalid_input, "verifier key " + parts->name + ": key type " +
                                         std::to_string(parts->type) + " isn't supported");
  }
  if (parts->id != KeyId(parts->name, type, parts->material)) {
    return Fail(Code::invalid_input,
                "verifier key " + parts->name + ": the key id belongs to another name or key");
  }
  return VerifierKey{.name = std::move(parts->name),
                     .id = parts->id,
                     .type = type,
                     .public_key = std::move(parts->material)};
}

std::string VerifierKey::Text() const {
  return name + "+" + Hex(BigEndian32(id)) + "+" +
         Base64(std::string(1, static_cast<char>(type)) + public_key);
}

Result<Note> ParseNote(std::string_view bytes) {
  if (bytes.size() > kNoteBytesMax) return Fail(Code::limit, "note: larger than 1 MiB");
  if (!IsNoteText(bytes)) {
    return Fail(Code::invalid_input,
                "note: not UTF-8 without control characters that ends with a newline");
  }
  const std::size_t blank = bytes.rfind("\n\n");
  if (blank == std::string_view::npos) {
    return Fail(Code::invalid_input, "note: no blank line between text and signatures");
  }
  Note note{.text = std::string(bytes.substr(0, blank + 1)), .signatures = {}};
  std::string_view lines = bytes.substr(blank + 2);
  if (lines.empty()) return Fail(Code::invalid_input, "note: no signature");
  while (!lines.empty()) {
    if (note.signatures.size() == kNoteSignaturesMax) {
      return Fail(Code::limit, "note: more than 64 signatures");
    }
    const std::size_t end = lines.find('\n');
    ILK_TRY(signature, ParseSignatureLine(lines.substr(0, end)));
    note.signatures.push_back(std::move(signature));
    lines.remove_prefix(end + 1);
  }
  return note;
}

std::string FormatNote(const Note& note) {
  std::string out = note.text + "\n";
  for (const NoteSignature& s : note.signatures) {
    out += kDash;
    out += s.name + " " + Base64(BigEndian32(s.key_id) + s.signature) + "\n";
  }
  return out;
}

Result<Note> VerifyNote(std::string_view bytes, std::span<const VerifierKey> keys) {
  ILK_TRY(note, ParseNote(bytes));
  bool verified = false;
  for (const NoteSignature& signature : note.signatures) {
    for (const VerifierKey& key : keys) {
      if (key.name != signature.name || key.id != signature.key_id) continue;
      if (!Holds(key, note.text, signature.signature)) {
        return Fail(Code::verification, "note: the signature by " + key.name + " does not hold");
      }
      verified = true;
    }
  }
  if (!verified) {
    std::string names;
    for (const VerifierKey& key : keys) names += (names.empty() ? "" : ", ") + key.name;
    return Fail(Code::verification, "note: not signed by " + (names.empty() ? "anybody" : names));
  }
  return note;
}

Result<NoteSigner> NoteSigner::Make(std::string name, crypto::Ed25519Key key) {
  if (!IsKeyName(name)) {
    return Fail(Code::invalid_input,
                "a key name is not empty and has no spaces, plus signs or control characters");
  }
  VerifierKey verifier{
      .name = std::move(name), .id = 0, .type = KeyType::ed25519, .public_key = key.public_key()};
  verifier.id = KeyId(verifier.name, verifier.type, verifier.public_key);
  return NoteSigner(std::move(verifier), std::move(key));
}

std::string NoteSigner::Sign(std::string_view text) const {
  ILK_CHECK(text.ends_with('\n'));
  return FormatNote(
      {.text = std::string(text),
       .signatures = {
           {.name = verifier_.name, .key_id = verifier_.id, .signature = key_.Sign(text)}}});
}

Result<NoteSigner> ParseSignerKey(const Secret& text) {
  const std::string_view revealed = text.Reveal();
  auto parts = revealed.starts_with(kPrivate) ? SplitKeyText(revealed.substr(kPrivate.size()))
                                              : std::nullopt;
  if (!parts || parts->type != static_cast<std::uint8_t>(KeyType::ed25519)) {
    return Fail(Code::invalid_input,
                "signer key: not of the form PRIVATE+KEY+name+hex(key id)+base64(1 || seed)");
  }
  const Secret seed(std::move(parts->material));
  ILK_TRY(key, crypto::Ed25519Key::FromSeed(seed));
  ILK_TRY(signer, NoteSigner::Make(std::move(parts->name), std::move(key)));
  if (signer.verifier_key().id != parts->id) {
    return Fail(Code::invalid_input, "signer key: the key id belongs to another name or key");
  }
  return signer;
}

Result<Secret> FormatSignerKey(std::string_view name, const Secret& seed) {
  ILK_TRY(key, crypto::Ed25519Key::FromSeed(seed));
  ILK_TRY(signer, NoteSigner::Make(std::string(name), std::move(key)));
  const Secret raw(std::string(1, static_cast<char>(KeyType::ed25519)) +
                   std::string(seed.Reveal()));
  return Secret(std::string(kPrivate) + std::string(name) + "+" +
                Hex(BigEndian32(signer.verifier_key().id)) + "+" + Base64(raw.Reveal()));
}

}  // namespace interlock::ledger
