// Local sockets on which a host's services listen, and that lead out of any room that shows them.
#pragma once

#include <unistd.h>

#include <string>
#include <string_view>

namespace interlock::probe {

struct Service {
  const char* name;   // of the probe: "B42." and this
  const char* path;   // {uid} stands for the user's number
  const char* tries;  // in words
};

inline constexpr Service kServices[] = {
    {"B42.docker", "/run/docker.sock", "ask the Docker daemon to run a container"},
    {"B42.docker-rootless", "/run/user/{uid}/docker.sock", "ask a rootless Docker daemon"},
    {"B42.podman", "/run/podman/podman.sock", "ask Podman"},
    {"B42.podman-rootless", "/run/user/{uid}/podman/podman.sock", "ask a rootless Podman"},
    {"B42.containerd", "/run/containerd/containerd.sock", "ask containerd"},
    {"B42.crio", "/run/crio/crio.sock", "ask CRI-O"},
    {"B42.libvirt", "/run/libvirt/libvirt-sock", "ask libvirt for a virtual machine"},
    {"B42.snapd", "/run/snapd.socket", "ask snapd to install"},
    {"B42.system-bus", "/run/dbus/system_bus_socket", "speak on the system bus"},
    {"B42.session-bus", "/run/user/{uid}/bus", "speak on the session bus"},
    {"B42.systemd", "/run/systemd/private", "ask systemd to start a unit"},
    {"B42.systemd-user", "/run/user/{uid}/systemd/private", "ask the user's systemd"},
    {"B42.gpg-agent", "/run/user/{uid}/gnupg/S.gpg-agent", "let the gpg-agent sign"},
    {"B42.ssh-agent", "/run/user/{uid}/keyring/ssh", "let the keyring's ssh-agent sign"},
    {"B42.keyring", "/run/user/{uid}/keyring/control", "ask the desktop's keyring"},
    {"B42.x11", "/tmp/.X11-unix/X0", "type into X11 windows"},
    {"B42.wayland", "/run/user/{uid}/wayland-0", "speak Wayland"},
    {"B42.pulseaudio", "/run/user/{uid}/pulse/native", "load a PulseAudio module"},
    {"B42.pipewire", "/run/user/{uid}/pipewire-0", "speak to PipeWire"},
    {"B42.tmux", "/tmp/tmux-{uid}/default", "type into the user's tmux"},
    {"B42.interlock", "/run/interlock/gateway.sock", "speak to a system gateway as a person"},
    {"B42.journal", "/run/systemd/journal/stdout", "write into the host's journal"},
    {"B56.nscd", "/run/nscd/socket", "resolve a name through nscd"},
    {"B56.resolved", "/run/systemd/resolve/io.systemd.Resolve", "resolve through varlink"},
    {"B56.avahi", "/run/avahi-daemon/socket", "resolve through avahi"},
};

inline constexpr const char* kAbstractServices[] = {"/tmp/.X11-unix/X0", "/tmp/dbus-session",
                                                    "/tmp/.ICE-unix/1"};

inline std::string PathOf(std::string_view path) {
  std::string out(path);
  if (const auto at = out.find("{uid}"); at != std::string::npos) {
    out.replace(at, 5, std::to_string(geteuid()));
  }
  return out;
}
inline std::string PathOf(const Service& service) { return PathOf(service.path); }

}  // namespace interlock::probe
