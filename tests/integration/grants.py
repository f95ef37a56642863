"""`interlock grant`: a host outside `egress`, opened to one session by a human's signature and for a while."""
import json
import os
import pty
import re
import socket
import subprocess
import sys
import threading

from harness import API, HERE, INTERLOCK, PLAIN, Skip, Stage, control, every, shared
from wire import Ended, request_bytes, wait_until

PUBLIC = os.environ.get("INTERLOCK_TEST_PUBLIC")  # in a network of its own: an address of this machine that is public
OUTSIDE = "outside.plain.test"  # `upstreams` knows where it is; no egress names it
STRANGER = "files.example.com"  # nobody knows it


def make_stage():
    return Stage(egress=(), upstreams=('host: "*.plain.test", connect: "{plain}", ca: ca/ca.pem',))


def stage():
    return shared(make_stage)


def ask(s, session, place, *words, seconds="30m"):
    return s.interlock("grant", place, "--session", session.id, "--for", seconds, "--json", *words)


def asked(s, session, place, *words, **more):
    reply = ask(s, session, place, *words, **more)
    assert reply.status == 3, reply
    return reply.json["hold"]


def opened(s, session, place, *words, **more):
    hold = asked(s, session, place, *words, **more)
    reply = s.approve(hold)
    assert reply.status == 0 and reply.json["state"] == "executed", reply
    return hold


def entries(s, kind, grant):
    return [e for e in s.ledger() if e["type"] == kind and grant in (e.get("grant"), e.get("hold"))]


def grants_of(s, session):
    return next(x for x in s.status()["sessions"] if x["session"] == session.id)["grants"]


# --- http ---


def test_a_denied_host_opens_with_a_signature_and_closes_by_a_word():
    s = stage()
    with s.session() as session:
        denied = session.get(OUTSIDE)
        assert denied.status == 403 and f"interlock grant {OUTSIDE} --session {session.id} --for 30m" in denied.text, denied
        hold = asked(s, session, OUTSIDE, "--reason", "a mirror")
        assert session.get(OUTSIDE).status == 403, "asking opened it"
        shown = s.must("show", hold).out
        assert OUTSIDE in shown and "a mirror" in shown and "interlock.grant" in shown, shown
        assert s.approve(hold).json["state"] == "executed"
        assert session.get(OUTSIDE).status == 200
        assert [g["host"] for g in grants_of(s, session)] == [OUTSIDE]
        assert f"grant-{hold}" in [w["name"] for w in s.status()["weaknesses"]]
        assert s.must("grant", "--revoke", hold, "--json").json["state"] == "revoked"
        assert session.get(OUTSIDE).status == 403
        assert grants_of(s, session) == [] and f"grant-{hold}" not in [w["name"] for w in s.status()["weaknesses"]]
        assert [e["why"] for e in entries(s, "grant-end", hold)] == ["revoked"]


def test_it_is_on_the_record_before_it_takes_effect():
    s = stage()
    with s.session() as session:
        hold = opened(s, session, OUTSIDE)
        kinds = [e["type"] for e in s.ledger() if hold in (e.get("hold"), e.get("grant"))]
        assert kinds == ["hold", "approval", "intent", "grant", "outcome"], kinds
        grant = entries(s, "grant", hold)[0]
        assert (grant["session"], grant["host"], grant["protocol"]) == (session.id, OUTSIDE, "http"), grant


def test_what_it_opens_is_one_host_for_one_session():
    s = stage()
    with s.session() as session, s.session() as other:
        opened(s, session, OUTSIDE)
        assert session.get(OUTSIDE).status == 200
        assert session.get("other.plain.test").status == 403 and session.get(PLAIN).status == 403
        assert session.request("GET", OUTSIDE, "/", {}, connection=session.tls(OUTSIDE, port=8443)).status in (403, 421)
        assert other.get(OUTSIDE).status == 403


def test_what_passes_is_judged_like_everything():
    s = stage()
    with s.session() as session:
        opened(s, session, OUTSIDE)
        before = len(s.plain.requests)
        assert session.request("DELETE", OUTSIDE, "/volumes/1").hold, "an unknown effect is held"
        assert session.absolute("GET", f"http://{OUTSIDE}/").status == 403, "cleartext to a guarded host"
        assert len(s.plain.requests) == before


def test_no_credential_goes_there():
    s = stage()
    with s.session() as session:
        opened(s, session, OUTSIDE)
        before = len(s.plain.requests)
        for headers in ({"project-access-token": session.phantom}, {"authorization": f"Bearer {session.phantom}"},
                        {"authorization": f"Bearer {s.seed.tokens['domains-cli']}"}, {"x-anything": s.seed.tokens["staging-deploy"]}):
            answer = session.get(OUTSIDE, headers=headers)
            assert answer.status == 403 and answer.denied, (headers, answer)
        assert len(s.plain.requests) == before
        assert not s.find_secrets([s.seed.tokens["staging-deploy"]], b"".join(session.received))


def test_it_ends_by_the_gateways_clock():
    s = stage()
    with s.session() as session:
        hold = opened(s, session, OUTSIDE, seconds="2s")
        assert session.get(OUTSIDE).status == 200
        wait_until(lambda: entries(s, "grant-end", hold), "the grant's end")
        assert session.get(OUTSIDE).status == 403
        assert [e["why"] for e in entries(s, "grant-end", hold)] == ["expired"]
        assert grants_of(s, session) == []


def test_it_ends_with_its_session():
    s = stage()
    with s.session() as session:
        hold = opened(s, session, OUTSIDE)
    wait_until(lambda: entries(s, "grant-end", hold), "the grant's end")
    assert [e["why"] for e in entries(s, "grant-end", hold)] == ["session-end"]
    with s.session() as other:
        assert other.get(OUTSIDE).status == 403


def test_a_gateway_that_was_killed_opens_nothing_again():
    with make_stage() as s:
        with s.session() as session:
            hold = opened(s, session, OUTSIDE)
            waiting = asked(s, session, OUTSIDE, seconds="20m")
            s.kill_gateway()
        assert s.status()["sessions"] == []
        reply = s.approve(waiting)
        assert reply.status == 1 and reply.json["state"] == "failed" and "no session" in reply.json["outcome"]["summary"], reply
        with s.session() as other:
            assert other.get(OUTSIDE).status == 403
        assert s.interlock("grant", "--revoke", hold).status == 1


def test_a_stream_that_passes_is_cut_when_it_is_revoked():
    def endless(connection, _request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n")
        connection.rest()  # until somebody closes

    with Stage(egress=(), railsim=False, plain=endless) as s, s.session() as session:
        hold = opened(s, session, PLAIN)
        with session.tls(PLAIN) as c:
            c.send(request_bytes("GET", "/", {"Host": PLAIN}))
            c.until(b"data: one")
            s.must("grant", "--revoke", hold)
            try:
                c.rest()  # ends, rather than running into the deadline
            except OSError as error:
                assert not isinstance(error, TimeoutError), error


# --- who may, and for what ---


def test_without_a_valid_signature_nothing_opens():
    s = stage()
    stranger = s.make_key("mallory")
    with s.session() as session:
        hold = asked(s, session, OUTSIDE)
        assert s.approve(hold, key=stranger).status == 4
        assert s.approve(hold, digest="0" * 64).status == 5
        forged = s.dir / "forged.sig"
        forged.write_text(s.sign(b"something else"))
        assert s.interlock("approve", hold, "--digest", s.show(hold)["digest"], "--signature", forged).status == 4
        assert s.state_of(hold) == "pending" and session.get(OUTSIDE).status == 403


def test_a_signature_opens_once():
    s = stage()
    with s.session() as session:
        hold = asked(s, session, OUTSIDE)
        signature = s.dir / f"{hold}.sig"
        signature.write_text(s.sign(s.must("show", hold, "--statement").raw))
        words = ["approve", hold, "--digest", s.show(hold)["digest"], "--signature", signature]
        assert s.interlock(*words).status == 0
        s.must("grant", "--revoke", hold)
        assert s.interlock(*words).status != 0
        again = asked(s, session, OUTSIDE)
        assert again != hold
        words[1], words[3] = again, s.show(again)["digest"]
        assert s.interlock(*words).status == 4, "the old signature is for the old statement"
        assert session.get(OUTSIDE).status == 403


def test_a_rejected_one_does_not_open():
    s = stage()
    with s.session() as session:
        hold = asked(s, session, OUTSIDE, "--reason", "why not")
        assert s.interlock("reject", hold, "--reason", "no need").status == 0
        assert s.approve(hold, digest=s.show(hold)["digest"]).status == 4
        assert session.get(OUTSIDE).status == 403
        reply = ask(s, session, OUTSIDE, "--reason", "why not")
        assert reply.status == 4 and "rejected" in reply.err and "no need" in reply.err, reply


def test_production_says_how_many_people_must_agree():
    with Stage(egress=(), railsim=False, environments={"production": "{ approvals: 2 }", "staging": "{ approvals: 1 }"}) as s:
        with s.session() as session:
            hold = asked(s, session, PLAIN)
            reply = s.approve(hold)
            assert reply.status == 3 and reply.json["state"] == "pending", reply
            assert session.get(PLAIN).status == 403


def test_a_policy_that_changed_opens_nothing():
    with make_stage() as s, s.session() as session:
        hold = asked(s, session, OUTSIDE)
        s.config.write_text(s.config.read_text() + "rules:\n  - { name: never, when: { operation: [x.y] }, then: deny }\n")
        assert "result" in control(s, {"op": "reload"})
        reply = s.approve(hold)
        assert reply.status != 0 and session.get(OUTSIDE).status == 403, reply


def test_what_cannot_be_granted_is_said_so_and_asks_nobody():
    s = stage()
    with s.session() as session:
        before = len(s.holds())

        def refused(place, words, status, what):
            own = [w for pair in (("--for", "30m"), ("--session", session.id)) if pair[0] not in words for w in pair]
            reply = s.interlock("grant", place, *own, *words)
            assert reply.status == status and re.search(what, reply.err) and not reply.out, reply

        every([
            ("localhost:5432", ("--protocol", "tcp"), 1, "name of this machine"),
            ("127.0.0.1:22", ("--protocol", "tcp"), 1, "loopback"),
            ("10.0.0.1:22", ("--protocol", "tcp"), 1, "private"),
            ("169.254.169.254", (), 1, "link-local"),
            ("[::1]:22", ("--protocol", "tcp"), 1, "not a public"),
            ("metadata.google.internal", (), 1, "name of this machine"),
            ("interlock.internal", (), 1, "name of this machine"),
            (f"{API}:443", ("--protocol", "tcp"), 4, "guarded"),
            (f"{OUTSIDE}:443", ("--protocol", "tcp"), 4, "guarded"),
            (STRANGER, ("--protocol", "tcp"), 1, "one port"),
            ("*.example.com", (), 1, "character"),
            (STRANGER, ("--for", "9h"), 1, "8 hours"),
            (STRANGER, ("--for", "soon"), 2, "--for"),
            (STRANGER, ("--protocol", "udp"), 2, "--protocol"),
            (STRANGER, ("--session", "s-00000000"), 1, "no session"),
        ], refused)
        assert len(s.holds()) == before


def test_the_key_that_is_named_signs_after_the_place_was_typed():
    s = stage()
    with s.session() as session:
        leader, follower = pty.openpty()
        command = [INTERLOCK, "--state", s.state, "--config", s.config, "grant", OUTSIDE, "--session", session.id, "--for", "10m",
                   "--key", s.key]
        with subprocess.Popen([str(w) for w in command], stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            os.close(follower)
            os.write(leader, f"{OUTSIDE}\n".encode())
            out = process.communicate(timeout=40)[0].decode()
            os.close(leader)
        assert process.returncode == 0 and "executed" in out and "type" in out, out
        assert session.get(OUTSIDE).status == 200


# --- bytes that nobody judges ---


def in_a_network_of_its_own(*claims):
    """Runs claims of this file where a public address is this machine's own: a tcp grant never leads to another."""
    probe = subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False)
    if os.geteuid() != 0 or probe.returncode != 0:
        raise Skip("only root can make a network of its own here")
    script = "ip link set lo up && ip addr add 93.184.216.34/32 dev lo && exec \"$@\""
    done = subprocess.run(["unshare", "-n", "sh", "-c", script, "sh", sys.executable, HERE / "run.py", *[f"grants.py::test_{c.__name__}" for c in claims]],
                          env={**os.environ, "INTERLOCK_TEST_PUBLIC": "93.184.216.34"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("ok    grants.") == len(claims), done.stdout + done.stderr


class Echo:
    """Speaks first, then answers every byte with itself; a protocol nobody knows."""

    def __init__(self, address):
        self.listener = socket.create_server((address, 0))
        self.place = f"{address}:{self.listener.getsockname()[1]}"
        self.port = self.listener.getsockname()[1]
        self.accepted = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.one, args=(sock,), daemon=True).start()

    def one(self, sock):
        with sock:
            try:
                sock.sendall(b"HELLO\n")
                while data := sock.recv(65536):
                    sock.sendall(data)
                sock.sendall(b"BYE\n")
            except OSError:
                pass


def test_bytes_of_an_unknown_protocol_pass_by_a_tcp_grant():
    in_a_network_of_its_own(tcp_passes_both_ways_and_is_counted, tcp_is_cut_when_revoked_and_limited, tcp_passes_from_a_room)


def tcp_passes_both_ways_and_is_counted():
    address = PUBLIC
    echo = Echo(address)
    with Stage(egress=(), railsim=False) as s, s.session() as session:
        with session.tunnel(address, echo.port) as c:
            c.send(b"SSH-2.0-x\r\n")
            assert b"HELLO" not in c.rest()
        assert echo.accepted == 0
        hold = opened(s, session, echo.place, "--protocol", "tcp")
        assert "can't be judged" in s.must("show", hold).out
        with session.tunnel(address, echo.port) as c:
            assert c.until(b"\n") is not None
            big = os.urandom(1 << 20)
            threading.Thread(target=lambda: (c.sock.sendall(big), c.sock.shutdown(socket.SHUT_WR)), daemon=True).start()
            got = c.rest()
            assert got.endswith(big + b"BYE\n"), len(got)
        wait_until(lambda: grants_of(s, session)[0]["connections"] == 0, "the connection's end")
        seen = grants_of(s, session)[0]
        assert (seen["passed"], seen["bytes_to"], seen["bytes_from"]) == (1, len(big), len(big) + 10), seen
        assert [e["port"] for e in entries(s, "grant-connection", hold)] == [echo.port]
        assert "what passes there is not judged" in json.dumps(s.status()["weaknesses"])
        with session.tunnel(address, 1) as c:
            c.send(b"x\r\n\r\n")
            assert b"HELLO" not in c.rest()


def tcp_is_cut_when_revoked_and_limited():
    address = PUBLIC
    echo = Echo(address)
    with Stage(egress=(), railsim=False) as s, s.session() as session:
        hold = opened(s, session, echo.place, "--protocol", "tcp")
        open_ones = [session.tunnel(address, echo.port) for _ in range(16)]
        for c in open_ones:
            c.until(b"\n")
        with session.tunnel(address, echo.port) as c:
            c.send(b"one too many\r\n\r\n")
            assert b"HELLO" not in c.rest()
        assert echo.accepted == 16
        s.must("grant", "--revoke", hold)
        for c in open_ones:
            try:
                assert b"BYE" not in c.rest()
            except (ConnectionError, Ended):
                pass
        end = entries(s, "grant-end", hold)[0]
        assert end["why"] == "revoked" and end["passed"] == 16, end


def tcp_passes_from_a_room():
    address = PUBLIC
    echo = Echo(address)
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")
    with Stage(egress=(), railsim=False) as s:
        work, home = s.dir / "work", s.dir / "home"
        work.mkdir(), home.mkdir()
        script = ("import socket, os, time\n"
                  "open('session', 'w').write(os.environ['INTERLOCK_SESSION'])\n"
                  "while not os.path.exists('go'): time.sleep(0.05)\n"
                  f"s = socket.create_connection(('{address}', {echo.port}), 20)\n"
                  "assert s.recv(6) == b'HELLO\\n'; s.sendall(b'ping'); print(s.recv(4))\n")
        with subprocess.Popen([INTERLOCK, "--state", s.state, "--config", s.config, "run", "--quiet", "--no-recovery-point", "--workspace", work, "--",
                               "/usr/bin/python3", "-c", script], cwd=work, env={**os.environ, "HOME": str(home)},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            wait_until(lambda: (work / "session").exists() and (work / "session").read_text(), "the room")

            class Named:
                id = (work / "session").read_text()

            opened(s, Named, echo.place, "--protocol", "tcp")
            (work / "go").write_text("")
            out, err = process.communicate(timeout=40)
        assert out == b"b'ping'\n", (out, err)


if PUBLIC:
    for claim in (tcp_passes_both_ways_and_is_counted, tcp_is_cut_when_revoked_and_limited, tcp_passes_from_a_room):
        globals()[f"test_{claim.__name__}"] = claim


# --- from inside ---


def test_a_room_can_neither_ask_for_one_nor_make_one():
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")
    s = stage()
    work, home = s.dir / "inside", s.dir / "inside-home"
    work.mkdir(), home.mkdir()
    (work / "tool").write_bytes((INTERLOCK.parent / "interlock-core").read_bytes())  # an agent can always bring the program
    (work / "tool").chmod(0o755)
    before = len(s.holds())
    script = (f"./tool grant {STRANGER} --session $INTERLOCK_SESSION --for 1h; echo $?; "
              "curl -sS --max-time 10 -X POST -d '{}' http://interlock.internal/grants; "
              f"curl -sS --max-time 10 https://{STRANGER}/")
    reply = s.interlock("run", "--quiet", "--no-recovery-point", "--workspace", work, "--", "sh", "-c", script, cwd=work, env={"HOME": str(home)})
    assert "a room can't open itself" in reply.err and reply.out.startswith("4\n") and "only GET" in reply.out, reply
    assert "INTERLOCK DENIED" in reply.out and len(s.holds()) == before
