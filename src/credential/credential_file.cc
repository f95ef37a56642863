#include "credential/credential_file.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "credential/workspace_scan.h"
#include "crypto/hash.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kSpansMax = 512;

constexpr std::array<std::string_view, 20> kNames = {
    ".npmrc",
    ".netrc",
    "_netrc",
    ".pypirc",
    ".git-credentials",
    ".dockercfg",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    "credentials",
    "credentials.json",
    "secrets.json",
    "secrets.yaml",
    "secrets.yml",
    "secrets.toml",
    "kubeconfig",
    "service-account.json",
    "serviceaccount.json",
    ".vault-token",
    ".dev.vars",
};
constexpr std::array<std::string_view, 10> kEndings = {
    ".env", ".pem",      ".key",    ".p12",     ".pfx",
    ".jks", ".keystore", ".tfvars", ".tfstate", ".kubeconfig",
};
// All of their text is a credential, in forms of their own.
constexpr std::array<std::string_view, 6> kWhole = {".netrc",    "_netrc",       ".pgpass",
                                                    ".htpasswd", ".vault-token", ".dockercfg"};
constexpr std::array<std::string_view, 4> kKeys = {"id_rsa", "id_ed25519", "id_ecdsa", "id_dsa"};

// What a name of an assignment says about its value.
constexpr std::array<std::string_view, 12> kSecretWords = {
    "token",   "secret",     "passw",       "pwd",        "apikey", "api_key",
    "api-key", "access_key", "private_key", "credential", "auth",   "_key",
};

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }

struct Assignment {
  std::string_view name;
  std::string_view value;  // without quotes and what follows
};

bool SpeaksOfSecret(std::string_view name) {
  const std::string lower = ToLower(name);
  return std::ranges::any_of(
      kSecretWords, [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

// NAME=value, export NAME="value", "name": "value", name = 'value': the first sign whose left side
// speaks of a secret ("//registry/:_authToken=..." has two).
Assignment SecretAssignmentOf(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos || line[first] == '#') return {};
  std::size_t sign = line.find_first_of("=:", first);
  while (sign != std::string_view::npos && !SpeaksOfSecret(line.substr(first, sign - first)))
    sign = line.find_first_of("=:", sign + 1);
  if (sign == std::string_view::npos) return {};
  std::string_view value = line.substr(sign + 1);
  while (!value.empty() && IsSpace(value.front())) value.remove_prefix(1);
  if (!value.empty() && (value[0] == '"' || value[0] == '\'' || value[0] == '`')) {
    const char quote = value[0];
    value.remove_prefix(1);
    value = value.substr(0, std::min(value.find(quote), value.size()));
  } else {
    value = value.substr(0, std::min(value.find(" #"), value.size()));
    while (!value.empty() && (IsSpace(value.back()) || value.back() == ',')) value.remove_suffix(1);
  }
  return {line.substr(first, sign - first), value};
}

// The rest of a reference or an empty stand-in is no secret.
bool IsPlainValue(std::string_view value) {
  constexpr std::array<std::string_view, 6> kPlain = {"true", "false", "null", "none", "yes", "no"};
  return value.size() < 4 || value.starts_with("${") || value.starts_with("$(") ||
         std::ranges::find(kPlain, ToLower(value)) != kPlain.end();
}

// SCHEME://USER:PASSWORD@HOST
std::string_view PasswordInUrl(std::string_view value) {
  const std::size_t scheme = value.find("://");
  if (scheme == std::string_view::npos) return {};
  std::string_view rest = value.substr(scheme + 3);
  rest = rest.substr(0, std::min(rest.find_first_of("/?# \t\"'"), rest.size()));
  const std::size_t at = rest.rfind('@');
  if (at == std::string_view::npos) return {};
  rest = rest.substr(0, at);
  const std::size_t colon = rest.find(':');
  return colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
}

class Reader {
 public:
  Reader(std::string_view text, std::vector<SecretSpan>& out) : text_(text), out_(out) {}

  void Read() {
    std::string_view rest = text_;
    for (std::size_t number = 1; !rest.empty() && out_.size() < kSpansMax; ++number) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      ReadLine(rest.substr(0, end), number);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }

 private:
  void ReadLine(std::string_view line, std::size_t number) {
    std::vector<SecretSpan> found;
    const auto add = [&](std::string_view value, std::string_view kind) {
      if (value.empty()) return;
      const auto offset = static_cast<std::size_t>(value.data() - text_.data());
      found.push_back({offset, value.size(), std::string(kind), number});
    };
    const Assignment assignment = SecretAssignmentOf(line);
    const std::string_view password = PasswordInUrl(line);
    if (!password.empty()) {
      add(password, "password in a URL");
    } else if (!IsPlainValue(assignment.value)) {
      const std::vector<LineToken> inside = TokensOfLine(assignment.value);
      const bool whole = inside.size() == 1 && inside[0].token.size() == assignment.value.size();
      add(assignment.value, whole ? inside[0].kind : "assigned value");
    }
    for (const LineToken& token : TokensOfLine(line)) add(token.token, token.kind);
    std::ranges::sort(found, [](const SecretSpan& a, const SecretSpan& b) {
      return a.offset != b.offset ? a.offset < b.offset : a.size > b.size;
    });
    for (SecretSpan& span : found) {
      if (!out_.empty() && span.offset < out_.back().offset + out_.back().size) continue;
      out_.push_back(std::move(span));
    }
  }

  std::string_view text_;
  std::vector<SecretSpan>& out_;
};

}  // namespace

bool IsCredentialFile(std::string_view path) {
  const std::string name = ToLower(path.substr(path.rfind('/') + 1));
  const auto is_name = [&](std::string_view known) { return name == known; };
  if (name.starts_with(".env.") || name == ".env" || name.starts_with(".envrc.")) return true;
  if (name.ends_with(".pub")) return false;
  return std::ranges::any_of(kNames, is_name) || std::ranges::any_of(kKeys, is_name) ||
         std::ranges::any_of(kEndings, [&](std::string_view end) { return name.ends_with(end); });
}

CredentialFile ReadCredentialFile(std::string path, std::string_view text) {
  CredentialFile out;
  out.path = std::move(path);
  out.sha256 = crypto::Sha256Hex(text);
  const bool binary = text.find('\0') != std::string_view::npos || !IsUtf8(text);
  const std::string name = ToLower(out.path.substr(out.path.rfind('/') + 1));
  const bool whole = std::ranges::find(kWhole, name) != kWhole.end();
  if (binary || whole || text.find("PRIVATE KEY-----") != std::string_view::npos) {
    out.hidden = true;
    return out;
  }
  Reader(text, out.spans).Read();
  if (out.spans.size() >= kSpansMax) {
    out.hidden = true;
    out.spans.clear();
  }
  return out;
}

}  // namespace interlock::credential
