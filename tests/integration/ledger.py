"""The record: complete, in order, verifiable by somebody else's program, and changed by nobody unnoticed."""
import base64
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from harness import ACCOUNT, GRAPHQL, INTERLOCK, ODD, PLAIN, PROJECT, ROOT, Reply, Skip, Stage, every, relay_to, shared
from wire import wait_until

CHECKER = ROOT / "tests" / "ledger" / "verify_ledger.py"


def make_stage():
    """One of everything: a read, a denial, a leak, a rejection, an execution."""
    s = Stage()
    with s.session() as session:
        s.session_id = session.id
        assert session.graphql("{ projects { edges { node { id } } } }").status == 200
        s.denied = session.get("example.com").denied
        s.leaked = session.graphql("{ me { id } }", headers={ACCOUNT: f"Bearer {s.seed.tokens['domains-cli']}"}).denied
        s.rejected = session.hold_on(s.seed.volumes["pg-data"])
        s.must("reject", s.rejected, "--reason", "production shares it")
        s.executed = session.hold_on(s.new_volume())
        s.receipt = s.approve(s.executed).json["receipt"]
    wait_until(lambda: any(e["type"] == "session-end" for e in s.ledger()), "the session's end on the record")
    return s


def stage():
    return shared(make_stage)


def of_hold(entries, hold):
    return [(i, e) for i, e in enumerate(entries) if e.get("hold") == hold]


def checker():
    spec = importlib.util.spec_from_file_location("verify_ledger", CHECKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copy_of(s, name):
    """STATE without a gateway: what somebody has who was handed the published files."""
    s.must("ledger", "verify")
    target = s.dir / name
    shutil.copytree(s.state / "ledger", target / "ledger", ignore=shutil.ignore_patterns("journal", ".lock"))
    return target


def verify(state):
    done = subprocess.run([INTERLOCK, "ledger", "verify", "--json", "--state", state], capture_output=True, check=False)
    return Reply(done)


def test_the_whole_log_verifies():
    s = stage()
    report = s.must("ledger", "verify", "--json").json
    assert report["ok"] is True and report["size"] >= len(s.ledger()) - 1 > 8
    assert len(base64.b64decode(report["root"])) == 32


def test_a_program_of_somebody_else_verifies_it_too():
    s = stage()
    copy = copy_of(s, "handed-over")
    done = subprocess.run([sys.executable, CHECKER, copy / "ledger"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_copy_verifies_without_a_gateway_and_starts_none():
    s = stage()
    copy = copy_of(s, "without-gateway")
    reply = verify(copy)
    assert reply.status == 0 and reply.json["ok"], reply
    assert not (copy / "gateway.sock").exists()


def test_an_executed_hold_has_hold_approval_intent_and_outcome_in_order():
    s = stage()
    entries = s.ledger()
    mine = of_hold(entries, s.executed)
    types = [e["type"] for _, e in mine if e["type"] != "decision"]
    assert types == ["hold", "approval", "intent", "outcome"], types
    by_type = {e["type"]: (i, e) for i, e in mine}
    digests = {by_type[t][1]["digest"] for t in ("hold", "approval", "intent")}
    assert len(digests) == 1, "they speak of different actions"
    assert by_type["outcome"][1]["state"] == "executed"
    assert by_type["outcome"][0] == int(s.receipt)


def test_a_rejected_hold_has_no_intent():
    s = stage()
    types = [e["type"] for _, e in of_hold(s.ledger(), s.rejected) if e["type"] != "decision"]
    assert types == ["hold", "rejection"], types


def test_every_decision_is_on_the_record_under_the_id_that_the_agent_saw():
    s = stage()
    decisions = {e["id"]: e for e in s.ledger() if e["type"] == "decision"}
    assert decisions[s.denied]["verdict"] == "deny" and decisions[s.denied]["host"] == "example.com"
    assert decisions[s.leaked]["credential"] == "foreign"
    mine = [d for d in decisions.values() if d["session"] == s.session_id]
    assert {d["verdict"] for d in mine} == {"allow", "deny", "hold"}
    read = next(d for d in mine if d["verdict"] == "allow")
    assert read["operation"] == "railway.projects" and read["effect"] == "read" and read["rule"] == "reads"


def test_sessions_credentials_and_approvers_are_on_the_record():
    entries = stage().ledger()
    types = [e["type"] for e in entries]
    for needed in ("gateway-start", "approver-added", "credential", "session-start", "session-end", "leak"):
        assert needed in types, (needed, types)
    assert types[0] == "gateway-start"
    for entry in entries:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", entry["at"]), entry
    times = [e["at"] for e in entries]
    assert times == sorted(times)


def test_entries_hold_no_secret_and_no_name_of_a_person():
    s = stage()
    text = s.must("ledger", "export").out
    assert not [t for t in s.seed.tokens.values() if t in text]
    assert "alice" not in text
    assert not s.find_secrets(s.seed.tokens.values(), text)


def test_entries_are_canonical_json():
    for line in stage().must("ledger", "export").out.splitlines():
        entry = json.loads(line)
        assert line == json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False), line


def test_a_receipt_proves_its_entry_offline():
    s = stage()
    tool = checker()
    for what in (s.executed, "0", s.receipt):
        proved = s.must("ledger", "prove", what, "--json").json
        text = proved["receipt"]
        head, note = text.split("\n\n", 1)
        lines = head.split("\n")
        assert lines[0] == "c2sp.org/tlog-proof@v1"
        index = int(next(line for line in lines if line.startswith("index "))[6:])
        path = [base64.b64decode(line) for line in lines[1:] if not line.startswith(("index ", "extra "))]
        size, root = tool.open_checkpoint(note.encode(), tool.parse_vkey((s.state / "ledger" / "vkey").read_text()))
        assert index == proved["index"] and index < size
        assert root_of(hashlib.sha256(b"\0" + proved["entry"].encode()).digest(), index, size, path) == root
        assert s.must("ledger", "prove", what).out == text or json.loads(proved["entry"])["type"]


def root_of(leaf, index, size, path):
    """RFC 9162 2.1.3.2."""
    node, last = index, size - 1
    at = leaf
    for sibling in path:
        assert last > 0, "the proof is too long"
        if node % 2 or node == last:
            at = hashlib.sha256(b"\1" + sibling + at).digest()
            while node % 2 == 0 and node:
                node, last = node // 2, last // 2
        else:
            at = hashlib.sha256(b"\1" + at + sibling).digest()
        node, last = node // 2, last // 2
    assert last == 0, "the proof is too short"
    return at


def test_the_receipt_of_a_hold_is_that_of_its_end():
    s = stage()
    proved = s.must("ledger", "prove", s.executed, "--json").json
    assert json.loads(proved["entry"])["type"] == "outcome" and str(proved["index"]) == s.receipt


def test_there_is_no_receipt_for_what_never_was():
    s = stage()
    for what in ("h-0000000000", "999999", "nonsense", "-1"):
        reply = s.interlock("ledger", "prove", what)
        assert reply.status in (1, 2, 5) and not reply.out and reply.err, (what, reply)


def test_any_changed_byte_is_found():
    s = stage()
    listed = copy_of(s, "list") / "ledger"
    files = [p.relative_to(listed) for p in listed.rglob("*") if p.is_file()]
    published = [p for p in files if str(p).startswith("tile/") or str(p) == "checkpoint"]
    assert any("entries" in str(p) for p in published) and any(str(p).startswith("tile/0/") for p in published), files
    copy = copy_of(s, "tampered")
    assert verify(copy).status == 0

    def found(label, path, change):
        file = copy / "ledger" / path
        good = file.read_bytes()
        file.chmod(0o600)
        file.write_bytes(change(good))
        try:
            reply = verify(copy)
            assert reply.status == 5, reply
            assert reply.json["ok"] is False and reply.err, reply
        finally:
            file.write_bytes(good)

    def flip(at):
        return lambda data: data[:int(at * (len(data) - 1))] + bytes([data[int(at * (len(data) - 1))] ^ 1]) + data[int(at * (len(data) - 1)) + 1:]

    # Older partial tiles beside a wider one are not part of the log any more.
    newest = [p for p in published if is_part_of_the_log(p, s)]
    cases = []
    for path in newest:
        cases += [(f"{path}, first byte", path, flip(0)), (f"{path}, middle", path, flip(0.5)), (f"{path}, last byte", path, flip(1)),
                  (f"{path}, cut", path, lambda data: data[:-1]), (f"{path}, empty", path, lambda data: b"")]
    every(cases, found)


def is_part_of_the_log(path, s):
    if str(path) == "checkpoint":
        return True
    size = s.must("ledger", "verify", "--json").json["size"]
    return f".p/{size % 256}" in str(path) and "/000" in str(path)


def test_a_missing_file_is_found():
    s = stage()
    copy = copy_of(s, "missing")
    entries = next(p for p in (copy / "ledger").rglob("*") if p.is_file() and "entries" in str(p) and is_part_of_the_log(p.relative_to(copy / "ledger"), s))
    entries.unlink()
    reply = verify(copy)
    assert reply.status in (1, 5) and not reply.json["ok"], reply


def test_an_entry_left_out_is_found():
    s = stage()
    copy = copy_of(s, "left-out")
    path = next(p for p in (copy / "ledger").rglob("*") if p.is_file() and "entries" in str(p) and is_part_of_the_log(p.relative_to(copy / "ledger"), s))
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[2 + int.from_bytes(data[:2], "big"):])
    assert verify(copy).status == 5


def test_another_key_does_not_vouch_for_it():
    s = stage()
    with Stage(railsim=False, approver=False) as other:
        other.must("ledger", "verify")
        copy = copy_of(s, "other-key")
        (copy / "ledger" / "vkey").chmod(0o600)
        shutil.copy(other.state / "ledger" / "vkey", copy / "ledger" / "vkey")
        assert verify(copy).status == 5


def test_the_log_goes_on_after_a_restart_under_the_same_key():
    with Stage(railsim=False, approver=False) as s:
        before = s.must("ledger", "verify", "--json").json
        key = (s.state / "ledger" / "vkey").read_text()
        s.must("gateway", "stop")
        s.note_gateway()
        s.kill_gateway()
        s.note_gateway()
        after = s.must("ledger", "verify", "--json").json
        assert after["size"] > before["size"] and (s.state / "ledger" / "vkey").read_text() == key
        assert [e["type"] for e in s.ledger()].count("gateway-start") == 3


def test_the_intent_is_on_the_record_before_the_provider_sees_the_request():
    with Stage() as s, s.session() as session:
        volume = s.new_volume()
        relay, seen = relay_to(s), []

        def watch(connection, request):
            if b"volumeDelete" in request.body:
                seen.extend(e["type"] for e in s.ledger())
            return relay(connection, request)

        s.odd.answer = watch
        body = json.dumps({"query": 'mutation { volumeDelete(volumeId: "%s") }' % volume}).encode()
        hold = session.request("POST", ODD, GRAPHQL, {PROJECT: session.phantom, "Content-Type": "application/json"}, body).hold
        assert s.approve(hold).json["state"] == "executed"
        assert "intent" in seen and "outcome" not in seen, seen


def test_a_killed_gateway_has_not_forgotten_the_intent():
    with Stage() as s, s.session() as session:
        volume = s.new_volume()
        relay = relay_to(s)

        def kill(connection, request):
            if b"volumeDelete" not in request.body:
                return relay(connection, request)
            s.kill_gateway()
            return False

        s.odd.answer = kill
        body = json.dumps({"query": 'mutation { volumeDelete(volumeId: "%s") }' % volume}).encode()
        hold = session.request("POST", ODD, GRAPHQL, {PROJECT: session.phantom, "Content-Type": "application/json"}, body).hold
        assert s.approve(hold).status == 1
        s.note_gateway()
        types = [e["type"] for _, e in of_hold(s.ledger(), hold) if e["type"] != "decision"]
        assert types == ["hold", "approval", "intent", "outcome"], types
        assert s.state_of(hold) == "unknown"
        assert s.must("ledger", "verify", "--json").json["ok"]


def test_a_thousand_decisions_span_tiles_and_verify():
    with Stage(railsim=False, approver=False) as s, s.session() as session:
        with session.tls(PLAIN) as c:
            for i in range(700):
                assert session.get(PLAIN, f"/{i}", connection=c).status == 200
        report = s.must("ledger", "verify", "--json").json
        assert report["size"] > 700
        decided = [e for e in s.ledger() if e["type"] == "decision"]
        assert len(decided) == 700
        copy = copy_of(s, "many")
        done = subprocess.run([sys.executable, CHECKER, copy / "ledger"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_full_disk_sends_nothing_that_is_not_on_the_record():
    with Stage() as s:
        small = SmallDisk(s)
        try:
            with s.session() as session:
                holds = [session.hold_on(s.new_volume()) for _ in range(2)]
                small.fill()
                refused = None
                for i in range(400):  # what was reserved before is used up first
                    answer = session.graphql('mutation { volumeDelete(volumeId: "%032d") }' % i)
                    if not answer.hold:
                        refused = answer
                        break
                assert refused is not None, "400 holds were kept on a full disk"
                assert refused.status in (200, 503) and "nothing changed" in refused.text, refused
                replies = [s.approve(h) for h in holds]
            sent = len(s.railsim.requests("volumeDelete"))
            small.free()
            small.restart()
            entries = s.ledger()
            intents = [e for e in entries if e["type"] == "intent"]
            assert sent <= len(intents), (sent, intents, replies)
            assert s.must("ledger", "verify", "--json").json["ok"]
            with s.session() as session:
                assert session.graphql("{ projects { edges { node { id } } } }").status == 200
        finally:
            small.end()


class SmallDisk:
    """The gateway of a stage moved to a file system of 160 MiB of its own, in a mount namespace."""

    def __init__(self, s):
        self.s = s
        probe = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
        if probe.returncode != 0:
            raise Skip("this machine allows no user namespaces")
        s.must("gateway", "stop")
        self.kept = s.dir / "kept"
        shutil.copytree(s.state, self.kept, ignore=lambda d, names: [n for n in names if n.endswith(".sock")])
        self.outside = s.state
        script = ('mount -t tmpfs -o size=160m,mode=700 tmpfs "$1" && cp -a "$2"/. "$1"/ || exit 9; '
                  'while read -r word; do case $word in start) "$3" gateway --state "$1" --config "$4" --ready-fd 1 & pid=$!;; '
                  'stop) kill $pid; wait $pid; echo stopped;; esac; done; kill $pid 2>/dev/null; wait')
        self.shell = subprocess.Popen(["unshare", "-rm", "sh", "-c", script, "sh", s.state, self.kept, INTERLOCK, s.config],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **s.env})
        s.state = pathlib.Path(f"/proc/{self.shell.pid}/root{self.outside}")
        self.command("start", b"1")

    def command(self, word, wanted):
        self.shell.stdin.write(word.encode() + b"\n")
        self.shell.stdin.flush()
        got = self.shell.stdout.read(len(wanted))
        assert got == wanted, f"the gateway on the small disk: {got!r}"

    def restart(self):
        self.command("stop", b"stopped\n")
        self.command("start", b"1")

    def fill(self):
        for size in (1 << 20, 4096, 1):
            with open(self.s.state / "fill", "ab", buffering=0) as file:
                try:
                    while True:
                        file.write(b"f" * size)
                except OSError:
                    pass

    def free(self):
        (self.s.state / "fill").unlink()

    def end(self):
        self.shell.stdin.close()
        try:
            self.shell.wait(20)
        except subprocess.TimeoutExpired:
            self.shell.kill()
            self.shell.wait()
        self.shell.stdout.close()
        self.s.state = self.outside
