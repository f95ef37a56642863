#include "sandbox/plan_json.h"

#include <sys/resource.h>

#include <boost/json/array.hpp>

#include "sandbox/fill.h"

namespace interlock::sandbox {
namespace {

std::string_view KindName(MountKind kind) {
  switch (kind) {
    case MountKind::directory:
      return "directory";
    case MountKind::link:
      return "link";
    case MountKind::file:
      return "file";
    case MountKind::bind_read_only:
      return "bind-read-only";
    case MountKind::bind_read_write:
      return "bind-read-write";
    case MountKind::device:
      return "device";
    case MountKind::tmpfs:
      return "tmpfs";
    case MountKind::proc:
      return "proc";
    case MountKind::devpts:
      return "devpts";
    case MountKind::cover:
      return "cover";
    case MountKind::hide:
      return "hide";
    case MountKind::freeze:
      return "freeze";
    case MountKind::layer_read_only:
      return "layer-read-only";
    case MountKind::overlay:
      return "overlay";
    case MountKind::protect:
      return "protect";
    case MountKind::pin:
      return "pin";
  }
  return "unknown";
}

std::string_view OriginName(Origin origin) {
  switch (origin) {
    case Origin::caller:
      return "caller";
    case Origin::room:
      return "room";
    case Origin::session:
      return "session";
  }
  return "unknown";
}

std::string LimitName(int resource) {
  switch (resource) {
    case RLIMIT_CORE:
      return "core";
    case RLIMIT_NPROC:
      return "nproc";
  }
  return Fill("{}", resource);
}

json::object MountJson(const Mount& mount) {
  json::object out;
  out["kind"] = KindName(mount.kind);
  out["target"] = mount.target;
  if (!mount.source.empty()) out["source"] = mount.source;
  if (!mount.store.empty()) out["store"] = mount.store;
  if (mount.kind == MountKind::file) out["bytes"] = mount.content.size();
  if (mount.kind == MountKind::file || mount.kind == MountKind::tmpfs ||
      mount.kind == MountKind::directory) {
    out["mode"] = Octal(mount.mode);
  }
  if (mount.kind == MountKind::tmpfs) out["size"] = Fill("{} of memory", kTmpfsSize);
  return out;
}

json::array Strings(const std::vector<std::string>& strings) {
  json::array out;
  for (const std::string& text : strings) out.emplace_back(text);
  return out;
}

}  // namespace

json::object ToJson(const Plan& plan) {
  json::object out;
  if (!plan.agent.empty()) out["agent"] = plan.agent;
  out["argv"] = Strings(plan.argv);
  out["cwd"] = plan.cwd;
  json::array environment;
  for (const Variable& variable : plan.environment) {
    json::object item;
    item["name"] = variable.name;
    item["from"] = OriginName(variable.origin);
    if (variable.origin != Origin::session) item["value"] = variable.value;
    environment.push_back(std::move(item));
  }
  out["environment"] = std::move(environment);
  json::array mounts;
  for (const Mount& mount : plan.mounts) mounts.push_back(MountJson(mount));
  out["mounts"] = std::move(mounts);
  out["hidden"] = Strings(plan.hidden);
  out["namespaces"] = Strings(plan.namespaces);
  out["uid"] = plan.uid;
  out["gid"] = plan.gid;
  out["hostname"] = plan.hostname;
  json::object limits;
  for (const Limit& limit : plan.limits) limits[LimitName(limit.resource)] = limit.value;
  out["limits"] = std::move(limits);
  json::object sysctls;
  for (const Sysctl& sysctl : plan.sysctls) sysctls[sysctl.path] = sysctl.value;
  out["sysctls"] = std::move(sysctls);
  out["capabilities"] = json::array();
  out["no_new_privs"] = true;
  out["seccomp"] = plan.seccomp;
  out["weakened"] = Strings(plan.weakened);
  json::object network;
  network["tcp"] =
      Fill("every address but loopback to the gateway, by TPROXY to port {}", plan.capture_port);
  network["dns"] = "port 53 of every address to the gateway";
  network["udp"] = "refused, but on loopback";
  if (!plan.dialled.empty()) {
    json::array ports;
    for (const std::uint16_t port : plan.dialled) ports.push_back(port);
    network["dialled_from_outside"] = std::move(ports);
  }
  out["network"] = std::move(network);
  if (!plan.entered.empty()) out["entered_by"] = Strings(plan.entered);
  return out;
}

}  // namespace interlock::sandbox
