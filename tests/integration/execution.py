"""Between a yes and its end: the world changes, the provider fails, the gateway dies. Nothing is sent twice,
nothing is sent that was not signed as it is now.
"""
import os
import signal
import subprocess

from harness import ACCOUNT, INTERLOCK, Stage, control, is_alive, shared, statement
from wire import DEADLINE, wait_until


def stage():
    return shared(Stage)


def deletions(s):
    return len(s.railsim.requests("volumeDelete"))


# --- the world changes meanwhile ---


def test_a_scope_that_changed_supersedes_the_hold():
    with Stage() as s, s.session() as session:
        volume = s.seed.volumes["cache"]
        hold = session.hold_on(volume)
        assert s.show(hold)["environments"] == ["staging"]
        renamed = s.railsim.ask(s.authority, "mutation R($i: EnvironmentRenameInput!) { environmentRename(id: \"%s\", input: $i) { id } }" %
                                s.seed.environments["staging"], ACCOUNT, s.seed.tokens["domains-cli"], {"i": {"name": "live"}})
        assert renamed.get("data"), renamed
        reply = s.approve(hold)
        assert reply.status == 4 and reply.json["state"] == "superseded", reply
        successor = reply.json["superseded_by"]
        shown = s.show(successor)
        assert shown["state"] == "pending" and shown["environments"] == ["live"], shown
        assert "live" in s.must("show", successor).out
        assert deletions(s) == 0 and not s.is_deleted(volume)
        # The old signature says nothing about the new statement.
        reply = s.interlock("approve", hold, "--key", s.key, "--digest", s.show(hold)["digest"])
        assert reply.status == 4 and deletions(s) == 0


def test_an_environment_that_went_away_supersedes_the_hold():
    with Stage() as s, s.session() as session:
        volume = s.seed.volumes["pg-data"]
        hold = session.hold_on(volume)
        gone = s.railsim.ask(s.authority, 'mutation { environmentDelete(id: "%s") }' % s.seed.environments["staging"], ACCOUNT, s.seed.tokens["domains-cli"])
        assert gone.get("data"), gone
        reply = s.approve(hold)
        assert reply.json["state"] in ("superseded", "failed"), reply
        assert deletions(s) == 0 and s.railsim.rows("pg-data", "production") == 48213


def test_a_provider_that_cannot_be_asked_at_execution_stops_it():
    with Stage() as s, s.session() as session:
        hold = session.hold_on(s.new_volume())
        s.railsim.stop()
        reply = s.approve(hold)
        assert reply.status in (1, 4) and reply.json["state"] != "executed", reply
        s.railsim.start()
        assert deletions(s) == 0


def test_a_policy_that_changed_refuses_the_old_statement():
    with Stage() as s, s.session() as session:
        hold = session.hold_on(s.new_volume())
        signature = s.sign(statement(s, hold))
        s.config.write_text(s.config.read_text().replace("egress: [", 'egress: ["more.test", '))
        os.kill(s.note_gateway(), signal.SIGHUP)
        wait_until(lambda: any(e["type"] == "policy" for e in s.ledger()), "the reload")
        answer = control(s, {"op": "approve", "hold": hold, "signature": signature})
        assert answer.get("result", {}).get("state") != "executed", answer
        assert deletions(s) == 0


# --- the gateway dies ---


def test_holds_survive_a_killed_gateway_and_can_be_approved():
    with Stage() as s:
        volume, other = s.new_volume(), s.new_volume()
        with s.session() as session:
            hold, second = session.hold_on(volume), session.hold_on(other)
            shown, signed = s.show(hold), statement(s, hold)
            s.kill_gateway()
        assert {h["id"] for h in s.holds()} == {hold, second}
        s.note_gateway()
        assert s.show(hold) == shown and statement(s, hold) == signed
        assert s.approve(hold).status == 0
        assert s.is_deleted(volume) and not s.is_deleted(other)
        assert deletions(s) == 1
        assert s.must("ledger", "verify", "--json").json["ok"]


def test_a_gateway_killed_during_execution_leaves_unknown_and_sends_nothing_again():
    with Stage(faults=("hang",)) as s:
        with s.session() as session:
            # Made while the provider behaves; mutations hang from the restart on.
            s.railsim.restart()
            volume = s.new_volume()
            s.railsim.restart(("hang",))
            hold = session.hold_on(volume)
            digest = s.show(hold)["digest"]
            approve = subprocess.Popen([INTERLOCK, "--state", s.state, "--config", s.config, "approve", hold, "--key", s.key, "--digest", digest],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                wait_until(lambda: deletions(s) == 1, "the request reaching the provider")
                assert s.state_of(hold) == "executing"
                s.kill_gateway()
                _, err = approve.communicate(timeout=DEADLINE)
                assert approve.returncode == 1 and err.strip(), (approve.returncode, err)
            finally:
                approve.kill()
                approve.wait()
        s.railsim.restart()
        assert s.state_of(hold) == "unknown"
        s.note_gateway()
        outcomes = [e for e in s.ledger() if e["type"] == "outcome" and e["hold"] == hold]
        assert [e["state"] for e in outcomes] == ["unknown"], outcomes
        assert s.approve(hold).status != 0
        assert s.interlock("wait", hold, "--timeout", "1s").status == 1
        assert deletions(s) == 1


def unknown_after(fault):
    with Stage(times={"answer": 2000, "body": 2000}) as s, s.session() as session:
        volume = s.new_volume()
        hold = session.hold_on(volume)
        s.railsim.restart((fault,))
        reply = s.approve(hold)
        assert reply.status == 1 and reply.json["state"] == "unknown", reply
        assert reply.json["outcome"]["summary"].startswith("unknown"), reply
        s.railsim.restart()
        assert deletions(s) == 1 and s.is_deleted(volume)
        assert s.approve(hold).status != 0
        again = session.delete_volume(volume)
        assert again.hold or again.denied, again
        assert deletions(s) == 1, "it was sent again"
        intents = [e for e in s.ledger() if e["type"] == "intent"]
        assert len(intents) == 1


def test_a_reset_after_the_request_is_unknown_and_never_repeated():
    unknown_after("reset-after-request")


def test_an_answer_cut_off_is_unknown_and_never_repeated():
    unknown_after("lie-length")


def test_an_answer_that_does_not_come_is_unknown_and_never_repeated():
    unknown_after("hang")


def test_a_provider_that_refuses_is_failed_and_the_agent_can_read_why():
    s = stage()
    with s.session() as session:
        hold = session.hold_on(s.new_volume())
        volume = s.show(hold)["targets"][0].rsplit("/", 1)[1]
        # Somebody else deletes it at the very last moment: the scope walk sees that, or the provider says so.
        s.railsim.ask(s.authority, 'mutation { volumeDelete(volumeId: "%s") }' % volume, ACCOUNT, s.seed.tokens["domains-cli"])
        reply = s.approve(hold)
        assert reply.json["state"] in ("failed", "superseded"), reply
        assert session.own(f"/holds/{hold}").json["state"] == reply.json["state"]


def test_a_gateway_stopped_with_sigterm_keeps_everything():
    with Stage() as s:
        with s.session() as session:
            hold = session.hold_on(s.new_volume())
            pid = s.note_gateway()
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not is_alive(pid), "the gateway's end")
        assert s.state_of(hold) == "pending"
        s.note_gateway()
        assert s.must("ledger", "verify", "--json").json["ok"]


def test_a_stop_does_not_wait_for_those_who_wait():
    with Stage() as s, s.session() as session:
        hold = session.hold_on(s.new_volume())
        pid = s.note_gateway()
        with subprocess.Popen([INTERLOCK, "--state", s.state, "--config", s.config, "wait", hold, "--timeout", "600s"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:
            try:
                assert s.interlock("wait", hold, "--timeout", "200ms").status == 3
                s.must("gateway", "stop")
                wait_until(lambda: not is_alive(pid), "the gateway's end")
                waiting.communicate(timeout=DEADLINE)
                assert waiting.returncode in (1, 3), waiting.returncode
            finally:
                waiting.kill()
        assert s.state_of(hold) == "pending"
        s.note_gateway()


def test_a_changed_store_is_noticed_and_nothing_is_sent():
    import sqlite3
    with Stage() as s, s.session() as session:
        volume, other = s.new_volume(), s.seed.volumes["pg-data"]
        hold, dear = session.hold_on(volume), session.hold_on(other)
        s.must("gateway", "stop")
        with sqlite3.connect(s.state / "interlock.db") as db:
            tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
            table = next(t for t in tables if "action" in [c[1] for c in db.execute(f"PRAGMA table_info({t})")])
            action, digest = db.execute(f"SELECT action, digest FROM {table} WHERE id = ?", (dear,)).fetchone()
            db.execute(f"UPDATE {table} SET action = ?, digest = ? WHERE id = ?", (action, digest, hold))
        db.close()
        s.note_gateway()
        assert s.interlock("approve", hold, "--key", s.key, "--digest", digest).status != 0
        assert deletions(s) == 0
