"""`interlock demo`: what it says, checked against what its imitation provider's files held meanwhile."""
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time

from harness import INTERLOCK, RAILSIM, Skip, shared

LONG = 110  # seconds; the demo itself takes about 30


class Demo:
    """One run, with a second look at the provider's worlds while it goes on."""

    def __init__(self):
        if subprocess.run(["unshare", "-Urn", "true"], capture_output=True, check=False).returncode != 0:
            raise Skip("this machine allows no user namespaces, which the demo's room needs")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="interlock-demo-test-"))
        self.seen = {}  # world's directory name → every state seen of it, in order
        running = threading.Event()
        watcher = threading.Thread(target=self.watch, args=(running,), daemon=True)
        watcher.start()
        try:
            done = subprocess.run([INTERLOCK, "demo", "--json"], capture_output=True, timeout=LONG, check=False,
                                  env={**os.environ, "TMPDIR": str(self.dir)})
        finally:
            running.set()
            watcher.join(10)
        # What was seen while a world was being laid says nothing.
        self.seen = {name: list(itertools.dropwhile(lambda s: not is_laid(s), states)) for name, states in self.seen.items()}
        self.status, self.out, self.err = done.returncode, done.stdout.decode(), done.stderr.decode()
        assert self.status == 0, self.err + self.out
        self.report = json.loads(self.out)

    def watch(self, stop):
        while not stop.is_set():
            for world in self.dir.glob("interlock-demo.*/railway-*"):
                done = subprocess.run([RAILSIM, "--list-state", "--state", world], capture_output=True, check=False)
                if done.returncode == 0:
                    self.seen.setdefault(world.name, []).append(json.loads(done.stdout))
            time.sleep(0.05)

    def is_usable(self):
        return True

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def demo():
    return shared(Demo)


def is_laid(state):
    return bool(state["projects"]) and all(i["rows"] > 0 and len(i["backups"]) == 7 and all(b["rows"] > 0 for b in i["backups"])
                                           for v in state["projects"][0]["volumes"] for i in v["instances"])


def production(state):
    volume = next(v for v in state["projects"][0]["volumes"] if v["name"] == "pg-data")
    return next(i for i in volume["instances"] if i["environment"] == "production")


def deletions(state):
    return [r for r in state["requests"] if r["operation"] == "volumeDelete" and r["applied"]]


def test_without_interlock_the_rows_and_their_backups_are_gone():
    act = demo().report["unprotected"]
    assert (act["rows_before"], act["rows_after"]) == (48213, 0)
    assert (act["backups_before"], act["backups_after"]) == (7, 0)
    assert 0 < act["seconds"] < LONG


def test_the_providers_files_say_so_too():
    states = demo().seen["railway-1"]
    assert production(states[0])["rows"] == 48213
    last = production(states[-1])
    assert last["rows"] == 0 and all(b["rows"] == 0 for b in last["backups"])
    assert [r["token"] for r in deletions(states[-1])] == ["domains-cli"]


def test_with_interlock_the_foreign_token_is_denied_and_the_deletion_held():
    act = demo().report["protected"]
    assert act["denied"] is True and act["held"] is True
    assert re.match(r"INTERLOCK DENIED d-\w+: not sent, nothing changed\.", act["denied_text"])
    assert "scripts/domains.ts:14" in act["denied_text"], act["denied_text"]
    assert act["held_text"].startswith(f"INTERLOCK HOLD {act['hold']}: not executed, nothing changed.")
    assert "production and staging" in act["held_text"]
    assert act["state"] == "rejected"


def test_with_interlock_nothing_is_lost():
    act = demo().report["protected"]
    assert act["rows_before"] == act["rows_after"] == 48213
    assert act["backups_before"] == act["backups_after"] == 7
    assert act["deletions_applied"] == 0


def test_the_protected_world_never_lost_a_row_at_any_moment():
    states = demo().seen["railway-2"]
    # At the end the folder is removed while it is looked at: files go, and nothing was deleted.
    while states and production(states[-1])["rows"] != 48213 and not production(states[-1])["deleted"]:
        states.pop()
    assert len(states) > 3, "too few looks to claim anything"
    for state in states:
        instance = production(state)
        assert instance["rows"] == 48213 and not instance["deleted"]
        assert len([b for b in instance["backups"] if b["rows"] > 0]) == 7
        assert len(deletions(state)) <= 1
        assert all(r["token"] == "staging-deploy" for r in deletions(state))
        assert not [r for r in state["requests"] if r["token"] == "domains-cli"], "the foreign token reached the provider"


def test_a_signed_deletion_is_executed_exactly_once():
    act = demo().report["approved"]
    assert act["state"] == "executed" and act["executions"] == 1
    assert act["rows_before"] == 512 and act["rows_after"] == 0
    assert act["receipt"].isdigit() and act["receipt_text"].startswith("c2sp.org/tlog-proof@v1\n")


def test_stock_ssh_keygen_checks_the_signature():
    act = demo().report["approved"]
    assert act["ssh_keygen_status"] == 0
    assert act["ssh_keygen"].startswith('Good "approval@interlock" signature for alice'), act["ssh_keygen"]


def test_the_record_verifies():
    ledger = demo().report["approved"]["ledger"]
    assert ledger["ok"] is True and ledger["size"] > int(demo().report["approved"]["receipt"])


def test_no_real_token_is_printed():
    d = demo()
    for token in d.seen["railway-1"][0]["tokens"]:
        assert token["value"] not in d.out + d.err, token["name"]


def test_it_cleans_up_after_itself():
    # A run of its own: looking into the folder while it is removed would put files back.
    with tempfile.TemporaryDirectory(prefix="interlock-demo-test-") as folder:
        done = subprocess.run([INTERLOCK, "demo", "--json"], capture_output=True, timeout=LONG, check=False,
                              env={**os.environ, "TMPDIR": folder})
        assert done.returncode == 0, done.stderr
        left = list(pathlib.Path(folder).iterdir())
    assert left == [], left
    d = demo()
    processes = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(d.dir).encode() in path.read_bytes():
                processes.append(path.parent.name)
        except OSError:
            pass
    assert not processes, processes


def test_unprotected_alone_stops_after_the_first_act():
    directory = tempfile.mkdtemp(prefix="interlock-demo-test-")
    try:
        done = subprocess.run([INTERLOCK, "demo", "--unprotected"], capture_output=True, timeout=LONG, check=False,
                              env={**os.environ, "TMPDIR": directory})
        text = done.stdout.decode()
        assert done.returncode == 0 and "48,213" in text and "With Interlock" not in text, text
        assert "\033" not in text
    finally:
        shutil.rmtree(directory, ignore_errors=True)
