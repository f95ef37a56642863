"""Who may say yes: keys, signatures, digests; and that one yes is one execution."""
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from harness import GRAPHQL, ODD, PROJECT, Stage, control, every, relay_to, shared, statement
from wire import DEADLINE, wait_until


def stage():
    return shared(Stage)


def deletions(s):
    return len(s.railsim.requests("volumeDelete"))


def refused_approval(s, hold, reply, status=4):
    assert reply.status == status, reply
    assert s.state_of(hold) == "pending", s.show(hold)
    assert len(reply.err.strip().splitlines()) == 1, reply.err


# --- yes, but not so ---


def test_a_key_that_nobody_enrolled_does_not_count():
    s = stage()
    mallory = s.make_key(f"mallory-{os.getpid()}-{time.monotonic_ns()}")
    with s.session() as session:
        hold = session.hold_on(s.new_volume())
        refused_approval(s, hold, s.approve(hold, key=mallory))


def test_a_key_file_that_is_not_there_fails():
    s = stage()
    with s.session() as session:
        hold = session.hold_on(s.new_volume())
        refused_approval(s, hold, s.approve(hold, key=s.dir / "nowhere"), 1)


def test_another_digest_than_the_holds_is_refused():
    s = stage()
    with s.session() as session:
        hold, other = session.hold_on(s.new_volume()), session.hold_on(s.new_volume())
        every([("zeros", "0" * 64), ("another hold's", s.show(other)["digest"]), ("a prefix", s.show(hold)["digest"][:12]), ("empty", "")],
              lambda label, digest: refused_approval(s, hold, s.interlock("approve", hold, "--key", s.key, "--digest", digest), 5))


def test_nothing_is_signed_without_a_terminal_or_a_digest():
    s = stage()
    with s.session() as session:
        hold = session.hold_on(s.new_volume())
        refused_approval(s, hold, s.interlock("approve", hold, "--key", s.key, input=b"pg-data\nyes\n"), 1)


def test_signatures_over_anything_else_do_not_count():
    s = stage()
    mallory = s.make_key(f"mallory-{os.getpid()}-{time.monotonic_ns()}")
    with s.session() as session:
        hold, other = session.hold_on(s.new_volume()), session.hold_on(s.new_volume())
        bytes_to_sign = statement(s, hold)
        good = s.sign(bytes_to_sign)
        lines = good.splitlines(keepends=True)
        flipped = lines[:]
        flipped[3] = ("A" if flipped[3][0] != "A" else "B") + flipped[3][1:]
        digest = s.show(hold)["digest"]
        cases = [
            ("another hold's statement", s.sign(statement(s, other))),
            ("one byte more", s.sign(bytes_to_sign + b"\n")),
            ("one byte other", s.sign(bytes_to_sign[:-2] + b" }")),
            ("the digest alone", s.sign(digest.encode())),
            ("the JSON without its envelope", s.sign(bytes_to_sign[bytes_to_sign.index(b"{"):])),
            ("nothing", s.sign(b"")),
            ("another namespace", s.sign(bytes_to_sign, namespace="file")),
            ("git's namespace", s.sign(bytes_to_sign, namespace="git")),
            ("another key", s.sign(bytes_to_sign, key=mallory)),
            ("a flipped byte", "".join(flipped)),
            ("cut off", "".join(lines[:3])),
            ("not a signature", "yes"),
            ("a private key's text", pathlib.Path(s.key).read_text()),
            ("two signatures", good + good),
        ]

        def refused(label, signature):
            path = s.dir / "given.sig"
            path.write_text(signature)
            refused_approval(s, hold, s.interlock("approve", hold, "--signature", path, "--digest", digest))
            answer = control(s, {"op": "approve", "hold": hold, "signature": signature})
            assert "result" not in answer, answer
            assert s.state_of(hold) == "pending"

        every(cases, refused)


def test_the_control_socket_takes_no_nonsense():
    s = stage()
    with s.session() as session:
        hold = session.hold_on(s.new_volume())
        every([("no signature", {"op": "approve", "hold": hold}), ("empty", {"op": "approve", "hold": hold, "signature": ""}),
               ("a number", {"op": "approve", "hold": hold, "signature": 1}), ("unknown op", {"op": "execute", "hold": hold}),
               ("no op", {"hold": hold}), ("unknown hold", {"op": "approve", "hold": "h-0000", "signature": "x"})],
              lambda label, request: _no_result(control(s, request)))
        for raw in (b"not json\n", b"[]\n", b'{"op":"status","op":"stop"}\n', b"\xff\xfe\n", b"{" * 100_000 + b"\n"):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(DEADLINE)
                sock.connect(str(s.state / "gateway.sock"))
                sock.sendall(raw)
                answer = sock.makefile("rb").readline()
                assert b'"result"' not in answer, answer
        assert s.state_of(hold) == "pending" and s.status()["gateway"]["pid"] in s.gateway_pids


def _no_result(answer):
    assert "result" not in answer, answer


def test_a_second_approver_is_not_enrolled_by_asking():
    s = stage()
    eve = s.make_key(f"eve-{os.getpid()}-{time.monotonic_ns()}")
    reply = s.interlock("approver", "add", "eve", "--ssh-key", f"{eve}.pub")
    assert reply.status == 4, reply
    assert [a["name"] for a in s.must("approver", "list", "--json").json] == ["alice"]
    assert "eve" not in (s.state / "allowed_signers").read_text()


# --- yes ---


def test_an_approval_executes_once_and_prints_its_receipt():
    s = stage()
    volume = s.new_volume()
    before = deletions(s)
    with s.session() as session:
        hold = session.hold_on(volume)
        reply = s.approve(hold)
        assert reply.status == 0, reply
        outcome = reply.json
        assert outcome["hold"] == hold and outcome["state"] == "executed"
        assert outcome["outcome"]["status"] == 200 and outcome["outcome"]["summary"]
        assert outcome["receipt"].isdigit()
        assert s.is_deleted(volume)
        assert deletions(s) == before + 1
        assert s.railsim.requests("volumeDelete")[-1] == {**s.railsim.requests("volumeDelete")[-1], "token": "staging-deploy", "applied": True}
        shown = s.show(hold)
        assert shown["state"] == "executed"
        assert shown["approvals"][0]["approver"] == "alice" and shown["approvals"][0]["key"].startswith("SHA256:")
        assert hold not in [h["id"] for h in s.holds()]
        assert s.interlock("wait", hold, "--json").status == 0


def test_a_second_approval_changes_nothing():
    s = stage()
    volume = s.new_volume()
    before = deletions(s)
    with s.session() as session:
        hold = session.hold_on(volume)
        signature = s.sign(statement(s, hold))
        assert s.approve(hold).status == 0
        assert s.approve(hold).status != 0
        _no_result(control(s, {"op": "approve", "hold": hold, "signature": signature}))
        assert deletions(s) == before + 1


def test_an_executed_request_asked_again_is_a_new_question():
    s = stage()
    volume = s.new_volume()
    with s.session() as session:
        hold = session.hold_on(volume)
        assert s.approve(hold).status == 0
        before = deletions(s)
        answer = session.delete_volume(volume)
        assert answer.hold != hold and (answer.hold or answer.denied), answer
        assert deletions(s) == before


def test_approvals_in_parallel_execute_once():
    s = stage()
    before = deletions(s)
    with s.session() as session:
        hold = session.hold_on(s.new_volume())
        signature = s.sign(statement(s, hold))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: control(s, {"op": "approve", "hold": hold, "signature": signature}), range(8)))
        assert wait_until(lambda: s.state_of(hold) == "executed", "the execution"), answers
        assert deletions(s) == before + 1, answers
        won = [a for a in answers if a.get("result", {}).get("state") == "executed"]
        assert len(won) >= 1
        intents = [e for e in s.ledger() if e["type"] == "intent" and e["hold"] == hold]
        assert len(intents) == 1, intents


def test_two_approve_commands_at_once_execute_once():
    s = stage()
    before = deletions(s)
    with s.session() as session:
        hold = session.hold_on(s.new_volume())
        digest = s.show(hold)["digest"]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            replies = list(pool.map(lambda _: s.approve(hold, digest=digest), range(2)))
        assert 0 in [r.status for r in replies], replies
        assert s.state_of(hold) == "executed" and deletions(s) == before + 1


def test_an_approval_and_a_rejection_at_once_have_one_winner():
    s = stage()
    for _ in range(3):
        volume = s.new_volume()
        with s.session() as session:
            hold = session.hold_on(volume)
            signature = s.sign(statement(s, hold))
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                yes = pool.submit(control, s, {"op": "approve", "hold": hold, "signature": signature})
                no = pool.submit(control, s, {"op": "reject", "hold": hold, "reason": "no"})
                yes, no = yes.result(), no.result()
            state = s.state_of(hold)
            assert state in ("executed", "rejected", "failed"), (state, yes, no)
            assert s.is_deleted(volume) == (state == "executed"), (state, yes, no)


def test_stock_ssh_keygen_verifies_the_signature_over_the_printed_bytes():
    s = stage()
    with s.session() as session:
        hold = session.hold_on(s.new_volume())
        before = statement(s, hold)
        assert before.startswith(b"DSSEv1 28 application/vnd.in-toto+json "), before[:60]
        assert s.approve(hold).status == 0
        assert statement(s, hold) == before
        path = s.dir / "stored.sig"
        path.write_text(s.show(hold)["approvals"][0]["signature"])
        done = subprocess.run(["ssh-keygen", "-Y", "verify", "-f", s.state / "allowed_signers", "-I", "alice", "-n", "approval@interlock",
                               "-s", path], input=before, capture_output=True)
        assert done.returncode == 0 and done.stdout.startswith(b'Good "approval@interlock" signature for alice'), done
        tampered = subprocess.run(["ssh-keygen", "-Y", "verify", "-f", s.state / "allowed_signers", "-I", "alice", "-n",
                                   "approval@interlock", "-s", path], input=before.replace(b"volumeDelete", b"volumeUpdate"), capture_output=True)
        assert tampered.returncode != 0


def test_the_statement_says_everything_that_was_shown():
    s = stage()
    volume = s.seed.volumes["pg-data"]
    with s.session() as session:
        hold = session.hold_on(volume)
        body = json.loads(statement(s, hold).split(b" ", 4)[4])
        assert body["_type"] == "https://in-toto.io/Statement/v1"
        text = json.dumps(body)
        shown = s.show(hold)
        for word in (hold, volume, "railway.volumeDelete", "production", "staging", shown["digest"], shown["expires"], session.id, "nonce"):
            assert word in text, word
        assert not [t for t in s.seed.tokens.values() if t in text]


def test_a_signature_made_elsewhere_with_stock_tools_counts():
    s = stage()
    volume = s.new_volume()
    with s.session() as session:
        hold = session.hold_on(volume)
        path = s.dir / "elsewhere.sig"
        path.write_text(s.sign(statement(s, hold)))
        reply = s.interlock("approve", hold, "--signature", path, "--digest", s.show(hold)["digest"], "--json")
        assert reply.status == 0 and reply.json["state"] == "executed", reply
    assert s.is_deleted(volume)


def test_a_key_in_ssh_agent_signs():
    s = stage()
    agent = subprocess.run(["ssh-agent", "-s", "-a", s.dir / f"agent-{os.getpid()}"], capture_output=True, text=True, check=True).stdout
    variables = dict(re.findall(r"(SSH_[A-Z_]+)=([^;]+);", agent))
    try:
        subprocess.run(["ssh-add", "-q", s.key], env={**os.environ, **variables}, check=True, stderr=subprocess.DEVNULL)
        alone = s.dir / "alone.pub"
        alone.write_text(pathlib.Path(f"{s.key}.pub").read_text())
        with s.session() as session:
            reply = s.approve(session.hold_on(s.new_volume()), key=alone, env=variables)
            assert reply.status == 0, reply
    finally:
        os.kill(int(variables["SSH_AGENT_PID"]), signal.SIGTERM)


def test_what_is_executed_is_the_stored_request_as_it_was_shown():
    with Stage() as s, s.session() as session:
        volume = s.new_volume()
        # The same provider under the name of a host that records what it is sent.
        s.odd.answer = relay_to(s)
        fields = {PROJECT: session.phantom, "Content-Type": "application/json", "X-Environment": "production", "Prefer": "x", "If-Match": "y"}
        body = json.dumps({"variables": {"v": volume, "unused": 1}, "query": "mutation   Gone($v:String!){volumeDelete(volumeId:$v)}"}).encode()
        answer = session.request("POST", ODD, GRAPHQL, fields, body)
        assert answer.hold, answer
        assert not [r for r in s.odd.requests if b"volumeDelete" in r.body]
        shown = s.show(answer.hold)["request"]
        assert s.approve(answer.hold).json["state"] == "executed"
        sent = [r for r in s.odd.requests if b"volumeDelete" in r.body]
        assert len(sent) == 1
        assert sent[0].body.decode() == shown["body"] and b"unused" not in sent[0].body
        assert sent[0].headers[PROJECT] == s.seed.tokens["staging-deploy"]
        assert not {"x-environment", "prefer", "if-match"} & set(sent[0].headers)
