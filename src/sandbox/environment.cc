// Which variables enter the room. An allow-list: a deny-list of secrets and loader hooks is never
// complete, and a variable that is missed here is a credential in the agent's hands.
#include <algorithm>
#include <array>
#include <map>

#include "sandbox/fill.h"
#include "sandbox/plan.h"

namespace interlock::sandbox {
namespace {

constexpr std::array<std::string_view, 14> kFromCaller = {
    "COLORTERM", "COLUMNS", "FORCE_COLOR", "LANG", "LANGUAGE",     "LINES", "LOGNAME",
    "NO_COLOR",  "SHELL",   "TERM",        "TZ",   "TERM_PROGRAM", "USER",  "CLICOLOR",
};

// What the dynamic loader, a shell or git would run or obey without being asked. Interlock itself
// has no reason to set one, so a pack or a file that tries is refused.
constexpr std::array<std::string_view, 17> kNeverByName = {
    "BASH_ENV",        "ENV",         "PROMPT_COMMAND", "SHELLOPTS",
    "BASHOPTS",        "PS4",         "PYTHONSTARTUP",  "PERL5OPT",
    "RUBYOPT",         "IFS",         "SSH_AUTH_SOCK",  "GIT_SSH_COMMAND",
    "SSH_AGENT_PID",   "SSH_ASKPASS", "GPG_AGENT_INFO", "GIT_ASKPASS",
    "XDG_RUNTIME_DIR",
};
constexpr std::array<std::string_view, 4> kNeverByPrefix = {"LD_", "DBUS_", "BASH_FUNC_", "GLIBC_"};

bool IsName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool IsAllowedFromCaller(std::string_view name) {
  return std::ranges::find(kFromCaller, name) != kFromCaller.end() ||
         (name.starts_with("LC_") && IsName(name));
}

bool IsVisible(std::string_view path, const std::vector<std::string>& roots) {
  return std::ranges::any_of(roots, [&](const std::string& root) { return IsWithin(path, root); });
}

// Absolute entries that exist inside, in the caller's order, then the standard ones. An empty or
// relative entry would make the current directory part of the path.
std::string SanitisedPath(std::string_view path, const std::vector<std::string>& roots) {
  std::vector<std::string> kept;
  const auto keep = [&](std::string_view entry) {
    if (!entry.starts_with('/') || entry.find("/../") != std::string_view::npos ||
        entry.ends_with("/..") || !IsVisible(entry, roots)) {
      return;
    }
    if (std::ranges::find(kept, entry) == kept.end()) kept.emplace_back(entry);
  };
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    keep(path.substr(at, end - at));
    at = end + 1;
  }
  for (const char* standard : {"/usr/local/bin", "/usr/bin", "/bin"}) keep(standard);
  std::string out;
  for (const std::string& entry : kept) out += (out.empty() ? "" : ":") + entry;
  return out;
}

// Every runtime has its own idea of where trust comes from. Variables that replace the roots name
// the bundle (the system's roots and our authority); those that add to them name the authority
// alone.
void AddTrust(std::map<std::string, Variable>& out) {
  const std::string bundle = Fill("{}/ca-bundle.pem", kRoomDirectory);
  const std::string authority = Fill("{}/ca.pem", kRoomDirectory);
  for (const char* name :
       {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE",
        "PIP_CERT", "CARGO_HTTP_CAINFO", "NIX_SSL_CERT_FILE", "CODEX_CA_CERTIFICATE"}) {
    out[name] = {name, bundle, Origin::room};
  }
  for (const char* name : {"NODE_EXTRA_CA_CERTS", "DENO_CERT"}) {
    out[name] = {name, authority, Origin::room};
  }
  // Node from 22 on reads the system's file, in which our authority is, once it is told to; older
  // ones ignore the variable.
  out["NODE_USE_SYSTEM_CA"] = {"NODE_USE_SYSTEM_CA", "1", Origin::room};
  // A store of our own making (java_trust.h).
  out["JAVA_TOOL_OPTIONS"] = {"JAVA_TOOL_OPTIONS",
                              Fill("-Djavax.net.ssl.trustStoreType=JKS "
                                   "-Djavax.net.ssl.trustStore={}/ca.jks",
                                   kRoomDirectory),
                              Origin::room};
}

// A variable that the profile or the session sets.
Result<void> CheckVariable(const Variable& variable) {
  if (!IsName(variable.name) || variable.value.find('\0') != std::string::npos) {
    return Fail(Code::invalid_input,
                Fill("cannot plan the room: \"{}\" is not a name for a variable (letters, "
                     "digits and _), or its value holds a NUL",
                     variable.name));
  }
  if (IsNeverSet(variable.name)) {
    return Fail(Code::denied, Fill("cannot plan the room: the variable {} is never set inside "
                                   "(programs execute or obey what it holds); use another name",
                                   variable.name));
  }
  return {};
}

}  // namespace

bool IsNeverSet(std::string_view name) {
  return std::ranges::find(kNeverByName, name) != kNeverByName.end() ||
         std::ranges::any_of(kNeverByPrefix, [&](auto prefix) { return name.starts_with(prefix); });
}

Result<std::vector<Variable>> EnvironmentFor(const Request& request, std::string_view cwd,
                                             const std::vector<std::string>& program_roots) {
  std::map<std::string, Variable> out;
  std::string path;
  for (const Variable& variable : request.caller_environment) {
    if (variable.name == "PATH") path = variable.value;
    const bool passes = std::ranges::find(request.pass, variable.name) != request.pass.end();
    if (!IsAllowedFromCaller(variable.name) && (!passes || IsNeverSet(variable.name))) continue;
    out[variable.name] = {variable.name, variable.value, Origin::caller};
  }
  const auto room = [&](std::string name, std::string value) {
    out[name] = {name, std::move(value), Origin::room};
  };
  room("HOME", request.home);
  room("PATH", SanitisedPath(path, program_roots));
  room("PWD", std::string(cwd));
  if (const auto shell = out.find("SHELL");
      shell != out.end() && !IsVisible(shell->second.value, program_roots)) {
    room("SHELL", "/bin/sh");
  }
  if (!request.ca_certificate.empty()) AddTrust(out);
  for (const Variable& variable : request.agent_variables) {
    ILK_TRY_VOID(CheckVariable(variable));
    std::string value = variable.value;
    constexpr std::string_view kHome = "{home}";
    if (value.starts_with(kHome)) value.replace(0, kHome.size(), request.home);
    out[variable.name] = {variable.name, std::move(value), Origin::room};
  }
  for (const Variable& variable : request.variables) {
    ILK_TRY_VOID(CheckVariable(variable));
    out[variable.name] = {variable.name, variable.value, Origin::session};
  }
  std::vector<Variable> list;
  for (auto& [name, variable] : out) list.push_back(std::move(variable));
  return list;
}

}  // namespace interlock::sandbox
