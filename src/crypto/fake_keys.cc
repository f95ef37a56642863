#include "crypto/fake_keys.h"

#include <openssl/core_names.h>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "crypto/openssl_ptr.h"
#include "crypto/ssh_verify.h"
#include "crypto/ssh_wire.h"

namespace interlock::crypto {

struct FakeKey::State {
  PkeyPtr key{EVP_EC_gen("P-256")};
};

namespace {

std::string Point(EVP_PKEY* key) {
  std::string point(65, '\0');
  std::size_t length = 0;
  ILK_CHECK(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, Data(point), point.size(),
                                            &length) == 1 &&
            length == 65);
  return point;
}

std::string Blob(const SshPublicKey& key, std::string_view ns, std::string_view signature) {
  return ArmorSshsig("SSHSIG" + SshUint32(1) + SshString(key.blob) + SshString(ns) + SshString("") +
                     SshString("sha512") + SshString(signature));
}

std::string EcdsaField(const std::string& der) {
  const auto pair = EcdsaFromDer(der);
  ILK_CHECK(pair.has_value());
  return SshString(SshMpint(pair->r) + SshMpint(pair->s));
}

SshPublicKey Key(std::string_view blob) {
  auto key = ParseSshKeyBlob(blob);
  ILK_CHECK(key.has_value());
  return *std::move(key);
}

}  // namespace

FakeKey::FakeKey() : state_(std::make_unique<State>()) {}
FakeKey::~FakeKey() = default;

SshPublicKey FakeKey::file_key() const {
  return Key(SshString("ecdsa-sha2-nistp256") + SshString("nistp256") +
             SshString(Point(state_->key.get())));
}

SshPublicKey FakeKey::security_key() const { return passkey("ssh:"); }

SshPublicKey FakeKey::passkey(std::string_view rp_id) const {
  return Key(SshString("sk-ecdsa-sha2-nistp256@openssh.com") + SshString("nistp256") +
             SshString(Point(state_->key.get())) + SshString(rp_id));
}

std::string FakeKey::spki() const {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(state_->key.get(), &der);
  ILK_CHECK(length > 0);
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  return out;
}

std::string FakeKey::SignDer(std::string_view bytes) const {
  const MdContextPtr context(EVP_MD_CTX_new());
  std::string der(128, '\0');
  std::size_t length = der.size();
  ILK_CHECK(EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr,
                                  state_->key.get(), nullptr) == 1);
  ILK_CHECK(EVP_DigestSign(context.get(), Data(der), &length, Data(bytes), bytes.size()) == 1);
  der.resize(length);
  return der;
}

std::string FakeKey::SignAsFile(std::string_view message, std::string_view ns) const {
  const std::string der = SignDer(SshsigSignedData(message, ns, "sha512"));
  return Blob(file_key(), ns, SshString("ecdsa-sha2-nistp256") + EcdsaField(der));
}

std::string FakeKey::SignAsSecurityKey(std::string_view message, std::string_view ns,
                                       FakeTouch touch) const {
  const std::string device_data =
      std::string(1, static_cast<char>(touch.flags)) + SshUint32(touch.counter);
  const std::string der =
      SignDer(Sha256("ssh:") + device_data + Sha256(SshsigSignedData(message, ns, "sha512")));
  return Blob(security_key(), ns,
              SshString("sk-ecdsa-sha2-nistp256@openssh.com") + EcdsaField(der) + device_data);
}

WebauthnAssertion FakeKey::Assert(std::string_view challenge, std::string_view rp_id,
                                  std::string_view origin, FakeTouch touch,
                                  std::string_view more) const {
  WebauthnAssertion out;
  out.authenticator_data =
      Sha256(rp_id) + static_cast<char>(touch.flags) + SshUint32(touch.counter);
  out.client_data_json = R"({"type":"webauthn.get","challenge":")" + Base64Url(challenge) +
                         R"(","origin":")" + std::string(origin) + '"' + std::string(more) + "}";
  out.signature = SignDer(out.authenticator_data + Sha256(out.client_data_json));
  return out;
}

}  // namespace interlock::crypto
