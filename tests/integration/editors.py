"""`interlock run --ssh` and `interlock attach` with Debian's ssh and sshd: what an editor's Remote-SSH needs, and
nothing that leads out of the room. As root and as a normal user."""
import contextlib
import json
import os
import pty
import re
import select
import shutil
import socket
import stat
import subprocess

from harness import INTERLOCK, Skip, Stage, run_as_normal_user, shared
from wire import DEADLINE, wait_until

SSHD = "/usr/sbin/sshd"


def make_stage():
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")
    if not os.access(SSHD, os.X_OK):
        raise Skip("no sshd: apt install openssh-server")
    if shutil.which("ssh") is None:
        raise Skip("no ssh: apt install openssh-client")
    s = Stage(railsim=False)
    s.home = s.dir / "home"
    s.home.mkdir()
    s.count = 0
    return s


def stage():
    return shared(make_stage)


class Room:
    """A session with --ssh, and ssh as somebody outside would call it."""

    def __init__(self, *command, s=None):
        self.stage = s or stage()
        self.stage.count += 1
        self.work = self.stage.dir / f"work-{self.stage.count}"
        self.work.mkdir()
        self.process = subprocess.Popen([INTERLOCK, "--json", "--state", self.stage.state, "--config", self.stage.config, "run", "--no-recovery-point",
                                         "--workspace", self.work, "--ssh", *(["--", *command] if command else [])], cwd=self.work,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, "HOME": str(self.stage.home)})
        line = self.process.stderr.readline()
        if not line.startswith(b"{"):
            raise AssertionError(line + self.process.communicate()[1])
        said = json.loads(line)
        self.id = said["session"]
        self.host = f"interlock-{self.id}"
        self.files = {name: self.stage.state / "ssh" / f"{self.id}.{name}" for name in ("config", "key", "known_hosts", "sock")}
        assert said["ssh"] == {"host": self.host, "config": str(self.files["config"])}, said

    def ssh(self, *words, options=(), **more):
        more.setdefault("input", b"")
        return subprocess.run(self.words(*words, options=options), capture_output=True, check=False, timeout=60, **more)

    def words(self, *words, options=(), program="ssh", config=None):
        return [program, "-F", str(config or self.files["config"]), *options, *([self.host] if program == "ssh" else []), *map(str, words)]

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.communicate(timeout=DEADLINE)
        self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def output(done):
    assert done.returncode == 0, done
    return done.stdout.decode()


def test_a_command_runs_in_the_room_with_its_status_its_variables_and_no_privilege():
    with Room() as room:
        assert room.ssh("exit 7").returncode == 7
        script = "echo $INTERLOCK_SESSION; echo $SSL_CERT_FILE; cat; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; cat /proc/1/cmdline"
        said = output(room.ssh(script, input=b"in\n"))
        assert said.startswith(f"{room.id}\n/.interlock/ca-bundle.pem\nin\n"), said
        assert set(re.findall(r"Cap\w+:\s+(\w+)", said)) == {"0" * 16} and re.search(r"NoNewPrivs:\s+1", said), said
        assert re.search(r"Seccomp:\s+2", said) and "interlock-init" in said, said


def test_files_are_written_into_the_workspace_by_ssh_scp_and_sftp():
    with Room() as room:
        output(room.ssh(f"echo shell > '{room.work}/a'"))
        source = room.stage.dir / "source"
        source.write_text("copied\n")
        done = subprocess.run(room.words(source, f"{room.host}:{room.work}/b", program="scp"), capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done
        done = subprocess.run(room.words("-b", "-", room.host, program="sftp"), input=f"put {source} {room.work}/c\n".encode(), capture_output=True,
                              check=False, timeout=60)
        assert done.returncode == 0, done
        assert [(room.work / name).read_text() for name in "abc"] == ["shell\n", "copied\n", "copied\n"]
        assert {os.stat(room.work / name).st_uid for name in "abc"} == {os.geteuid()}


def test_a_terminal_is_one():
    with Room() as room:
        pid, fd = pty.fork()
        if pid == 0:
            words = room.words("tty; stty size; echo done", options=["-tt"])
            os.execvp(words[0], words)
        seen = b""
        try:
            while b"done" not in seen:
                ready, _, _ = select.select([fd], [], [], DEADLINE)
                assert ready, seen
                seen += os.read(fd, 4096)
        finally:
            os.close(fd)
            os.waitpid(pid, 0)
        assert re.search(rb"/dev/pts/\d+", seen), seen


def test_several_attach_at_the_same_time():
    with Room() as room:
        first = subprocess.Popen(room.words("echo first; cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            assert first.stdout.readline() == b"first\n"
            assert output(room.ssh("echo second")) == "second\n"
            out, _ = first.communicate(b"still here\n", timeout=DEADLINE)
            assert out == b"still here\n" and first.returncode == 0
        finally:
            first.kill()
            first.communicate()
        attached = [e for e in room.stage.ledger() if e["type"] == "session-attach" and e["session"] == room.id]
        assert len(attached) == 2, attached


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_a_local_forward_ends_in_the_room_and_a_remote_one_is_refused():
    with Room("/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "8000") as room, socket.create_server(("127.0.0.1", 0)) as of_the_host:
        host_port = of_the_host.getsockname()[1]
        (room.work / "page").write_text("served inside\n")
        port, stray = free_port(), free_port()
        forward = subprocess.Popen(room.words("-N", options=["-L", f"{port}:127.0.0.1:8000", "-L", f"{stray}:127.0.0.1:{host_port}"]),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def get(at):
            try:
                with socket.create_connection(("127.0.0.1", at), timeout=DEADLINE) as connection:
                    connection.sendall(b"GET /page HTTP/1.0\r\n\r\n")
                    return connection.makefile("rb").read()
            except OSError:
                return b""

        try:
            wait_until(lambda: b"served inside" in get(port), "the page")
            assert get(stray) == b""  # the room's loopback, not this machine's
            of_the_host.setblocking(False)
            try:
                of_the_host.accept()
                raise AssertionError("a service of this machine was reached")
            except BlockingIOError:
                pass
        finally:
            forward.kill()
            forward.communicate()
        done = room.ssh("true", options=["-R", f"0:127.0.0.1:{host_port}", "-o", "ExitOnForwardFailure=yes"])
        assert done.returncode != 0 and b"remote port forwarding failed" in done.stderr, done


def test_the_users_agent_keys_and_display_stay_outside():
    with Room() as room:
        agent = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
        variables = dict(re.findall(r"(SSH_\w+)=([^;]+);", agent))
        try:
            done = room.ssh("env; ls -A ~/.ssh 2>/dev/null; ls /tmp", options=["-A", "-X", "-o", "SendEnv=SECRET_*"],
                            env={**os.environ, **variables, "SECRET_THING": "do-not-show", "DISPLAY": ":0"})
            said = output(done)
            assert "SSH_AUTH_SOCK" not in said and "DISPLAY" not in said and "do-not-show" not in said and "id_" not in said, said
        finally:
            os.kill(int(variables["SSH_AGENT_PID"]), 15)


def test_a_key_opens_its_own_session_alone():
    with Room() as one, Room() as other:
        assert output(one.ssh("echo in")) == "in\n"
        done = one.ssh("echo in", options=["-o", f"ProxyCommand={INTERLOCK} --state {one.stage.state} attach {other.id}",
                                           "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
        assert done.returncode == 255 and b"Permission denied" in done.stderr, done
        # And the other room is not taken for the one.
        done = one.ssh("echo in", options=["-o", f"ProxyCommand={INTERLOCK} --state {one.stage.state} attach {other.id}"])
        assert done.returncode == 255 and b"IDENTIFICATION HAS CHANGED" in done.stderr, done


def test_what_a_client_needs_is_private_and_goes_with_the_session():
    with Room() as room:
        for name, path in room.files.items():
            mode = os.lstat(path)
            assert stat.S_IMODE(mode.st_mode) == 0o600 and mode.st_uid == os.geteuid(), (name, oct(mode.st_mode))
        assert stat.S_IMODE(os.stat(room.files["config"].parent).st_mode) == 0o700
        including = room.stage.dir / "ssh_config"
        including.write_text(f'Include "{room.files["config"].parent}/*.config"\n')
        done = subprocess.run(room.words("echo included", config=including), capture_output=True, check=False, timeout=60, input=b"")
        assert output(done) == "included\n"
        held = subprocess.Popen(room.words("echo here; cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert held.stdout.readline() == b"here\n"
        room.end()
        held.communicate(timeout=DEADLINE)
        assert held.returncode == 255
        assert not [path for path in room.files.values() if path.exists()]
        done = room.stage.interlock("attach", room.id)
        assert done.status == 1 and "no session" in done.err, done


def test_what_a_killed_launcher_left_is_taken_away_by_the_next():
    with Room() as lost:
        lost.process.kill()
        lost.process.wait()
        assert lost.files["key"].exists()
        with Room() as room:
            assert not [path for path in lost.files.values() if path.exists()] and room.files["key"].exists()


def test_the_agent_reaches_neither_the_socket_nor_the_client_s_key():
    with Room() as room:
        state = room.stage.state
        said = output(room.ssh(f"ls '{state}' '{state}/ssh' 2>&1; cat '{room.files['key']}' 2>&1; find / -xdev -name '*.sock' 2>/dev/null; true"))
        assert "PRIVATE KEY" not in said and ".sock" not in said.replace(str(state), ""), said
        # What is in the room for the server can be read there and changed by nobody.
        said = output(room.ssh("for f in /.interlock/ssh/*; do echo x >> $f && echo changed; done 2>/dev/null; rm -f /.interlock/ssh/authorized_keys; ls /.interlock/ssh"))
        assert "changed" not in said and "authorized_keys" in said, said


def test_attach_is_refused_inside_without_ssh_and_for_nonsense():
    with Room() as room:
        done = room.ssh(f"'{INTERLOCK}' attach {room.id} 2>&1")
        assert done.returncode != 0 and output_or(done, "room"), done
        s = room.stage
        with s.session() as plain:
            reply = s.interlock("attach", plain.id)
            assert reply.status == 4 and "--ssh" in reply.err, reply
        for name in ("../../etc/passwd", "s-A", "s-" + "a" * 100, "x"):
            reply = s.interlock("attach", name)
            assert reply.status == 2 and not reply.out, (name, reply)
        assert s.interlock("attach", "s-0000000000").status == 1


def output_or(done, word):
    # The build may lie where the room does not show it; then there is no such program inside.
    return word.encode() in done.stdout or b"not found" in done.stdout or b"No such file" in done.stdout


def test_a_password_opens_nothing():
    with Room() as room:
        done = room.ssh("true", options=["-v", "-o", "PreferredAuthentications=password,keyboard-interactive", "-o", "BatchMode=no"])
        assert done.returncode == 255 and b"Permission denied (publickey)" in done.stderr, done


def test_the_command_beside_it_ends_the_session():
    with Room("sh", "-c", "read -r line; exit 5") as room:
        assert output(room.ssh("echo in")) == "in\n"
        room.process.stdin.write(b"\n")
        room.process.stdin.flush()
        assert room.process.wait(timeout=DEADLINE) == 5


def test_without_a_server_it_says_what_to_install():
    s = stage()
    work = s.dir / "no-server"
    work.mkdir(exist_ok=True)
    hidden = f"mount --bind /dev/null {SSHD} && exec \"$@\""
    if os.geteuid() != 0:
        raise Skip("only root can hide the server")
    done = subprocess.run(["unshare", "-m", "sh", "-c", hidden, "sh", INTERLOCK, "--state", s.state, "--config", s.config, "run", "--workspace", work,
                           "--ssh", "--", "echo", "ran"], cwd=work, capture_output=True, check=False, timeout=60,
                          env={**os.environ, "HOME": str(s.home)})
    assert done.returncode == 1 and b"apt install openssh-server" in done.stderr and not done.stdout, done


# --- as whom ---

AS_ANYBODY = ["test_a_command_runs_in_the_room_with_its_status_its_variables_and_no_privilege",
              "test_files_are_written_into_the_workspace_by_ssh_scp_and_sftp", "test_a_terminal_is_one",
              "test_a_local_forward_ends_in_the_room_and_a_remote_one_is_refused", "test_a_key_opens_its_own_session_alone",
              "test_what_a_client_needs_is_private_and_goes_with_the_session"]


def test_it_works_as_a_normal_user():
    stage()
    run_as_normal_user("editors.py", AS_ANYBODY)
