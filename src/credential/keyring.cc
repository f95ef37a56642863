#include "credential/keyring.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "base/bytes.h"
#include "credential/child.h"

namespace interlock::credential {
namespace {

// Exit statuses of apps/keyring.
constexpr int kNoSuchItem = 3;
constexpr int kNoKeyring = 4;
// A person may be asked for the keyring's password meanwhile.
constexpr std::chrono::milliseconds kTimeMax{60'000};

Result<ChildAnswer> Ask(const std::filesystem::path& program, std::string_view verb,
                        std::string_view item, std::string_view input) {
  ChildRequest request;
  request.words = {program.native(), std::string(verb), std::string(item)};
  request.environment = CleanEnvironment();
  // Whoever asks for the keyring's password has to find the screen.
  for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"})
    if (const char* value = std::getenv(name))
      request.environment.push_back(std::string(name) + "=" + value);
  request.input = input;
  request.time_max = kTimeMax;
  request.output_bytes_max = 4096;
  return RunChild(request);
}

std::unexpected<Error> Refused(std::string_view doing, int status) {
  return Fail(Code::unavailable,
              "the keyring: " + std::string(doing) +
                  (status == kNoKeyring ? ": it does not answer on this session's bus"
                                        : ": it refused, or nobody unlocked it"));
}

}  // namespace

bool ProgramKeyring::IsThere() const {
  if (::access(program_.c_str(), X_OK) != 0) return false;
  const char* bus = std::getenv("DBUS_SESSION_BUS_ADDRESS");
  if (bus != nullptr && bus[0] != '\0') return std::string_view(bus) != "disabled:";
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  struct stat info{};
  return runtime != nullptr && ::stat((std::string(runtime) + "/bus").c_str(), &info) == 0;
}

Result<std::optional<Secret>> ProgramKeyring::Find(std::string_view item) {
  ILK_TRY(answer, Ask(program_, "find", item, ""));
  if (answer.status == kNoSuchItem) return std::optional<Secret>();
  if (answer.status != 0) return Refused("looking for the vault's key", answer.status);
  auto bytes = FromHex(answer.output.Reveal());
  if (!bytes) return Fail(Code::verification, "the keyring: its item is not a key of ours");
  return std::optional<Secret>(Secret(std::move(*bytes)));
}

Result<void> ProgramKeyring::Keep(std::string_view item, const Secret& value) {
  const Secret text(Hex(value.Reveal()));
  ILK_TRY(answer, Ask(program_, "keep", item, text.Reveal()));
  if (answer.status != 0) return Refused("keeping the vault's key", answer.status);
  return {};
}

Result<void> ProgramKeyring::Forget(std::string_view item) {
  ILK_TRY(answer, Ask(program_, "forget", item, ""));
  if (answer.status != 0 && answer.status != kNoSuchItem)
    return Refused("forgetting the vault's key", answer.status);
  return {};
}

}  // namespace interlock::credential
