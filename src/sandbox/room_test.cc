// What a program in a real room can and can't do. Each row is a claim: a program, and what it
// prints.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "sandbox/room_for_test.h"

namespace interlock::sandbox {
namespace {

constexpr char kPrelude[] = R"(
import ctypes, errno, os, signal, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def name(e): return errno.errorcode.get(e, str(e))
def call(*a):
    r = libc.syscall(*[ctypes.c_long(x) for x in a])
    return 'ok' if r >= 0 else name(ctypes.get_errno())
def attempt(f, *a):
    try: r = f(*a); return 'ok' if r is None or not isinstance(r, str) else r
    except OSError as e: return name(e.errno)
def sock(*a): return attempt(socket.socket, *a)
def dial(address, port, family=socket.AF_INET):
    s = socket.socket(family); s.connect((address, port)); return s.recv(100).decode()
def ask(address, port, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_DGRAM); s.connect((address, port)); s.send(b'?'); return s.recv(100).decode()
)";

struct Claim {
  const char* name;
  const char* program;  // Python after the prelude
  const char* expected;
};

constexpr Claim kClaims[] = {
    // What is there.
    {"home_is_empty", "print(os.listdir(os.environ['HOME']))", "[]"},
    {"home_is_writable", "open(os.environ['HOME'] + '/x', 'w').write('1'); print('ok')", "ok"},
    {"the_hosts_secrets_are_absent",
     "print([os.path.exists(p) for p in (os.environ['T_STATE'], os.environ['T_SECRET'], '/root', "
     "'/boot')])",
     "[False, False, False, False]"},
    {"the_state_is_not_beside_the_workspace", "print(sorted(os.listdir('..')))",
     "['home', 'workspace']"},
    {"run_is_empty", "print(os.listdir('/run'), os.path.realpath('/var/run'))", "[] /run"},
    {"sys_is_absent", "print(os.path.exists('/sys'))", "False"},
    {"dev_holds_only_harmless_nodes", "print(sorted(os.listdir('/dev')))",
     "['fd', 'full', 'null', 'ptmx', 'pts', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty', "
     "'urandom', "
     "'zero']"},
    {"other_processes_are_absent",
     "print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))", "[1, 2]"},
    {"password_files_are_absent",
     "print([attempt(open, p) for p in ('/etc/shadow', '/etc/gshadow', '/etc/sudoers')], "
     "[os.path.exists('/.interlock-etc/shadow') and open('/.interlock-etc/shadow').read()])",
     "['ENOENT', 'ENOENT', 'ENOENT'] ['']"},
    {"etc_serves_its_other_files",
     "import pwd; print(os.path.exists('/etc/passwd'), pwd.getpwuid(0).pw_name, "
     "open('/etc/resolv.conf').read())",
     "True root nameserver 127.0.0.1\n"},
    {"files_of_the_session_are_there_and_fixed",
     "p = '/etc/claude-code/managed-settings.json'; q = os.environ['HOME'] + '/.agent/rules'; "
     "print(open(p).read(), open(q).read(), attempt(os.chmod, p, 0o666), attempt(os.chmod, q, "
     "0o666), "
     "attempt(os.unlink, p), attempt(os.unlink, q))",
     "{} fixed EROFS EROFS EROFS EBUSY"},
    {"python_finds_the_authority_where_variables_say",
     "print([open(os.environ[v]).read().endswith('OURS\\n') for v in ('SSL_CERT_FILE', "
     "'NODE_EXTRA_CA_CERTS', "
     "'REQUESTS_CA_BUNDLE', 'GIT_SSL_CAINFO')])",
     "[True, True, True, True]"},
    {"secrets_of_the_callers_environment_stay_out",
     "print(sorted(k for k in os.environ if k.startswith(('LD_', 'AWS_S', 'GH_', 'SSH_', 'DBUS', "
     "'BASH'))), "
     "os.environ['T_PHANTOM'])",
     "[] phantom"},
    {"the_hostname_is_the_rooms", "print(socket.gethostname())", "interlock"},

    // What can be changed.
    {"the_workspace_can_be_written",
     "open('made', 'w').write('1'); os.mkdir('d'); os.rename('made', 'd/made'); "
     "print(os.listdir('d'))",
     "['made']"},
    {"the_workspaces_rules_cannot_be_changed",
     "print(attempt(open, 'interlock.yaml', 'a'), attempt(os.unlink, 'interlock.yaml'), "
     "attempt(os.rename, 'interlock.yaml', 'x'))",
     "EROFS EBUSY EBUSY"},
    {"the_system_cannot_be_written",
     "print([attempt(open, p + '/x', 'w') for p in ('/', '/usr', '/etc', '/.interlock', "
     "'/.interlock-etc', "
     "'/dev', '/run', '/var')])",
     "['EROFS', 'EROFS', 'EROFS', 'EROFS', 'EROFS', 'EROFS', 'EROFS', 'EROFS']"},
    {"the_authority_cannot_be_replaced",
     "print([attempt(os.chmod, p, 0o666) for p in ('/.interlock/ca.pem', '/etc/resolv.conf', "
     "'/etc/hosts')])",
     "['EROFS', 'EROFS', 'EROFS']"},
    {"the_hosts_devices_keep_their_modes", "print(attempt(os.chmod, '/dev/null', 0o600))", "EROFS"},
    {"kernel_settings_are_read_only",
     "print([attempt(open, '/proc/sys/' + p, 'w') for p in ('kernel/core_pattern', "
     "'kernel/pid_max', "
     "'user/max_user_namespaces', 'net/ipv4/ip_forward')], "
     "'ok' == attempt(open, '/proc/sysrq-trigger', 'w'))",
     "['EROFS', 'EROFS', 'EROFS', 'EROFS'] False"},
    {"tmp_is_writable",
     "open('/tmp/x', 'w'); open('/var/tmp/x', 'w'); open('/dev/shm/x', 'w'); print('ok')", "ok"},

    // Rights.
    {"there_are_no_capabilities",
     "print([l.split()[1] for l in open('/proc/self/status') if l.startswith('Cap')])",
     "['0000000000000000', '0000000000000000', '0000000000000000', '0000000000000000', "
     "'0000000000000000']"},
    {"no_new_privileges_and_a_filter",
     "print([l.split()[1] for l in open('/proc/self/status') if l.startswith(('NoNewPrivs', "
     "'Seccomp:'))])",
     "['1', '2']"},
    {"namespaces_do_not_nest",
     "print([name(ctypes.get_errno()) if libc.unshare(f) else 'ok' for f in "
     "(0x10000000, 0x20000, 0x40000000, 0x20000000, 0x80)], "
     "open('/proc/sys/user/max_user_namespaces').read())",
     "['EPERM', 'EPERM', 'EPERM', 'EPERM', 'EPERM'] 0\n"},
    {"threads_and_children_work",
     "import threading, subprocess; t = threading.Thread(target=lambda: print('thread')); "
     "t.start(); t.join(); "
     "print(subprocess.run(['sh', '-c', 'echo child'], capture_output=True, text=True).stdout)",
     "thread\nchild\n"},
    {"init_says_nothing_about_the_launcher",
     "print(open('/proc/1/cmdline').read().strip('\\0'), open('/proc/1/comm').read())",
     "interlock-init interlock-init\n"},
    {"init_cannot_be_looked_into",
     "print([attempt(open, '/proc/1/' + f) for f in ('environ', 'mem', 'maps')], "
     "[attempt(os.readlink, '/proc/1/' + f) for f in ('root', 'exe', 'cwd', 'fd/3', 'ns/net')])",
     "['EACCES', 'EACCES', 'EACCES'] ['EACCES', 'EACCES', 'EACCES', 'EACCES', 'EACCES']"},
    {"init_survives_its_children",
     "os.kill(1, signal.SIGKILL); os.kill(1, signal.SIGTERM); print('alive')", "alive"},

    // The network.
    {"every_ipv4_address_is_captured",
     "print([dial(*a) for a in (('93.184.216.34', 443), ('10.1.2.3', 5432), ('169.254.169.254', "
     "80), "
     "('198.18.0.7', 53), ('240.0.0.1', 65535))])",
     "['tcp 93.184.216.34 443', 'tcp 10.1.2.3 5432', 'tcp 169.254.169.254 80', 'tcp 198.18.0.7 "
     "53', "
     "'tcp 240.0.0.1 65535']"},
    {"every_ipv6_address_is_captured",
     "print([dial(a, 443, socket.AF_INET6) for a in ('2606:4700::1111', 'fd00:ec2::254', "
     "'::ffff:1.2.3.4')])",
     "['tcp 2606:4700::1111 443', 'tcp fd00:ec2::254 443', 'tcp 1.2.3.4 443']"},
    {"questions_to_any_resolver_are_captured",
     "print(ask('8.8.8.8', 53), ask('127.0.0.1', 53), ask('2001:4860:4860::8888', 53, "
     "socket.AF_INET6))",
     "udp 8.8.8.8 udp 127.0.0.1 udp 2001:4860:4860::8888"},
    {"other_datagrams_are_refused",
     "print([attempt(ask, '1.1.1.1', p) for p in (443, 123, 5353)], attempt(ask, "
     "'2606:4700::1111', 443, "
     "socket.AF_INET6))",
     "['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED'] ECONNREFUSED"},
    {"broadcast_and_multicast_lead_nowhere",
     "print(attempt(dial, '255.255.255.255', 80) == 'ok', attempt(dial, '224.0.0.1', 80) == 'ok')",
     "False False"},
    {"the_hosts_loopback_is_not_ours",
     "print(attempt(dial, '127.0.0.1', int(os.environ['T_HOST_PORT'])))", "ECONNREFUSED"},
    {"the_hosts_abstract_sockets_are_not_ours",
     "s = socket.socket(socket.AF_UNIX); print(attempt(s.connect, '\\0' + "
     "os.environ['T_ABSTRACT']))",
     "ECONNREFUSED"},
    {"servers_inside_can_be_reached_on_loopback",
     "l = socket.create_server(('127.0.0.1', 80)); c = socket.create_connection(('127.0.0.1', "
     "80)); "
     "l.accept()[0].send(b'own'); print(c.recv(9).decode())",
     "own"},
    {"the_capture_port_cannot_be_taken_over",
     "s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
     "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); print(attempt(s.bind, ('127.0.0.1', "
     "15001)))",
     "EADDRINUSE"},
    {"families_beyond_the_room_are_refused",
     "print('vsock', sock(40, 1), 'alg', sock(38, 5), 'packet', sock(17, 3), 'bluetooth', sock(31, "
     "3), "
     "'xdp', sock(44, 3))",
     "vsock EAFNOSUPPORT alg EAFNOSUPPORT packet EAFNOSUPPORT bluetooth EAFNOSUPPORT xdp "
     "EAFNOSUPPORT"},
    {"protocols_beyond_tcp_and_udp_are_refused",
     "print('raw', sock(2, 3, 255), 'raw6', sock(10, 3, 58), 'ping', sock(2, 2, 1), 'mptcp', "
     "sock(2, 1, 262), "
     "'sctp', sock(2, 1, 132))",
     "raw EPERM raw6 EPERM ping EPROTONOSUPPORT mptcp EPROTONOSUPPORT sctp EPROTONOSUPPORT"},
    {"netlink_tells_addresses_and_nothing_else",
     "print('route', sock(16, 3, 0), 'diag', sock(16, 3, 4), 'netfilter', sock(16, 3, 12), "
     "'uevent', sock(16, 2, 15))",
     "route ok diag EPROTONOSUPPORT netfilter EPROTONOSUPPORT uevent EPROTONOSUPPORT"},
    {"garbage_in_the_upper_half_changes_nothing",
     "print(call(int(os.environ['T_NR_socket']), 40 + (1 << 32), 1, 0), "
     "call(int(os.environ['T_NR_socket']), 2 + (1 << 32), 3, 255))",
     "EAFNOSUPPORT EPERM"},

    // Calls.
    {"kernel_interfaces_are_refused",
     "print([call(int(os.environ['T_NR_' + n]), 0, 0, 0, 0, 0) for n in ('bpf', 'perf_event_open', "
     "'keyctl', "
     "'add_key', 'init_module', 'kexec_load', 'syslog', 'fanotify_init')])",
     "['EPERM', 'EPERM', 'EPERM', 'EPERM', 'EPERM', 'EPERM', 'EPERM', 'EPERM']"},
    {"mounts_are_refused",
     "print([call(int(os.environ['T_NR_' + n]), 0, 0, 0, 0, 0) for n in ('mount', 'umount2', "
     "'pivot_root', "
     "'chroot', 'setns', 'open_by_handle_at')], [call(int(os.environ['T_NR_' + n]), 0, 0, 0, 0, 0) "
     "for n in "
     "('fsopen', 'fsmount', 'move_mount', 'open_tree', 'mount_setattr')])",
     "['EPERM', 'EPERM', 'EPERM', 'EPERM', 'EPERM', 'EPERM'] ['ENOSYS', 'ENOSYS', 'ENOSYS', "
     "'ENOSYS', "
     "'ENOSYS']"},
    {"ways_around_the_filter_look_absent",
     "print([call(n, 0, 0, 0, 0, 0) for n in (int(os.environ['T_NR_io_uring_setup']), "
     "int(os.environ['T_NR_userfaultfd']), int(os.environ['T_NR_clone3']), 467, 470, 600)])",
     "['ENOSYS', 'ENOSYS', 'ENOSYS', 'ENOSYS', 'ENOSYS', 'ENOSYS']"},
    {"init_cannot_be_traced",
     "print(call(int(os.environ['T_NR_ptrace']), 16, 1, 0, 0), "
     "call(int(os.environ['T_NR_ptrace']), 0x4206, 1, "
     "0, 0), call(int(os.environ['T_NR_process_vm_readv']), 1, 0, 0, 0, 0, 0))",
     "EPERM EPERM EPERM"},
    {"children_can_be_traced",
     "p = os.fork()\n"
     "if p == 0: signal.pause()\n"
     "print(call(int(os.environ['T_NR_ptrace']), 16, p, 0, 0)); os.kill(p, 9)",
     "ok"},
    {"the_terminal_cannot_be_typed_into",
     "import fcntl, pty; m, s = pty.openpty(); print(attempt(fcntl.ioctl, s, 0x5412, b'x'), "
     "attempt(fcntl.ioctl, s, 0x541C, b'\\3'), os.isatty(s))",
     "EPERM EPERM True"},
    // Threads count like processes, and are cheaper to make.
    {"a_fork_bomb_is_bounded",
     "import threading; threading.stack_size(32768); n = 0\n"
     "try:\n"
     "    while n < 600:\n"
     "        threading.Thread(target=signal.pause, daemon=True).start(); n += 1\n"
     "except RuntimeError: print(n < 400, attempt(os.fork), flush=True); os._exit(0)",
     "True EAGAIN"},
};

void AddCallNumbers(Request& request) {
  const std::pair<const char*, long> numbers[] = {
      {"bpf", SYS_bpf},
      {"perf_event_open", SYS_perf_event_open},
      {"keyctl", SYS_keyctl},
      {"add_key", SYS_add_key},
      {"init_module", SYS_init_module},
      {"kexec_load", SYS_kexec_load},
      {"syslog", SYS_syslog},
      {"fanotify_init", SYS_fanotify_init},
      {"mount", SYS_mount},
      {"umount2", SYS_umount2},
      {"pivot_root", SYS_pivot_root},
      {"chroot", SYS_chroot},
      {"setns", SYS_setns},
      {"open_by_handle_at", SYS_open_by_handle_at},
      {"fsopen", SYS_fsopen},
      {"fsmount", SYS_fsmount},
      {"move_mount", SYS_move_mount},
      {"open_tree", SYS_open_tree},
      {"mount_setattr", SYS_mount_setattr},
      {"io_uring_setup", SYS_io_uring_setup},
      {"userfaultfd", SYS_userfaultfd},
      {"clone3", SYS_clone3},
      {"ptrace", SYS_ptrace},
      {"process_vm_readv", SYS_process_vm_readv},
      {"socket", SYS_socket},
  };
  for (const auto& [name, number] : numbers) {
    request.variables.push_back({std::string("T_NR_") + name, std::to_string(number)});
  }
}

// A TCP service and an abstract socket of the host, which no room may reach.
class HostServices {
 public:
  HostServices() {
    tcp_ = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(tcp_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(tcp_.get(), 1);
    socklen_t size = sizeof address;
    getsockname(tcp_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = std::to_string(ntohs(address.sin_port));
    abstract = "ilk-test-" + std::to_string(getpid());
    unix_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path + 1, abstract.data(), abstract.size());
    bind(unix_.get(), reinterpret_cast<sockaddr*>(&name),
         static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + abstract.size()));
    listen(unix_.get(), 1);
  }
  std::string port;
  std::string abstract;

 private:
  UniqueFd tcp_, unix_;
};

class RoomTest : public testing::TestWithParam<std::tuple<Claim, As>> {};

TEST_P(RoomTest, Holds) {
  const auto& [claim, as] = GetParam();
  if (!Obstacle().empty()) GTEST_SKIP() << Obstacle();
  if (as == As::normal_user && geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const HostServices services;
  const TestHost host(as);
  Request request = host.For({"python3", "-c", std::string(kPrelude) + claim.program});
  request.processes_max = 400;
  request.ca_certificate = "OURS\n";
  request.files = {{"/etc/claude-code/managed-settings.json", "{}"},
                   {host.Path("home/.agent/rules"), "fixed"}};
  request.variables = {{"T_STATE", host.Path("state")},
                       {"T_SECRET", host.Path("home/secret")},
                       {"T_HOST_PORT", services.port},
                       {"T_ABSTRACT", services.abstract},
                       {"T_PHANTOM", "phantom"}};
  for (const char* name : {"LD_PRELOAD", "AWS_SECRET_ACCESS_KEY", "GH_TOKEN", "SSH_AUTH_SOCK",
                           "DBUS_SESSION_BUS_ADDRESS", "BASH_ENV"}) {
    request.caller_environment.push_back({name, "/x", Origin::caller});
  }
  AddCallNumbers(request);
  if (std::string_view(claim.name).starts_with("home_is_empty")) request.files.pop_back();
  const Ran ran = RunInRoom(host, request);
  EXPECT_EQ(ran.output, std::string(claim.expected) + "\n");
  EXPECT_EQ(ran.status, 0);
}

INSTANTIATE_TEST_SUITE_P(Table, RoomTest,
                         testing::Combine(testing::ValuesIn(kClaims),
                                          testing::Values(As::caller, As::normal_user)),
                         [](const auto& instance) {
                           return std::string(std::get<0>(instance.param).name) +
                                  (std::get<1>(instance.param) == As::caller ? "_as_caller"
                                                                             : "_as_normal_user");
                         });

}  // namespace
}  // namespace interlock::sandbox
