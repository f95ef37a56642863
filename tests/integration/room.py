"""`interlock run`: what an agent's command finds inside the room, as root and as a normal user."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from fake_upstream import FakeUpstream
from harness import API, INTERLOCK, PLAIN, Skip, Stage, run_as_normal_user, shared
from wire import DEADLINE, wait_until


def make_stage():
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")
    s = Stage()
    s.work = s.dir / "work"
    s.work.mkdir()
    s.home = s.dir / "home"
    s.home.mkdir()
    (s.home / "diary.txt").write_text("private\n")
    (s.work / "README").write_text("a project\n")
    return s


def stage():
    return shared(make_stage)


def room(*command, env=None, words=(), input=b"", timeout=40):
    """Runs a command in the room; what it printed and its status."""
    s = stage()
    return s.interlock("run", "--quiet", "--no-recovery-point", "--workspace", s.work, *words, "--", *command, input=input, cwd=s.work, timeout=timeout,
                       env={"HOME": str(s.home), **(env or {})})


def shell(script, **more):
    return room("sh", "-c", script, **more)


def python(script, **more):
    return room("/usr/bin/python3", "-c", script, **more)


def curl(document, header='project-access-token: $RAILWAY_TOKEN', more=""):
    body = json.dumps({"query": document}).replace("'", "'\\''")
    return f"""curl -sS --max-time 20 {more} https://{API}/graphql/v2 -H "{header}" -H 'content-type: application/json' --data '{body}'"""


def test_the_exit_status_passes_through():
    assert room("true").status == 0
    assert room("sh", "-c", "exit 7").status == 7
    assert room("sh", "-c", "kill -TERM $$").status == 128 + signal.SIGTERM


def test_a_program_that_is_not_there_is_said_so():
    reply = room("no-such-program")
    assert reply.status in (1, 127) and "no-such-program" in reply.err, reply


def test_stdin_and_stdout_pass_through():
    reply = room("tr", "a-z", "A-Z", input=b"hello\n")
    assert reply.out == "HELLO\n", reply


def test_a_read_through_the_room_gets_its_data():
    reply = shell(curl("{ projects { edges { node { name } } } }"))
    assert reply.status == 0 and "pocketos" in reply.out, reply


def test_a_deletion_through_the_room_is_held():
    s = stage()
    reply = shell(curl('mutation { volumeDelete(volumeId: "%s") }' % s.seed.volumes["pg-data"], more="-D -"))
    assert reply.status == 0 and "INTERLOCK HOLD h-" in reply.out, reply
    assert re.search(r"(?im)^interlock-hold: h-", reply.out), reply.out
    assert s.railsim.rows("pg-data", "production") == 48213 and s.railsim.requests("volumeDelete") == []


def test_a_foreign_token_through_the_room_is_denied_with_its_place():
    s = stage()
    (s.work / "old.sh").write_text("#!/bin/sh\nTOKEN=%s\n" % s.seed.tokens["domains-cli"])
    try:
        reply = shell(curl("{ me { id } }", header=f"authorization: Bearer {s.seed.tokens['domains-cli']}"))
        assert "INTERLOCK DENIED d-" in reply.out and "old.sh:2" in reply.out, reply
    finally:
        (s.work / "old.sh").unlink()


def test_proxy_variables_and_curl_options_change_nothing():
    reply = shell(f"env NO_PROXY='*' curl -sS --noproxy '*' --max-time 20 https://{PLAIN}/")
    assert reply.out == "fine\n", reply
    reply = shell(f"curl -sS --max-time 20 --resolve {PLAIN}:443:93.184.216.34 https://{PLAIN}/ -o /dev/null -w '%{{http_code}}' -k")
    assert reply.out != "200", reply


def test_the_gateways_own_host_answers_inside():
    s = stage()
    reply = shell(curl('mutation { volumeDelete(volumeId: "%s") }' % s.seed.volumes["uploads"]) +
                  " | grep -o 'h-[0-9a-z]*' | head -n 1 | { read id; curl -sS --max-time 20 http://interlock.internal/holds/$id; }")
    if "pending" not in reply.out:  # without a credential for production there may be nobody to ask
        assert reply.status == 0 and "error" in reply.out, reply
    reply = shell("curl -sS --max-time 20 -o /dev/null -w '%{http_code}' http://interlock.internal/holds/h-000000")
    assert reply.out == "404", reply


# --- what is in it ---


def test_the_environment_holds_phantoms_and_nothing_of_the_callers():
    s = stage()
    reply = room("env", env={"AWS_SECRET_ACCESS_KEY": "do-not-show", "SSH_AUTH_SOCK": "/tmp/agent", "RAILWAY_TOKEN": s.seed.tokens["staging-deploy"],
                             "LD_PRELOAD": "", "PYTHONPATH": "/tmp", "BASH_ENV": "/tmp/x", "TERM": "xterm", "LANG": "C.UTF-8"})
    variables = dict(line.split("=", 1) for line in reply.out.splitlines() if "=" in line)
    for name in ("AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "PYTHONPATH", "BASH_ENV", "LD_PRELOAD"):
        assert name not in variables, name
    assert variables["TERM"] == "xterm" and variables["LANG"] == "C.UTF-8"
    assert variables["INTERLOCK_SESSION"].startswith("s-")
    assert len(variables["RAILWAY_TOKEN"]) == 36
    assert not [t for t in s.seed.tokens.values() if t in reply.out]


def test_home_state_run_and_configuration_are_hidden():
    s = stage()
    reply = shell(f"ls -A {s.home}; cat {s.home}/diary.txt {s.state}/vault.key {s.state}/interlock.db {s.config} {s.key} 2>&1; ls -A /run; ls -A {s.dir}")
    assert "private" not in reply.out and "OPENSSH" not in reply.out and "upstreams" not in reply.out
    assert reply.out.count("No such file") + reply.out.count("Permission denied") >= 5, reply.out
    listed = reply.out.splitlines()[-3:]
    assert not {"state", "alice", "interlock.yaml", "ca", "railway"} & set(listed), listed
    assert "gateway.sock" not in reply.out and "docker.sock" not in reply.out


def test_the_workspace_is_there_and_writable():
    s = stage()
    reply = shell("cat README; echo made > new.txt; pwd")
    assert reply.out == f"a project\n{s.work}\n", reply
    assert (s.work / "new.txt").read_text() == "made\n"
    assert (s.work / "new.txt").stat().st_uid == os.geteuid()


def test_other_processes_cannot_be_seen():
    s = stage()
    reply = shell("ls /proc | grep -c '^[0-9]'; echo $$; ls /proc")
    lines = reply.out.split()
    assert int(lines[0]) < 8 and int(lines[1]) < 100, lines
    assert str(s.note_gateway()) not in lines[2:]


def test_what_a_room_starts_ends_with_it():
    mark = f"98765.{os.getpid()}"
    started = time.monotonic()
    reply = shell(f"sleep {mark} & (setsid sleep {mark} & ) ; nohup setsid sh -c 'sleep {mark} & sleep {mark}' >/dev/null 2>&1 & exit 0")
    assert reply.status == 0 and time.monotonic() - started < DEADLINE

    def gone():
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if mark.encode() in path.read_bytes():
                    return False
            except OSError:
                pass
        return True

    wait_until(gone, "the end of what the room started")


def test_the_session_ends_with_the_room():
    s = stage()
    reply = room("sh", "-c", "echo $INTERLOCK_SESSION")
    session = reply.out.strip()
    wait_until(lambda: session not in [x["session"] for x in s.status()["sessions"]], "the session's end")
    assert any(e["type"] == "session-end" and e["session"] == session for e in s.ledger())


# --- its one exit ---


def test_a_service_of_the_host_cannot_be_reached():
    with FakeUpstream() as fake:
        reply = shell(f"curl -sS --max-time 5 http://127.0.0.1:{fake.port}/; curl -sS --max-time 5 http://localhost:{fake.port}/; "
                      f"curl -sS --max-time 5 'http://[::1]:{fake.port}/'; curl -sS --max-time 5 http://0.0.0.0:{fake.port}/; echo done")
        assert "done" in reply.out and "fine" not in reply.out, reply
        assert fake.connections == 0
    proxy = stage().status()["gateway"]["proxy"]
    reply = shell(f"curl -sS --max-time 5 -x http://{proxy} https://{PLAIN}/; echo $?")
    assert reply.out.strip() != "0", reply


def test_the_address_of_the_host_cannot_be_reached():
    addresses = [a[4][0] for a in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
                 if not a[4][0].startswith("127.")]
    if not addresses:
        raise Skip("this machine has no address but loopback")
    with socket.create_server((addresses[0], 0)) as listener:
        reply = shell(f"curl -sS --max-time 10 -o /dev/null -w '%{{http_code}}' http://{addresses[0]}:{listener.getsockname()[1]}/")
        assert reply.out in ("403", "502", "000"), reply
        listener.settimeout(0.2)
        try:
            listener.accept()
            raise AssertionError("the host was reached")
        except TimeoutError:
            pass


def test_a_dial_by_address_is_refused_with_a_reason():
    for url in ("http://1.2.3.4/", "http://169.254.169.254/latest/meta-data/", "http://[2606:4700::1111]/", "http://1.2.3.4:8080/"):
        reply = shell(f"curl -sS --max-time 10 '{url}'")
        assert "INTERLOCK DENIED" in reply.out, (url, reply)
    reply = shell("curl -sSk --max-time 10 https://1.2.3.4/")
    assert "INTERLOCK DENIED" in reply.out and "1.2.3.4" in reply.out, reply


def test_a_host_outside_egress_is_refused_with_a_reason():
    reply = shell("curl -sS --max-time 10 https://evil.example/x")
    assert "INTERLOCK DENIED" in reply.out and "evil.example" in reply.out, reply


def test_every_name_has_an_invented_address():
    reply = python("import socket\n"
                   "for n in ('backboard.railway.com', 'a.b.c.exfiltrated-data.evil.example', 'plain.test'):\n"
                   "    print(socket.gethostbyname(n))\n"
                   "print(socket.gethostbyname('plain.test') == socket.gethostbyname('PLAIN.test'))")
    lines = reply.out.split()
    assert len(lines) == 4, reply
    for address in lines[:3]:
        a, b, *_ = map(int, address.split("."))
        assert a == 198 and b in (18, 19), address
    assert len(set(lines[:3])) == 3 and lines[3] == "True"


QUERY = ("import socket, struct\n"
         "q = struct.pack('>HHHHHH', 7, 0x100, 1, 0, 0, 0) + b'\\x04evil\\x07example\\x00' + struct.pack('>HH', 1, 1)\n")


def test_any_resolver_is_ours():
    reply = python(QUERY + "for server in ('8.8.8.8', '9.9.9.9'):\n"
                   "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10)\n"
                   "    s.sendto(q, (server, 53)); a, who = s.recvfrom(512)\n"
                   "    print(who[0] == server, a[:2] == q[:2], a[-4], a[-3] in (18, 19))\n")
    assert reply.out.splitlines() == ["True True 198 True"] * 2, reply
    reply = python(QUERY + "s = socket.create_connection(('8.8.8.8', 53), 10); s.sendall(struct.pack('>H', len(q)) + q)\n"
                   "n = struct.unpack('>H', s.recv(2))[0]; a = s.recv(n); print(a[-4], a[-3] in (18, 19))\n")
    assert reply.out.strip() == "198 True", reply


def test_other_datagrams_go_nowhere():
    reply = python("import socket\n"
                   "for port in (443, 123, 5353):\n"
                   "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.5)\n"
                   "    try:\n        s.sendto(b'x', ('8.8.8.8', port)); s.recvfrom(512); print('answered')\n"
                   "    except OSError as e:\n        print('nothing')\n")
    assert reply.out.split() == ["nothing"] * 3, reply


def test_quic_is_refused_at_once():
    reply = python("import socket\n"
                   "for family, address in ((socket.AF_INET, '8.8.8.8'), (socket.AF_INET6, '2606:4700::1111')):\n"
                   "    s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(20); s.connect((address, 443))\n"
                   "    try:\n        s.send(b'x' * 1200); s.recv(512); print('answered')\n"
                   "    except ConnectionRefusedError:\n        print('refused')\n")
    assert reply.out.split() == ["refused"] * 2, reply


def test_a_protocol_that_is_not_http_gets_nowhere():
    reply = python("import socket\n"
                   "s = socket.create_connection(('plain.test', 22), 10); s.settimeout(25); s.sendall(b'SSH-2.0-x\\r\\n')\n"
                   "print(s.recv(4096)[:12])\n")
    assert "SSH-2.0-Inte" in reply.out, reply


def test_the_admin_socket_cannot_be_reached():
    s = stage()
    reply = python("import os, socket\n"
                   f"print(os.path.exists({str(s.state)!r}), os.path.exists('/run/interlock'))\n"
                   f"for where in ({str(s.state / 'gateway.sock')!r}, '/proc/1/root{s.state}/gateway.sock', '/run/interlock/gateway.sock'):\n"
                   "    try:\n        socket.socket(socket.AF_UNIX).connect(where); print('connected')\n"
                   "    except OSError as e:\n        print('refused')\n")
    assert reply.out.split() == ["False", "False"] + ["refused"] * 3, reply


def test_abstract_sockets_of_the_host_cannot_be_reached():
    name = f"\0interlock-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        reply = python(f"import socket\ntry:\n    socket.socket(socket.AF_UNIX).connect({name!r}); print('connected')\nexcept OSError: print('refused')\n")
        assert reply.out.strip() == "refused", reply


def test_descriptors_of_the_caller_do_not_enter():
    s = stage()
    secret = os.open(s.key, os.O_RDONLY)
    try:
        os.set_inheritable(secret, True)
        done = subprocess.run([INTERLOCK, "--state", s.state, "--config", s.config, "run", "--quiet", "--workspace", s.work, "--", "sh", "-c",
                               f"cat <&{secret} 2>/dev/null; ls /proc/self/fd"], cwd=s.work, capture_output=True, pass_fds=[secret], check=False,
                              env={**os.environ, "HOME": str(s.home)}, timeout=40)
        assert b"OPENSSH" not in done.stdout, done
    finally:
        os.close(secret)


def test_privileges_cannot_be_regained():
    reply = shell("unshare -rm mount -t tmpfs x /mnt 2>/dev/null && echo mounted; grep NoNewPrivs /proc/self/status; mount -t tmpfs x /mnt 2>/dev/null && echo mounted; true")
    assert "mounted" not in reply.out and re.search(r"NoNewPrivs:\s+1", reply.out), reply


# --- the command itself ---


def test_json_says_one_line_about_the_session():
    s = stage()
    reply = s.interlock("--json", "run", "--workspace", s.work, "--", "true", cwd=s.work, env={"HOME": str(s.home)})
    lines = reply.err.strip().splitlines()
    assert len(lines) == 1, reply
    said = json.loads(lines[0])
    assert said["environment"] == "staging" and said["session"].startswith("s-")


def test_another_environment_can_be_lent_and_an_unknown_one_is_refused():
    assert room("true", words=("--env", "production")).status == 0
    reply = room("true", words=("--env", "nowhere"))
    assert reply.status == 1 and "nowhere" in reply.err, reply


def test_a_workspace_that_holds_the_state_or_the_programs_is_refused():
    s = stage()
    for workspace in (s.dir, s.state, s.home, "/", "/usr", INTERLOCK.parent):
        before = len(s.must("ledger", "export").out.splitlines())
        reply = s.interlock("run", "--workspace", workspace, "--", "echo", "ran", cwd=s.dir, env={"HOME": str(s.home)})
        assert reply.status in (1, 4) and "ran" not in reply.out and reply.err, (workspace, reply)
        assert len(reply.err.strip().splitlines()) == 1, reply.err
        assert len(s.must("ledger", "export").out.splitlines()) == before, "a session was started"


def test_the_plan_can_be_printed_without_building_anything():
    s = stage()
    reply = s.interlock("run", "--print-plan", "--workspace", s.work, "--", "true", cwd=s.work, env={"HOME": str(s.home)})
    plan = reply.json
    assert reply.status == 0 and "network" in json.dumps(plan["namespaces"]) or "net" in json.dumps(plan["namespaces"]), plan.keys()
    assert not [t for t in s.seed.tokens.values() if t in reply.out]


def test_a_gateway_killed_within_a_session_ends_it_with_a_clear_word():
    with Stage() as s:
        work = s.dir / "work"
        work.mkdir()
        home = s.dir / "home"
        home.mkdir()
        script = (f"{curl('{ projects { edges { node { name } } } }')} && touch ready; while [ ! -e go ]; do sleep 0.05; done; "
                  f"curl -sS --max-time 5 https://{PLAIN}/; exit 3")
        with subprocess.Popen([INTERLOCK, "--state", s.state, "--config", s.config, "run", "--quiet", "--workspace", work, "--", "sh", "-c", script],
                              cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "HOME": str(home)}) as process:
            try:
                wait_until(lambda: (work / "ready").exists(), "the room")
                s.kill_gateway()
                (work / "go").write_text("")
                out, err = process.communicate(timeout=DEADLINE * 2)
            finally:
                process.kill()
        assert b"fine" not in out
        assert process.returncode != 0 and b"gateway went away" in err, (process.returncode, out, err)


# --- as whom ---

AS_ANYBODY = ["test_the_exit_status_passes_through", "test_a_read_through_the_room_gets_its_data", "test_a_deletion_through_the_room_is_held",
              "test_home_state_run_and_configuration_are_hidden", "test_a_service_of_the_host_cannot_be_reached",
              "test_every_name_has_an_invented_address", "test_the_admin_socket_cannot_be_reached", "test_the_workspace_is_there_and_writable"]


def test_it_works_as_a_normal_user():
    run_as_normal_user("room.py", AS_ANYBODY)
