"""What somebody tried who had read the code: each claim was false once."""
import datetime
import json
import os
import signal

from harness import ACCOUNT, API, ODD, Stage, relay_to, shared
from wire import wait_until

CONFIG_RULES = """rules:
  - { name: reads,    when: { effect: read, environment: [lent, none] },            then: allow }
  - { name: own-env,  when: { effect: reversible, environment: lent },              then: allow }
  - { name: never,    when: { effect: irreversible, environment: production },      then: deny }
  - { name: for-good, when: { effect: [irreversible, unknown], disposable: false }, then: hold }
"""
TWO_FOR_PRODUCTION = {"production": "{ approvals: 2 }", "staging": "{ approvals: 1 }", "scratch": "{ disposable: true }"}


def answer_json(conn, value, content_type="application/json"):
    body = json.dumps(value, ensure_ascii=False).encode()
    conn.send(("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (content_type, len(body))).encode() + body)
    return True


def provider(stage, answer):
    """railsim behind a host that answers deletions as told; everything else passes on."""
    relay = relay_to(stage)
    seen = []

    def handle(conn, request):
        if b"volumeDelete" not in request.body and b"userDelete" not in request.body and b"signalRuleSet" not in request.body:
            return relay(conn, request)
        seen.append(request.body)
        return answer(conn, request)

    stage.odd.answer = handle
    return seen


def delete(session, volume, host=ODD):
    return session.graphql('mutation{ volumeDelete(volumeId:"%s") }' % volume, host=host)


# --- what stands beside an operation changes nothing about it ---


def test_an_operation_without_a_target_borrows_no_environment_from_its_neighbour():
    with Stage() as s, s.session() as session:
        seen = provider(s, lambda conn, request: answer_json(conn, {"data": {"ok": True}}))
        rule = 'signalRuleSet(input:{name:"x",owner:"o",ruleId:"r"}){id}'
        assert session.graphql("mutation{ %s }" % rule, host=ODD).hold
        beside = 'variableUpsert(input:{environmentId:"%s",projectId:"%s",name:"LOG_LEVEL",value:"x"})' % (
            s.seed.environments["staging"], s.seed.project)
        assert session.graphql("mutation{ %s %s }" % (beside, rule), host=ODD).hold
        assert session.graphql("mutation{ %s %s }" % (rule, beside), host=ODD).hold
        assert not seen


def test_deleting_in_a_disposable_environment_carries_nothing_else_through():
    with Stage() as s:
        seen = provider(s, lambda conn, request: answer_json(conn, {"data": {"ok": True}}))
        s.must("vault", "add", "pr", "--provider", "railway", "--environment", "scratch", "--kind", "account", "--wide",
               "--allow", "read,reversible,irreversible", input=s.seed.tokens["domains-cli"].encode())
        with s.session(environment="scratch") as session:
            headers = {ACCOUNT: "Bearer " + session.variables["RAILWAY_API_TOKEN"]}
            volume = s.seed.volumes["pr-data"]
            both = 'mutation{ volumeDelete(volumeId:"%s") userDelete }' % volume
            assert session.graphql(both, host=ODD, headers=headers).hold
            assert not seen


# --- a hold is judged again when it is executed ---


def test_a_successor_is_judged_by_the_rules_of_where_it_acts_now():
    with Stage(environments=TWO_FOR_PRODUCTION, extra=CONFIG_RULES) as s, s.session() as session:
        volume = s.seed.volumes["cache"]
        hold = session.hold_on(volume)
        assert s.show(hold)["required"] == 1
        renamed = s.railsim.ask(s.authority, 'mutation R($i: EnvironmentRenameInput!) { environmentRename(id: "%s", input: $i) { id } }' %
                                s.seed.environments["staging"], ACCOUNT, s.seed.tokens["domains-cli"], {"i": {"name": "live"}})
        assert renamed.get("data"), renamed
        reply = s.approve(hold)
        assert reply.json["state"] == "failed" and "denies" in reply.json["outcome"]["summary"], reply
        assert not s.is_deleted(volume)


def test_a_successor_asks_for_as_many_people_as_where_it_acts_now():
    with Stage(environments=TWO_FOR_PRODUCTION) as s, s.session() as session:
        volume = s.seed.volumes["cache"]
        hold = session.hold_on(volume)
        renamed = s.railsim.ask(s.authority, 'mutation R($i: EnvironmentRenameInput!) { environmentRename(id: "%s", input: $i) { id } }' %
                                s.seed.environments["staging"], ACCOUNT, s.seed.tokens["domains-cli"], {"i": {"name": "live"}})
        assert renamed.get("data"), renamed
        reply = s.approve(hold)
        assert reply.json["state"] == "superseded", reply
        assert s.show(reply.json["superseded_by"])["required"] == 2
        assert not s.is_deleted(volume)


def test_what_touches_no_environment_and_is_for_good_asks_for_productions_quorum():
    with Stage(environments=TWO_FOR_PRODUCTION) as s, s.session() as session:
        for mutation in ("userDelete", 'nobodyKnowsThis(id:"x")'):
            hold = session.graphql("mutation{ %s }" % mutation).hold
            assert s.show(hold)["required"] == 2, mutation


def test_a_reload_reaches_sessions_that_run():
    with Stage() as s, s.session() as session:
        query = "query{ projects(first:5){ edges{ node{ id } } } }"
        assert session.graphql(query).status == 200
        s.config.write_text(s.config.read_text() + "rules:\n  - { name: lockdown, when: { provider: railway }, then: deny }\n")
        os.kill(s.note_gateway(), signal.SIGHUP)
        wait_until(lambda: any(entry["type"] == "policy" for entry in s.ledger()), "the policy is on the record")
        assert session.graphql(query).denied
        assert session.delete_volume(s.seed.volumes["cache"]).denied


def test_a_hold_that_expires_while_the_provider_is_slow_is_not_sent():
    with Stage(times={"hold": 1500}) as s, s.session() as session:
        relay = relay_to(s)
        sent, held = [], []

        def slow(conn, request):
            if b"volumeDelete" in request.body:
                sent.append(request.body)
            elif held:
                # The walk before an execution lasts until the hold is over.
                over = datetime.datetime.fromisoformat(held[0].replace("Z", "+00:00"))
                wait_until(lambda: datetime.datetime.now(datetime.timezone.utc) > over, "the hold's time is over")
                held.clear()
            return relay(conn, request)

        s.odd.answer = slow
        hold = delete(session, s.new_volume()).hold
        held.append(s.show(hold)["expires"])
        s.approve(hold)
        # On a slow machine its time may be over before the signature arrives: then it is refused at once.
        assert s.show(hold)["state"] in ("pending", "failed", "expired"), s.show(hold)
        assert not sent


# --- what is said is what is known ---


def test_data_null_after_execution_began_is_an_unknown_outcome():
    with Stage() as s, s.session() as session:
        provider(s, lambda conn, request: answer_json(conn, {"errors": [{"message": "Volume not found", "path": ["b"]}], "data": None}))
        volume = s.new_volume()
        hold = session.graphql('mutation{ a: volumeDelete(volumeId:"%s") b: volumeDelete(volumeId:"%s") }' % (volume, volume), host=ODD).hold
        assert s.approve(hold).json["state"] == "unknown"


def test_a_refusal_of_the_one_operation_is_a_failure():
    with Stage() as s, s.session() as session:
        provider(s, lambda conn, request: answer_json(conn, {"errors": [{"message": "Not Authorized", "path": ["volumeDelete"]}], "data": None}))
        assert s.approve(delete(session, s.new_volume()).hold).json["state"] == "failed"


def test_asking_again_for_what_may_have_happened_says_so():
    with Stage() as s, s.session() as session:
        provider(s, lambda conn, request: False)
        volume = s.new_volume()
        hold = delete(session, volume).hold
        assert s.approve(hold).json["state"] == "unknown"
        again = delete(session, volume)
        assert again.hold == hold
        assert "may have happened" in again.message and "nothing changed" not in again.message, again.message


def test_an_answer_is_summarised_in_whole_characters():
    for padding in (174, 175, 176, 274, 275, 276):
        with shared(Stage).session() as session:
            s = shared(Stage)
            provider(s, lambda conn, request: answer_json(conn, {"data": {"volumeDelete": "x" * padding + "\u00e9" * 80}}))
            hold = delete(session, s.new_volume()).hold
            assert s.approve(hold).json["state"] == "executed"
            assert s.interlock("show", hold, "--json").status == 0
    for line in s.interlock("ledger", "export").raw.splitlines():
        json.loads(line.decode("utf-8"))


def test_no_hold_waits_without_its_entry_in_the_ledger():
    with Stage() as s, s.session() as session:
        refused = session.graphql('mutation{ %s(id:"x") }' % ("q" * 70000))
        assert refused.status >= 400 or refused.denied, refused.text[:200]
        recorded = {entry.get("hold") for entry in s.ledger() if entry["type"] == "hold"}
        assert {hold["id"] for hold in s.holds()} <= recorded


def test_a_header_that_is_not_text_can_be_shown_and_decided():
    with Stage() as s, s.session() as session:
        body = json.dumps({"query": 'mutation{ volumeDelete(volumeId:"%s") }' % s.new_volume()}).encode()
        connection = session.tls(API)
        connection.send(b"POST /graphql/v2 HTTP/1.1\r\nHost: " + API.encode() + b"\r\nuser-agent: \xff\xfe\r\nproject-access-token: " +
                        session.phantom.encode() + b"\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        answer = connection.read_answer("POST")
        if answer.hold:
            assert s.interlock("show", answer.hold).status == 0
        else:
            assert answer.status == 400, answer.text


# --- credentials ---


def test_the_type_of_an_executions_answer_is_scrubbed_too():
    with Stage() as s, s.session() as session:
        provider(s, lambda conn, request: answer_json(conn, {"data": {"volumeDelete": True}},
                                                      "application/json; t=" + request.headers.get("project-access-token", "?")))
        hold = delete(session, s.new_volume()).hold
        assert s.approve(hold).json["state"] == "executed"
        assert s.seed.tokens["staging-deploy"] not in session.own("/holds/" + hold).text


def test_another_use_under_the_same_name_is_lent_to_nobody_yet():
    with Stage() as s, s.session() as session:
        query = "query{ projects(first:5){ edges{ node{ id } } } }"
        assert session.graphql(query).status == 200
        entry = json.loads(s.interlock("vault", "list", "--json").out)
        name = next(e["name"] for e in entry if e["use"] == "lend")
        s.must("vault", "add", name, "--provider", "railway", "--environment", "production", "--kind", "project",
               input=s.seed.tokens["production-deploy"].encode())
        assert session.graphql(query).denied


def test_an_id_in_capitals_is_the_same_volume():
    with Stage() as s, s.session() as session:
        hold = session.delete_volume(s.seed.volumes["cache"].upper()).hold
        assert s.show(hold)["environments"] == ["staging"]
        assert s.show(hold)["loss"]
