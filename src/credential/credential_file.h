// Files whose purpose is to hold credentials (.env, .npmrc, .netrc, keys): where in them the secret
// values stand, so that a room can show them with phantoms. Pure functions over a name and a text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace interlock::credential {

// Source code is none, whatever is in it: an agent must be able to edit it, and a credential that
// was forgotten there is recognised when it is used (workspace_scan.h).
bool IsCredentialFile(std::string_view path);

struct SecretSpan {
  std::size_t offset = 0;
  std::size_t size = 0;
  std::string kind;  // "stripe key", "assigned value", "password in a URL"
  std::size_t line = 0;
  bool operator==(const SecretSpan&) const = default;
};

struct CredentialFile {
  std::string path;               // relative to the workspace
  std::string sha256;             // of the text the spans lie in, hexadecimal
  bool hidden = false;            // nothing of it may be shown: binary, too large, or a private key
  std::vector<SecretSpan> spans;  // ascending, not overlapping
  bool operator==(const CredentialFile&) const = default;
};

// What is secret in the text of such a file: every token with a known shape, the value of every
// assignment whose name speaks of a secret, and passwords in URLs.
CredentialFile ReadCredentialFile(std::string path, std::string_view text);

}  // namespace interlock::credential
