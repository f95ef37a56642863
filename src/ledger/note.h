// Signed notes (c2sp.org/signed-note): text, a blank line, signature lines. Strict: what the
// specification forbids is refused, with the reason. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/ed25519.h"

namespace interlock::ledger {

inline constexpr std::size_t kNoteBytesMax = 1u << 20;
inline constexpr std::size_t kNoteSignaturesMax = 64;  // the specification wants at least 16

enum class KeyType : std::uint8_t {
  ed25519 = 0x01,      // over the text
  cosignature = 0x04,  // c2sp.org/tlog-cosignature: over a time and the text, by a witness
};

// What a verifier has to know: "name+hex(key id)+base64(type || public key)".
struct VerifierKey {
  std::string name;
  std::uint32_t id = 0;
  KeyType type = KeyType::ed25519;
  std::string public_key;  // 32 raw bytes

  // Refuses an id that doesn't belong to name and key, and key types it can't check.
  static Result<VerifierKey> Parse(std::string_view text);
  std::string Text() const;
  bool operator==(const VerifierKey&) const = default;
};

// SHA-256(name || 0x0A || type || public key)[:4], big endian.
std::uint32_t KeyId(std::string_view name, KeyType type, std::string_view public_key);

// Non-empty, without spaces, plus signs and control characters.
bool IsKeyName(std::string_view name);

struct NoteSignature {
  std::string name;
  std::uint32_t key_id = 0;
  std::string signature;  // raw, without the key id
  bool operator==(const NoteSignature&) const = default;
};

struct Note {
  std::string text;  // ends with a newline; untrusted until VerifyNote
  std::vector<NoteSignature> signatures;
  bool operator==(const Note&) const = default;
};

Result<Note> ParseNote(std::string_view bytes);
std::string FormatNote(const Note& note);

// The note, when at least one of `keys` signed it and none of them signed it wrongly. Signatures by
// other keys are ignored. Code::verification says which key failed.
Result<Note> VerifyNote(std::string_view bytes, std::span<const VerifierKey> keys);

// Signs note texts as one name. Immutable; any thread.
class NoteSigner {
 public:
  // invalid_input unless IsKeyName(name).
  static Result<NoteSigner> Make(std::string name, crypto::Ed25519Key key);

  const VerifierKey& verifier_key() const { return verifier_; }
  // The whole note: text, blank line, one signature line. The text must be a valid note text.
  std::string Sign(std::string_view text) const;
  // A raw signature over bytes that are no note.
  std::string SignRaw(std::string_view bytes) const { return key_.Sign(bytes); }

 private:
  NoteSigner(VerifierKey verifier, crypto::Ed25519Key key)
      : verifier_(std::move(verifier)), key_(std::move(key)) {}
  VerifierKey verifier_;
  crypto::Ed25519Key key_;
};

// "PRIVATE+KEY+name+hex(key id)+base64(type || seed)", the form other tools for notes read.
Result<NoteSigner> ParseSignerKey(const Secret& text);
Result<Secret> FormatSignerKey(std::string_view name, const Secret& seed);

}  // namespace interlock::ledger
