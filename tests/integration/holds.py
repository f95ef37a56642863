"""What is held: what the agent is told, what the human sees, no, and too late."""
import concurrent.futures
import json
import re
import time

from harness import ACCOUNT, API, GRAPHQL, PROJECT, Stage, control, shared, statement
from wire import wait_until


def stage():
    return shared(Stage)


def deletions(s):
    return len(s.railsim.requests("volumeDelete"))


# --- the hold ---


def test_the_incidents_deletion_is_held_with_what_it_would_destroy():
    s = stage()
    volume = s.seed.volumes["pg-data"]
    with s.session() as session:
        answer = session.delete_volume(volume)
        first, rest = answer.message.split("\n", 1)
        assert first == f"INTERLOCK HOLD {answer.hold}: not executed, nothing changed."
        assert re.fullmatch(r"h-[0-9a-z]+", answer.hold)
        assert "production and staging" in rest and "alice" in rest and "pg-data" in rest, rest
        assert f"http://interlock.internal/holds/{answer.hold}" in rest
        assert "retry" not in rest.lower()
        hold = s.show(answer.hold)
        assert hold["environments"] == ["production", "staging"]
        assert hold["operation"] == "railway.volumeDelete" and hold["effect"] == "irreversible"
        assert hold["targets"] == [f"railway:volume/{volume}"]
        assert hold["state"] == "pending" and hold["session"] == session.id and hold["rule"] == "for-good"
        assert hold["required"] == 1 and hold["approvals"] == [] and hold["outcome"] is None
        loss = json.dumps(hold["loss"])
        assert "pg-data" in loss or "50" in loss, loss
        assert "backup" in loss.lower(), loss
        assert hold["recovery"]["verdict"] == "none", hold["recovery"]
        assert re.fullmatch(r"[0-9a-f]{64}", hold["digest"])
        assert answer.hold in [h["id"] for h in s.holds()]
    assert s.railsim.rows("pg-data", "production") == 48213
    assert s.railsim.requests("volumeDelete") == []


def test_the_human_sees_names_size_services_and_backups():
    s = stage()
    with s.session() as session:
        page = s.must("show", session.hold_on(s.seed.volumes["pg-data"])).out
        for word in ("pg-data", "production", "staging", "postgres", "backup", "volumeDelete"):
            assert word in page, (word, page)
        assert "\033" not in page, "colours although nobody looks at a terminal"


def test_the_shown_request_holds_no_credential():
    s = stage()
    with s.session() as session:
        hold = s.show(session.hold_on(s.seed.volumes["pg-data"]))
        request = hold["request"]
        assert request["method"] == "POST" and request["url"] == f"https://{API}{GRAPHQL}"
        assert PROJECT not in request["headers"] and ACCOUNT not in request["headers"]
        assert request["credential"].startswith("staging ")
        text = json.dumps(hold)
        assert session.phantom not in text and not [t for t in s.seed.tokens.values() if t in text]


def test_times_are_rfc_3339_utc():
    s = stage()
    with s.session() as session:
        hold = s.show(session.hold_on(s.seed.volumes["pg-data"]))
        for key in ("created", "expires"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", hold[key]), hold[key]


def test_identical_requests_are_held_once():
    s = stage()
    volume = s.new_volume()
    with s.session() as session, session.tls(API) as c:
        mutation = 'mutation { volumeDelete(volumeId: "%s") }' % volume
        ids = {session.graphql(mutation, connection=c).hold for _ in range(3)}
        ids |= {session.graphql(mutation, headers={PROJECT: session.phantom, "User-Agent": f"sdk/{i}"}).hold for i in range(2)}
        assert len(ids) == 1, ids
        mine = [h for h in s.holds() if h["session"] == session.id]
        assert len(mine) == 1, mine


def test_identical_requests_at_once_are_held_once():
    s = stage()
    volume = s.new_volume()
    with s.session() as session, concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: session.hold_on(volume), range(8)))
        assert len(ids) == 1, ids


def test_the_same_request_of_another_session_is_another_hold():
    s = stage()
    volume = s.new_volume()
    with s.session() as first, s.session() as second:
        assert first.hold_on(volume) != second.hold_on(volume)


def test_another_document_with_the_same_effect_is_not_covered_by_the_first_hold():
    s = stage()
    a, b = s.new_volume(), s.new_volume()
    with s.session() as session:
        first = session.hold_on(a)
        second = session.hold_on(b)
        assert first != second and s.show(first)["digest"] != s.show(second)["digest"]


# --- no ---


def test_a_rejected_request_asked_again_gets_the_same_rejection():
    s = stage()
    volume = s.new_volume()
    with s.session() as session:
        hold = session.hold_on(volume)
        reply = s.must("reject", hold, "--reason", "ask me on Monday", "--json")
        assert reply.json["state"] == "rejected"
        for _ in range(2):
            answer = session.delete_volume(volume)
            assert answer.denied and not answer.hold, answer
            assert hold in answer.message and "ask me on Monday" in answer.message, answer.message
        assert [h["id"] for h in s.holds("all") if h["session"] == session.id] == [hold]
        assert s.approve(hold).status == 4
        assert session.own(f"/holds/{hold}").json["state"] == "rejected"
    assert not s.is_deleted(volume)


def test_reject_wants_a_reason():
    s = stage()
    with s.session() as session:
        hold = session.hold_on(s.new_volume())
        assert s.interlock("reject", hold).status == 2
        assert s.state_of(hold) == "pending"


def test_a_hold_that_nobody_signs_expires():
    with Stage(times={"hold": 1500}) as s, s.session() as session:
        hold = session.hold_on(s.new_volume())
        signature = s.sign(statement(s, hold))
        reply = s.interlock("wait", hold, "--timeout", "20s", "--json")
        assert reply.status == 4 and reply.json["state"] == "expired", reply
        answer = control(s, {"op": "approve", "hold": hold, "signature": signature})
        assert "result" not in answer or answer["result"]["state"] != "executed", answer
        assert s.approve(hold).status == 4
        assert deletions(s) == 0


def test_a_signature_that_comes_late_does_not_count():
    # Before anybody has swept the queue: the moment counts, not the sweep.
    with Stage(times={"hold": 1200}) as s, s.session() as session:
        hold = session.hold_on(s.new_volume())
        signature = s.sign(statement(s, hold))
        expires = s.show(hold)["expires"]
        wait_until(lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1)) > expires[:19] + "Z", "the expiry")
        answer = control(s, {"op": "approve", "hold": hold, "signature": signature})
        assert "result" not in answer or answer["result"]["state"] == "expired", answer
        assert deletions(s) == 0


# --- what the agent learns ---


def test_the_answer_is_kept_for_the_session_that_asked_and_no_other():
    s = stage()
    with s.session() as session, s.session() as other:
        hold = session.hold_on(s.new_volume())
        waiting = session.own(f"/holds/{hold}")
        assert waiting.status == 200 and waiting.json["state"] == "pending" and "answer" not in waiting.json
        assert s.approve(hold).status == 0
        done = session.own(f"/holds/{hold}")
        assert done.json["state"] == "executed"
        assert done.json["answer"]["status"] == 200
        assert json.loads(done.json["answer"]["body"]) == {"data": {"volumeDelete": True}}
        stranger, nobody = other.own(f"/holds/{hold}"), other.own("/holds/h-0000000000")
        assert stranger.status == nobody.status == 404
        assert stranger.body == nobody.body, "another session can tell that the hold exists"


def test_the_own_host_answers_get_and_lists_nothing():
    s = stage()
    with s.session() as session:
        hold = session.hold_on(s.new_volume())
        for path in ("/", "/holds", "/holds/", "/status", "/approve", f"/holds/{hold}/approve", f"/holds/{hold}?approve=1", f"/holds/../holds/{hold}x"):
            answer = session.own(path)
            assert answer.status in (400, 404), (path, answer)
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            answer = session.absolute(method, f"http://interlock.internal/holds/{hold}", body=b"{}")
            assert answer.status == 405, answer
        assert s.state_of(hold) == "pending"
