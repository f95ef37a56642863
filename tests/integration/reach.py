"""--reach and --publish: one service of this machine for one session, judged like everything; one port of a
room on this machine's loopback. As root and as a normal user."""
import contextlib
import os
import socket
import subprocess
import urllib.request

from fake_upstream import FakeUpstream
from harness import INTERLOCK, Skip, Stage, run_as_normal_user, shared
from wire import DEADLINE, wait_until

ALIAS = "host.interlock.internal"


def make_stage():
    s = Stage(railsim=False, names=("localhost",))
    s.work = s.dir / "work"
    s.work.mkdir()
    s.home = s.dir / "home"
    s.home.mkdir()
    return s


def stage():
    return shared(make_stage)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def need_rooms():
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")


def run(*words, **more):
    s = stage()
    return s.interlock("run", "--no-recovery-point", "--workspace", s.work, *words, cwd=s.work, env={"HOME": str(s.home)}, **more)


@contextlib.contextmanager
def room(*words, script):
    """A room whose script has begun; its launcher is ended afterwards."""
    s = stage()
    (s.work / "begun").unlink(missing_ok=True)
    process = subprocess.Popen([INTERLOCK, "--state", s.state, "--config", s.config, "run", "--no-recovery-point", "--workspace", s.work, *words,
                                "--", "sh", "-c", "touch begun; " + script], cwd=s.work, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**os.environ, "HOME": str(s.home)})
    try:
        wait_until(lambda: (s.work / "begun").exists() or process.poll() is not None, "the room")
        yield process
    finally:
        process.kill()
        process.communicate()


def started(session):
    return next(e for e in stage().ledger() if e["type"] == "session-start" and e["session"] == session.id)


# --- reach ---


def test_a_read_of_a_reached_service_passes_and_only_for_that_port_and_session():
    with FakeUpstream() as service, FakeUpstream() as other:
        with stage().session(reach=[f"localhost:{service.port}"]) as session, stage().session() as stranger:
            answer = session.absolute("GET", f"http://{ALIAS}:{service.port}/status")
            assert answer.status == 200 and answer.body == b"fine\n", answer
            assert service.requests[0].headers["host"] == f"{ALIAS}:{service.port}"
            assert session.absolute("GET", f"http://{ALIAS}:{other.port}/").status == 403
            assert session.absolute("GET", f"http://localhost:{service.port}/").status == 403
            assert session.absolute("GET", f"http://127.0.0.1:{service.port}/").status == 403
            assert stranger.absolute("GET", f"http://{ALIAS}:{service.port}/").status == 403
            assert len(service.requests) == 1 and other.connections == 0


def test_a_write_to_a_reached_service_is_held_and_executed_while_the_session_lives():
    s = stage()
    with FakeUpstream() as service:
        with s.session(reach=[f"127.0.0.1:{service.port}"]) as session:
            url = f"http://{ALIAS}:{service.port}/jobs"
            holds = [session.absolute("POST", url, {"Content-Type": "application/json"}, b'{"drop":%d}' % n).hold for n in (1, 2)]
            assert all(holds) and service.connections == 0
            done = s.approve(holds[0])
            assert done.status == 0 and [r.body for r in service.requests] == [b'{"drop":1}'], (done, service.requests)
        wait_until(lambda: session.id not in str(s.status()["sessions"]), "the session's end")
        done = s.approve(holds[1])
        assert done.status != 0 and len(service.requests) == 1, done


def test_tls_on_a_reached_service_is_taken_apart_and_its_certificate_verified():
    s = stage()
    with FakeUpstream(s.chain, s.chain_key) as service:
        with s.session(reach=[f"localhost:{service.port}"]) as session:
            answer = session.request("GET", f"{ALIAS}:{service.port}", "/", connection=session.tls(ALIAS, port=service.port))
            assert answer.status == 502 and b"certificate" in answer.body and not service.requests, answer
        with Stage(railsim=False, names=("localhost",), upstreams=[
                f'host: {ALIAS}, connect: "127.0.0.1:{service.port}", ca: {s.dir}/ca/ca.pem']) as trusting:
            with trusting.session(reach=[f"localhost:{service.port}"]) as session:
                answer = session.request("GET", f"{ALIAS}:{service.port}", "/", connection=session.tls(ALIAS, port=service.port))
                assert answer.status == 200 and answer.body == b"fine\n", answer


def test_what_is_neither_http_nor_tls_is_refused_with_a_reason_on_the_record():
    s = stage()
    with FakeUpstream() as service, s.session(reach=[f"localhost:{service.port}"]) as session:
        for said, name in ((b"\x00\x00\x00\x08\x04\xd2\x16\x2f", "PostgreSQL"), (b"*1\r\n$4\r\nPING\r\n", "Redis"), (b"\xff\xfe", "unknown")):
            with session.tunnel(ALIAS, service.port) as connection:
                connection.send(said)
                told = connection.rest()
            assert b"INTERLOCK DENIED d-" in told and name.encode() in told, told
        denied = [e for e in s.ledger() if e["type"] == "decision" and e.get("rule") == "protocol" and e["session"] == session.id]
        assert len(denied) == 3 and service.connections == 0, denied


def test_a_reach_is_in_the_status_and_in_the_ledger():
    s = stage()
    with s.session(reach=["localhost:5432", "db.lan:5432"]) as session:
        expected = [{"service": "localhost:5432", "inside": f"{ALIAS}:5432"}, {"service": "db.lan:5432", "inside": "db.lan:5432"}]
        shown = next(x for x in s.status()["sessions"] if x["session"] == session.id)
        assert shown["reach"] == expected and started(session)["reach"] == expected
        assert "reaches db.lan:5432" in s.must("status").out


def test_a_reach_that_makes_no_sense_is_a_usage_error_and_nothing_starts():
    before = len(stage().ledger())
    for value, why in (("db.lan", "no port"), ("db.lan:0", "1 to 65535"), ("db.lan:99999", "1 to 65535"), ("http://db.lan:80", "scheme"),
                       ("169.254.169.254:80", "link-local"), ("[fd00:ec2::254]:80", "metadata"), ("0.0.0.0:80", "this network"),
                       ("interlock.internal:80", "Interlock's own"), (f"{ALIAS}:80", "Interlock's own")):
        reply = run("--reach", value, "--", "echo", "ran")
        assert reply.status == 2 and why in reply.err and "HOST:PORT" in reply.err and not reply.out, (value, reply)
    assert len(stage().ledger()) == before


def test_no_reach_leads_to_the_gateway_or_into_another_session():
    s = stage()
    own = s.status()["gateway"]["proxy"].rpartition(":")[2]
    for value in (f"localhost:{own}", f"127.0.0.1:{own}", f"[::1]:{own}", f"127.1.2.3:{own}"):
        reply = run("--reach", value, "--", "echo", "ran")
        assert reply.status == 2 and "Interlock itself" in reply.err and not reply.out, (value, reply)
    # By a name, or by a session that publishes later, it shows when it is dialled.
    with FakeUpstream() as service:
        with s.session(reach=[f"localhost:{service.port}", f"{socket.gethostname()}:{own}"]) as session:
            with s.session(published=[service.port]):
                answer = session.absolute("GET", f"http://{ALIAS}:{service.port}/")
                assert answer.status == 502 and b"Interlock's own" in answer.body and service.connections == 0, answer
                assert run("--reach", f"localhost:{service.port}", "--", "true").status == 2
            answer = session.absolute("GET", f"http://{socket.gethostname().lower()}:{own}/")
            assert answer.status == 502, answer


def test_a_pack_that_knows_the_host_is_not_gone_round():
    reply = run("--reach", "api.anthropic.com:443", "--", "echo", "ran")
    assert reply.status == 2 and "model-apis" in reply.err and not reply.out, reply


def test_a_room_dials_a_reached_service_by_its_name():
    need_rooms()
    with FakeUpstream() as service:
        reply = run("--reach", f"localhost:{service.port}", "--", "curl", "-sS", "--max-time", "20", f"http://{ALIAS}:{service.port}/")
        assert reply.status == 0 and reply.out == "fine\n", reply
        assert f"localhost:{service.port}, inside as {ALIAS}:{service.port}" in reply.err
        reply = run("--quiet", "--reach", f"localhost:{service.port}", "--", "curl", "-sS", "--max-time", "20", f"http://localhost:{service.port}/")
        assert reply.status == 7, reply  # the room's own loopback is its own


# --- publish ---


def fetch(port, path="/"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE) as answer:
        return answer.read()


def listens(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE):
            return True
    except OSError:
        return False


SERVER = "exec /usr/bin/python3 -u -m http.server --bind {bind} 8000"


def fetched(port, path):
    try:
        return fetch(port, path)
    except OSError:
        return None


def test_a_published_port_shows_what_the_room_serves_and_ends_with_it():
    need_rooms()
    s = stage()
    (s.work / "page.txt").write_text("from the room\n" * 20000)
    for bind in ("127.0.0.1", "::1"):
        port = free_port()
        with room("--publish", f"{port}:8000", script=SERVER.format(bind=bind)):
            wait_until(lambda: fetched(port, "/page.txt") == b"from the room\n" * 20000, f"the page on {bind}")
            assert any(port in x["published"] for x in s.status()["sessions"])
            for address in ("127.0.0.2", "::1"):
                try:
                    socket.create_connection((address, port), timeout=DEADLINE).close()
                    raise AssertionError(f"it listens on {address} as well")
                except OSError:
                    pass
        assert not listens(port)


def test_a_port_where_nobody_listens_inside_is_closed_at_once():
    need_rooms()
    port = free_port()
    with room("--publish", f"{port}:8000", script="read -r x"):
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as connection:
            connection.settimeout(DEADLINE)
            try:
                assert connection.recv(1) == b""
            except ConnectionResetError:
                pass


def test_a_published_port_leads_nowhere_but_to_the_rooms_loopback():
    need_rooms()
    port = free_port()
    # What the room's own loopback does not serve, the same port of this machine's must not either.
    with FakeUpstream() as service, room("--publish", f"{port}:{service.port}", script="read -r x"):
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as connection:
            connection.settimeout(DEADLINE)
            try:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert connection.recv(1) == b""
            except (ConnectionResetError, BrokenPipeError):
                pass
        assert service.connections == 0


def test_a_taken_port_is_said_before_the_command_starts():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        before = len(stage().ledger())
        reply = run("--publish", str(port), "--", "echo", "ran")
        assert reply.status == 1 and str(port) in reply.err and "another program" in reply.err and not reply.out, reply
        assert len(stage().ledger()) == before


def test_a_port_that_makes_no_sense_is_a_usage_error():
    for value in ("", "0", "65536", "3000:", ":3000", "3000:0", "0.0.0.0:3000", "a", "1:2:3", "+1"):
        reply = run("--publish", value, "--", "echo", "ran")
        assert reply.status == 2 and "HOSTPORT:PORT" in reply.err and not reply.out, (value, reply)
    reply = run("--publish", "3000:1", "--publish", "3000:2", "--", "true")
    assert reply.status == 2 and "twice" in reply.err, reply


# --- as whom ---

AS_ANYBODY = ["test_a_room_dials_a_reached_service_by_its_name", "test_a_published_port_shows_what_the_room_serves_and_ends_with_it",
              "test_a_port_where_nobody_listens_inside_is_closed_at_once"]


def test_it_works_as_a_normal_user():
    need_rooms()
    run_as_normal_user("reach.py", AS_ANYBODY)
