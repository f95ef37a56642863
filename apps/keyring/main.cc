// interlock-keyring find|keep|forget ITEM: one item of the desktop's keyring, for the gateway.
//
// `find` prints the value, `keep` reads it from stdin; both as they stand in the keyring. Exit
// status: 0 done · 1 refused · 2 usage · 3 there is no such item · 4 no keyring answers.
#include <libsecret/secret.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>

namespace {

constexpr int kDone = 0;
constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kNoSuchItem = 3;
constexpr int kNoKeyring = 4;
constexpr const char* kAttribute = "vault";

const SecretSchema* Schema() {
  static const SecretSchema schema = {
      "dev.interlock.VaultKey",
      SECRET_SCHEMA_NONE,
      {{kAttribute, SECRET_SCHEMA_ATTRIBUTE_STRING}, {nullptr, SECRET_SCHEMA_ATTRIBUTE_STRING}},
      0,
      nullptr,
      nullptr,
      nullptr,
      nullptr,
      nullptr,
      nullptr,
      nullptr};
  return &schema;
}

int StatusOf(const GError* error) {
  const bool is_refusal = error->domain == SECRET_ERROR;
  std::fprintf(stderr, "interlock-keyring: %s\n", error->message);
  return is_refusal ? kRefused : kNoKeyring;
}

int Find(const char* item) {
  GError* error = nullptr;
  gchar* value = secret_password_lookup_sync(Schema(), nullptr, &error, kAttribute, item, nullptr);
  if (error != nullptr) return StatusOf(error);
  if (value == nullptr) return kNoSuchItem;
  const bool written = std::fputs(value, stdout) >= 0 && std::fflush(stdout) == 0;
  secret_password_free(value);
  return written ? kDone : kRefused;
}

int Keep(const char* item) {
  std::array<char, 4097> value{};
  std::size_t size = 0;
  for (;;) {
    const ssize_t got = ::read(0, value.data() + size, value.size() - 1 - size);
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size == 0 || size == value.size() - 1) return kUsage;
  GError* error = nullptr;
  secret_password_store_sync(Schema(), SECRET_COLLECTION_DEFAULT, "Interlock: key of the vault",
                             value.data(), nullptr, &error, kAttribute, item, nullptr);
  explicit_bzero(value.data(), value.size());
  return error != nullptr ? StatusOf(error) : kDone;
}

int Forget(const char* item) {
  GError* error = nullptr;
  const gboolean removed =
      secret_password_clear_sync(Schema(), nullptr, &error, kAttribute, item, nullptr);
  if (error != nullptr) return StatusOf(error);
  return removed != 0 ? kDone : kNoSuchItem;
}

}  // namespace

int main(int argc, char** argv) {
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &none);
  const std::string_view verb = argc == 3 ? argv[1] : "";
  if (verb == "find") return Find(argv[2]);
  if (verb == "keep") return Keep(argv[2]);
  if (verb == "forget") return Forget(argv[2]);
  std::fprintf(stderr, "usage: interlock-keyring find|keep|forget ITEM\n");
  return kUsage;
}
