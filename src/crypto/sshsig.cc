#include "crypto/sshsig.h"

#include "base/bytes.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "crypto/ssh_verify.h"
#include "crypto/ssh_wire.h"

namespace interlock::crypto {

namespace {

constexpr std::string_view kMagic = "SSHSIG";
constexpr std::string_view kBegin = "-----BEGIN SSH SIGNATURE-----\n";
constexpr std::string_view kEnd = "-----END SSH SIGNATURE-----";
constexpr std::string_view kWebauthnAlgorithm = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
constexpr std::size_t kSignatureBytesMax = 64 * 1024;
constexpr std::size_t kNamespaceBytesMax = 256;

// WebAuthn's authenticator flags: these two announce further bytes in what was signed.
constexpr std::uint8_t kAttestedData = 0x40;
constexpr std::uint8_t kExtensionData = 0x80;

struct ParsedSignature {
  SshsigInfo info;
  SignatureAlgorithm algorithm = SignatureAlgorithm::ed25519;
  std::string raw;  // as SignatureHolds wants it
  std::string extensions;
};

std::unexpected<Error> Bad(std::string_view what) {
  return Fail(Code::invalid_input, "SSH signature: " + std::string(what));
}

Result<std::string> Dearmor(std::string_view text) {
  std::string lines;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    lines.push_back(text[i]);
  }
  std::string_view rest = lines;
  if (!rest.starts_with(kBegin)) return Bad("neither armored nor a SSHSIG blob");
  rest.remove_prefix(kBegin.size());
  const std::size_t end = rest.find(kEnd);
  if (end == std::string_view::npos) return Bad("the armor has no end line");
  const std::string_view after = rest.substr(end + kEnd.size());
  if (!after.empty() && after != "\n") return Bad("text after the armor");
  std::string base64;
  for (const char c : rest.substr(0, end)) {
    if (c != '\n') base64.push_back(c);
  }
  auto blob = FromBase64(base64);
  if (!blob) return Bad("the armor does not hold base64");
  return *std::move(blob);
}

Result<void> ReadEcdsa(SshReader& outer, std::size_t bytes_max, ParsedSignature& out) {
  const auto field = outer.String();
  if (!field) return Bad("the ECDSA pair is cut short");
  SshReader reader(*field);
  const auto r = reader.PositiveMpint(bytes_max);
  const auto s = reader.PositiveMpint(bytes_max);
  if (!r || !s || !reader.AtEnd()) return Bad("not a pair of ECDSA numbers");
  out.raw = EcdsaToDer(*r, *s);
  return {};
}

Result<void> ReadEd25519(SshReader& reader, ParsedSignature& out) {
  const auto raw = reader.String();
  if (!raw || raw->size() != 64) return Bad("an Ed25519 signature has 64 bytes");
  out.raw = *raw;
  return {};
}

Result<void> ReadRsa(SshReader& reader, std::string_view algorithm, ParsedSignature& out) {
  if (algorithm == "rsa-sha2-256") {
    out.algorithm = SignatureAlgorithm::rsa_sha256;
  } else if (algorithm == "rsa-sha2-512") {
    out.algorithm = SignatureAlgorithm::rsa_sha512;
  } else if (algorithm == "ssh-rsa") {
    return Bad("RSA with SHA-1 is not accepted");
  } else {
    return Bad("the algorithm does not fit the key");
  }
  const auto raw = reader.String();
  if (!raw || raw->empty()) return Bad("the RSA signature is cut short");
  out.raw = *raw;
  return {};
}

Result<void> ReadFlagsAndCounter(SshReader& reader, SshsigInfo& info) {
  const auto flags = reader.Byte();
  const auto counter = reader.Uint32();
  if (!flags || !counter) return Bad("flags and counter are cut short");
  info.flags = *flags;
  info.counter = *counter;
  return {};
}

// {"type":"webauthn.get","challenge":…,"origin":…, then whatever the browser adds.
// (W3C WebAuthn 5.8.1.1 fixes the order of the first members.)
std::string ClientDataStart(std::string_view challenge, std::string_view origin) {
  return R"({"type":"webauthn.get","challenge":")" + Base64Url(challenge) + R"(","origin":")" +
         std::string(origin) + '"';
}

// Reads what the browser says, in a way that leaves one reading: strict JSON, no member twice.
Result<WebauthnClient> ReadClientData(std::string_view text, std::string_view origin) {
  ILK_TRY(value, ParseJson(text, {.depth_max = 8}));
  if (!value.is_object()) return Bad("clientDataJSON is not an object");
  const json::object& object = value.get_object();
  if (FindString(object, "type") != "webauthn.get") return Bad("clientDataJSON is of another type");
  if (origin.empty() || FindString(object, "origin") != origin) {
    return Bad("the origin differs from the one in clientDataJSON");
  }
  WebauthnClient client{std::string(text), std::string(origin),
                        Find(object, "topOrigin") != nullptr};
  if (const json::value* cross = Find(object, "crossOrigin")) {
    if (!cross->is_bool()) return Bad("crossOrigin is not a boolean");
    client.cross_origin = client.cross_origin || cross->get_bool();
  }
  return client;
}

Result<void> ReadWebauthn(SshReader& reader, ParsedSignature& out) {
  ILK_TRY_VOID(ReadEcdsa(reader, 32, out));
  ILK_TRY_VOID(ReadFlagsAndCounter(reader, out.info));
  const auto origin = reader.String();
  const auto client_data = reader.String();
  const auto extensions = reader.String();
  if (!origin || !client_data || !extensions) return Bad("the WebAuthn fields are cut short");
  if (out.info.flags & kAttestedData) return Bad("attested data has no place in an assertion");
  if (((out.info.flags & kExtensionData) != 0) == extensions->empty()) {
    return Bad("the extension flag and the extensions disagree");
  }
  ILK_TRY(client, ReadClientData(*client_data, *origin));
  out.info.webauthn = std::move(client);
  out.extensions = *extensions;
  out.info.form = SignatureForm::webauthn;
  return {};
}

Result<void> ReadSignatureField(std::string_view field, ParsedSignature& out) {
  SshReader reader(field);
  const auto algorithm = reader.String();
  if (!algorithm) return Bad("the signature is cut short");
  const SshKeyType type = out.info.key.type;
  if (type == SshKeyType::rsa) {
    ILK_TRY_VOID(ReadRsa(reader, *algorithm, out));
  } else if (type == SshKeyType::sk_ecdsa_p256 && *algorithm == kWebauthnAlgorithm) {
    out.algorithm = SignatureAlgorithm::ecdsa_sha256;
    ILK_TRY_VOID(ReadWebauthn(reader, out));
  } else if (*algorithm != ToString(type)) {
    return Bad("the algorithm does not fit the key");
  } else {
    switch (type) {
      case SshKeyType::rsa:
      case SshKeyType::ed25519:
      case SshKeyType::sk_ed25519:
        ILK_TRY_VOID(ReadEd25519(reader, out));
        break;
      case SshKeyType::ecdsa_p256:
      case SshKeyType::sk_ecdsa_p256:
        out.algorithm = SignatureAlgorithm::ecdsa_sha256;
        ILK_TRY_VOID(ReadEcdsa(reader, 32, out));
        break;
      case SshKeyType::ecdsa_p384:
        out.algorithm = SignatureAlgorithm::ecdsa_sha384;
        ILK_TRY_VOID(ReadEcdsa(reader, 48, out));
        break;
      case SshKeyType::ecdsa_p521:
        out.algorithm = SignatureAlgorithm::ecdsa_sha512;
        ILK_TRY_VOID(ReadEcdsa(reader, 66, out));
        break;
    }
    if (type == SshKeyType::sk_ed25519 || type == SshKeyType::sk_ecdsa_p256) {
      ILK_TRY_VOID(ReadFlagsAndCounter(reader, out.info));
      out.info.form = SignatureForm::security_key;
    }
  }
  if (!reader.AtEnd()) return Bad("bytes after the signature");
  return {};
}

Result<ParsedSignature> Parse(std::string_view input) {
  if (input.size() > kSignatureBytesMax) return Fail(Code::limit, "SSH signature: over 64 KiB");
  std::string blob(input);
  if (!input.starts_with(kMagic)) {
    ILK_TRY(bytes, Dearmor(input));
    blob = std::move(bytes);
  }
  SshReader reader(blob);
  if (!reader.Skip(kMagic)) return Bad("the magic is missing");
  const auto version = reader.Uint32();
  if (version != 1u) return Bad("not version 1");
  const auto key = reader.String();
  const auto ns = reader.String();
  const auto reserved = reader.String();
  const auto hash = reader.String();
  const auto signature = reader.String();
  if (!key || !ns || !reserved || !hash || !signature) return Bad("the blob is cut short");
  if (!reader.AtEnd()) return Bad("bytes after the blob");
  // Readers are told to ignore it; a field nobody signs would let one signature have many
  // spellings.
  if (!reserved->empty()) return Bad("the reserved field is used");
  if (ns->empty() || ns->size() > kNamespaceBytesMax) return Bad("no usable namespace");
  if (*hash != "sha256" && *hash != "sha512") return Bad("unknown hash algorithm");

  ParsedSignature out;
  ILK_TRY(parsed_key, ParseSshKeyBlob(*key));
  out.info.key = std::move(parsed_key);
  out.info.ns = *ns;
  out.info.hash_algorithm = *hash;
  ILK_TRY_VOID(ReadSignatureField(*signature, out));
  return out;
}

std::string DeviceMessage(const ParsedSignature& signature, std::string_view challenge_hash) {
  const SshsigInfo& info = signature.info;
  return Sha256(info.key.application) + static_cast<char>(info.flags) + SshUint32(info.counter) +
         signature.extensions + Sha256(challenge_hash);
}

}  // namespace

Result<SshsigInfo> ParseSshsig(std::string_view armored_or_blob) {
  ILK_TRY(parsed, Parse(armored_or_blob));
  return std::move(parsed.info);
}

Result<SshsigInfo> VerifySshsig(std::string_view armored_or_blob, std::string_view message,
                                std::string_view ns) {
  ILK_TRY(parsed, Parse(armored_or_blob));
  if (parsed.info.ns != ns) {
    return Fail(Code::verification, "SSH signature: made for namespace \"" +
                                        EscapeForHumans(parsed.info.ns) + "\", not \"" +
                                        std::string(ns) + "\"");
  }
  const std::string to_be_signed = SshsigSignedData(message, ns, parsed.info.hash_algorithm);
  std::string signed_bytes;
  switch (parsed.info.form) {
    case SignatureForm::plain:
      signed_bytes = to_be_signed;
      break;
    case SignatureForm::security_key:
      signed_bytes = DeviceMessage(parsed, to_be_signed);
      break;
    case SignatureForm::webauthn: {
      const WebauthnClient& client = *parsed.info.webauthn;
      if (!client.client_data_json.starts_with(ClientDataStart(to_be_signed, client.origin))) {
        return Fail(Code::verification, "SSH signature: the passkey signed another challenge");
      }
      signed_bytes = DeviceMessage(parsed, client.client_data_json);
      break;
    }
  }
  if (!SignatureHolds(parsed.info.key, parsed.algorithm, parsed.raw, signed_bytes)) {
    return Fail(Code::verification, "SSH signature: does not hold for this message under " +
                                        parsed.info.key.fingerprint);
  }
  return std::move(parsed.info);
}

std::string SshsigSignedData(std::string_view message, std::string_view ns,
                             std::string_view hash_algorithm) {
  ILK_CHECK(hash_algorithm == "sha256" || hash_algorithm == "sha512");
  const std::string hash = hash_algorithm == "sha256" ? Sha256(message) : Sha512(message);
  return std::string(kMagic) + SshString(ns) + SshString("") + SshString(hash_algorithm) +
         SshString(hash);
}

Result<std::string> SshsigFromWebauthn(const SshPublicKey& key, const WebauthnAssertion& assertion,
                                       std::string_view ns, std::string_view hash_algorithm) {
  if (key.type != SshKeyType::sk_ecdsa_p256) return Bad("passkeys are P-256 keys");
  const std::string_view data = assertion.authenticator_data;
  // rpIdHash (32), flags (1), signCount (4), extensions.
  if (data.size() < 37 || data.size() > 4096) return Bad("authenticator data has another length");
  if (data.substr(0, 32) != Sha256(key.application)) {
    return Bad("the assertion is for another relying party");
  }
  const auto pair = EcdsaFromDer(assertion.signature);
  if (!pair) return Bad("the assertion's signature is not DER");
  ILK_TRY(value, ParseJson(assertion.client_data_json, {.depth_max = 8}));
  if (!value.is_object()) return Bad("clientDataJSON is not an object");
  const std::string_view origin = FindString(value.get_object(), "origin");
  const std::string signature = SshString(kWebauthnAlgorithm) +
                                SshString(SshMpint(pair->r) + SshMpint(pair->s)) +
                                std::string(data.substr(32, 5)) + SshString(origin) +
                                SshString(assertion.client_data_json) + SshString(data.substr(37));
  const std::string blob = std::string(kMagic) + SshUint32(1) + SshString(key.blob) +
                           SshString(ns) + SshString("") + SshString(hash_algorithm) +
                           SshString(signature);
  ILK_TRY_VOID(ParseSshsig(blob));
  return ArmorSshsig(blob);
}

std::string ArmorSshsig(std::string_view blob) {
  constexpr std::size_t kColumns = 70;
  const std::string base64 = Base64(blob);
  std::string out(kBegin);
  for (std::size_t at = 0; at < base64.size(); at += kColumns) {
    out.append(base64, at, kColumns).push_back('\n');
  }
  return out.append(kEnd).append("\n");
}

}  // namespace interlock::crypto
