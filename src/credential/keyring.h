// The keyring of the person's desktop, as a place for the vault's key.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace interlock::credential {

// `item` names one secret of ours: lower-case hexadecimal. Methods block, for as long as a person
// needs to unlock the keyring when it asks for that.
class Keyring {
 public:
  virtual ~Keyring() = default;
  // Whether there is a desktop session whose keyring could be asked.
  virtual bool IsThere() const = 0;
  // nullopt: it answers and has no such item. unavailable: it doesn't answer, or stays locked.
  virtual Result<std::optional<Secret>> Find(std::string_view item) = 0;
  virtual Result<void> Keep(std::string_view item, const Secret& value) = 0;
  virtual Result<void> Forget(std::string_view item) = 0;
};

// Asks through `interlock-keyring`, a program of its own that lies beside interlock: the desktop's
// libraries and what they do with memory stay out of the gateway, and a keyring that hangs is given
// up after a while.
class ProgramKeyring final : public Keyring {
 public:
  explicit ProgramKeyring(std::filesystem::path program) : program_(std::move(program)) {}
  bool IsThere() const override;
  Result<std::optional<Secret>> Find(std::string_view item) override;
  Result<void> Keep(std::string_view item, const Secret& value) override;
  Result<void> Forget(std::string_view item) override;

 private:
  const std::filesystem::path program_;
};

}  // namespace interlock::credential
