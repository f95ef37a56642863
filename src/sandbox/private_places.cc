// Where a home holds what opens other doors. A list can't be complete, which is why the home is
// empty and profiles name what is shown; this one keeps a profile's mistake from undoing that.
#include <algorithm>
#include <array>

#include "sandbox/plan.h"
#include "sandbox/profile.h"

namespace interlock::sandbox {
namespace {

constexpr std::array<std::string_view, 68> kPrivate = {
    // Keys and logins of people.
    ".ssh",
    ".gnupg",
    ".pki",
    ".password-store",
    ".netrc",
    ".authinfo",
    ".git-credentials",
    ".config/git/credentials",
    ".local/share/keyrings",
    ".config/op",
    ".config/1Password",
    ".config/keepassxc",
    ".config/Bitwarden CLI",
    ".config/sops",
    ".config/age",
    ".vault-token",
    ".Xauthority",
    ".ICEauthority",
    // Providers and clusters.
    ".aws",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".config/hub",
    ".config/glab-cli",
    ".railway",
    ".kube",
    ".docker",
    ".config/containers",
    ".config/doctl",
    ".config/heroku",
    ".config/netlify",
    ".config/flyctl",
    ".fly",
    ".vercel",
    ".config/vercel",
    ".local/share/com.vercel.cli",
    ".wrangler",
    ".config/.wrangler",
    ".supabase",
    ".config/neonctl",
    ".terraform.d",
    ".terraformrc",
    ".pulumi",
    ".oci",
    ".config/hcloud",
    ".config/scw",
    ".config/rclone",
    ".config/restic",
    // Package registries and databases.
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".config/pip",
    ".gem/credentials",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".m2/settings.xml",
    ".gradle/gradle.properties",
    ".pgpass",
    ".my.cnf",
    ".mylogin.cnf",
    // Sockets and sessions of the desktop; browsers.
    ".dbus",
    ".config/pulse",
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
    // Interlock's own.
    ".config/interlock",
    ".local/state/interlock",
    ".local/share/interlock",
};

constexpr std::array<std::string_view, 14> kCredentialNames = {
    "auth.json",
    "hosts.yml",
    "hosts.json",
    "kubeconfig",
    "oauth_creds.json",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".git-credentials",
    "docker-config.json",
    "terraform.rc",
    "gcloud.json",
    ".vault-token",
};
constexpr std::array<std::string_view, 8> kCredentialEnds = {
    ".pem", ".key", ".p12", ".pfx", ".kdbx", ".jks", ".keystore", ".ppk",
};
constexpr std::array<std::string_view, 4> kCredentialStarts = {".env", "id_", "credentials",
                                                               ".credentials"};

}  // namespace

bool TouchesPrivatePlace(std::string_view relative) {
  return std::ranges::any_of(kPrivate, [&](std::string_view place) {
    return IsWithin(relative, place) || IsWithin(place, relative);
  });
}

bool IsCredentialFile(std::string_view file_name) {
  std::string lower(file_name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::ranges::find(kCredentialNames, lower) != kCredentialNames.end() ||
         std::ranges::any_of(kCredentialEnds, [&](auto end) { return lower.ends_with(end); }) ||
         std::ranges::any_of(kCredentialStarts,
                             [&](auto start) { return lower.starts_with(start); });
}

}  // namespace interlock::sandbox
