"""Credentials that Interlock did not issue are refused wherever they stand, and reported; those that it
did issue never show their real value to anybody.
"""
import base64
import json
import pathlib
import stat

from harness import ACCOUNT, API, PLAIN, PROJECT, Stage, every, shared

READ = "query { projects { edges { node { id } } } }"


def make_stage():
    s = Stage(egress=(PLAIN, "open.test"))
    # In the vault, and not lent to sessions of staging: known, and foreign to them.
    s.vault("production", "production-deploy", "production", "project")
    s.workspace = s.dir / "work"
    (s.workspace / "scripts").mkdir(parents=True)
    (s.workspace / "scripts" / "domains.ts").write_text('// adds domains\nconst token = "%s";\n' % s.seed.tokens["domains-cli"])
    return s


def stage():
    return shared(make_stage)


def is_denied(answer):
    assert answer.denied.startswith("d-"), answer
    assert answer.status in (200, 403)
    assert answer.message.startswith(f"INTERLOCK DENIED {answer.denied}: not sent, nothing changed."), answer.message


def leaks(s, session):
    return [e for e in s.ledger() if e["type"] == "leak" and e["session"] == session.id]


def seen_by_provider(s):
    return [r for r in s.railsim.requests() if r["token"] != "scope-reader"]


def encodings(token):
    raw = token.encode()
    return [("plain", token), ("base64", base64.b64encode(raw).decode()),
            ("base64 of more", base64.b64encode(b"user:" + raw).decode()),
            ("base64url", base64.urlsafe_b64encode(raw).decode().rstrip("=")),
            ("percent", "".join(f"%{b:02X}" for b in raw))]


def test_a_foreign_token_in_a_credential_place_is_denied_and_reported():
    s = stage()
    foreign = s.seed.tokens["domains-cli"]
    before = len(seen_by_provider(s))
    cases = [
        ("bearer", {ACCOUNT: f"Bearer {foreign}"}),
        ("bearer in lower case", {ACCOUNT: f"bearer {foreign}"}),
        ("without a scheme", {ACCOUNT: foreign}),
        ("basic", {ACCOUNT: "Basic " + base64.b64encode(f"x:{foreign}".encode()).decode()}),
        ("token scheme", {ACCOUNT: f"Token {foreign}"}),
        ("project header", {PROJECT: foreign}),
        ("another token's shape", {PROJECT: "not-even-a-uuid"}),
    ]
    with s.session() as session:
        def denied(label, headers):
            count = len(leaks(s, session))
            is_denied(session.graphql(READ, headers=headers))
            found = leaks(s, session)
            assert len(found) == count + 1, f"{len(found) - count} leaks were reported"
            assert found[-1]["place"] == f"header {next(iter(headers))}" and found[-1]["host"] == API, found[-1]

        every(cases, denied)
    assert len(seen_by_provider(s)) == before, "the provider saw a foreign token"


def test_a_foreign_token_beside_the_lent_one_is_denied():
    s = stage()
    with s.session() as session:
        is_denied(session.graphql(READ, headers={PROJECT: session.phantom, ACCOUNT: f"Bearer {s.seed.tokens['domains-cli']}"}))
        is_denied(session.graphql(READ, headers={PROJECT: session.phantom, "X-Api-Key": s.seed.tokens["domains-cli"]}))


def test_a_foreign_token_in_another_header_is_denied():
    s = stage()
    with s.session() as session:
        every([("api key", {"X-Api-Key": "abcdefgh"}), ("auth token", {"X-Auth-Token": "abcdefgh"}), ("cookie", {"Cookie": "session=abcdefgh"}),
               ("secret", {"X-Client-Secret": "abcdefgh"})],
              lambda label, headers: is_denied(session.get(PLAIN, "/", headers)))


def test_a_token_in_the_query_is_denied():
    s = stage()
    before = len(s.plain.requests)
    with s.session() as session:
        for query in ("token=abcdefgh", "access_token=abcdefgh", "a=b&api_key=abcdefgh", "Token=abcdefgh", "X-Amz-Signature=abcdefgh"):
            is_denied(session.get(PLAIN, f"/x?{query}"))
        # A cursor is no credential.
        assert session.get(PLAIN, "/x?pageToken=abcdefgh").status == 200
    assert len(s.plain.requests) == before + 1


def test_a_token_of_the_vault_is_found_in_every_encoding_and_place():
    s = stage()
    foreign = s.seed.tokens["production-deploy"]
    plain_before, provider_before = len(s.plain.requests), len(seen_by_provider(s))
    with s.session() as session:
        def denied(label, text):
            is_denied(session.get(PLAIN, f"/x?note={text}"))
            is_denied(session.get(PLAIN, "/x", {"X-Note": text}))
            is_denied(session.request("POST", PLAIN, "/x", {"Content-Type": "text/plain"}, text.encode()))
            is_denied(session.graphql("query Q($a: String!) { project(id: $a) { id } }", {"a": text}))

        every(encodings(foreign), denied)
        assert {e["kind"] for e in leaks(s, session)} >= {"vault entry production"}
    assert len(s.plain.requests) == plain_before and len(seen_by_provider(s)) == provider_before


def test_a_token_of_the_workspace_is_named_by_file_and_line():
    s = stage()
    with s.session(workspace=s.workspace) as session:
        answer = session.graphql(READ, headers={ACCOUNT: f"Bearer {s.seed.tokens['domains-cli']}"})
        is_denied(answer)
        assert "scripts/domains.ts:2" in answer.message, answer.message
        assert leaks(s, session)[-1]["found_at"] == "scripts/domains.ts:2"
        # And recognised where only its text gives it away.
        is_denied(session.graphql("query Q($a: String!) { project(id: $a) { id } }", {"a": s.seed.tokens["domains-cli"]}))


def test_a_known_token_does_not_leave_for_an_unguarded_host_either():
    s = stage()
    with s.session(workspace=s.workspace) as session:
        for token in (s.seed.tokens["production-deploy"], s.seed.tokens["domains-cli"], s.seed.tokens["staging-deploy"], session.phantom):
            answer = session.absolute("GET", "http://open.test/x", {"X-Note": token})
            assert answer.denied, answer


def test_the_real_value_of_the_lent_token_is_foreign_too():
    s = stage()
    before = len(seen_by_provider(s))
    with s.session() as session:
        is_denied(session.graphql(READ, headers={PROJECT: s.seed.tokens["staging-deploy"]}))
    assert len(seen_by_provider(s)) == before


def test_the_phantom_of_another_session_is_foreign():
    s = stage()
    before = len(seen_by_provider(s))
    with s.session() as first, s.session() as second:
        assert first.phantom != second.phantom
        is_denied(second.graphql(READ, headers={PROJECT: first.phantom}))
        assert any(e["kind"] == "phantom of another session" for e in leaks(s, second)) or leaks(s, second)
        is_denied(second.graphql(READ, headers={PROJECT: second.phantom, "X-Note": first.phantom}))
        assert any("phantom" in e["kind"] for e in leaks(s, second)), leaks(s, second)
    assert len(seen_by_provider(s)) == before


def test_the_phantom_of_an_ended_session_is_foreign():
    s = stage()
    ended = s.session()
    phantom = ended.phantom
    ended.close()
    with s.session() as session:
        is_denied(session.graphql(READ, headers={PROJECT: phantom}))


def test_a_phantom_where_it_has_no_business_is_denied():
    s = stage()
    before = len(seen_by_provider(s))
    with s.session() as session:
        phantom = session.phantom
        for label, text in encodings(phantom):
            is_denied(session.graphql("query Q($a: String!) { project(id: $a) { id } }", {"a": text}))
        is_denied(session.graphql(READ, headers={PROJECT: phantom, "User-Agent": phantom}))
        is_denied(session.graphql(READ, headers={PROJECT: phantom, ACCOUNT: f"Bearer {phantom}"}))
        is_denied(session.get(PLAIN, f"/{phantom}"))
    assert len(seen_by_provider(s)) == before


def test_the_lent_token_in_the_other_header_gets_the_providers_own_refusal():
    # The credential mismatch of the incident: the provider's business, and nothing is destroyed by it.
    with stage().session() as session:
        answer = session.graphql(READ, headers={ACCOUNT: f"Bearer {session.phantom}"})
        assert answer.status in (200, 401) and "Not Authorized" in answer.text, answer


def test_a_request_without_a_credential_goes_out_without_one():
    s = stage()
    with s.session() as session:
        answer = session.graphql(READ, headers={})
        assert "Not Authorized" in answer.text, answer
        assert s.railsim.requests()[-1]["token"] == ""


def test_the_phantom_has_the_shape_of_the_real_token():
    s = stage()
    with s.session() as session:
        real = s.seed.tokens["staging-deploy"]
        assert len(session.phantom) == len(real) and session.phantom != real
        assert [c == "-" for c in session.phantom] == [c == "-" for c in real]
        assert session.variables["RAILWAY_TOKEN"] == session.phantom
        assert not set(s.seed.tokens.values()) & set(session.variables.values())


def test_a_credential_for_scope_is_never_lent():
    with stage().session(environment="production") as session:
        assert "RAILWAY_API_TOKEN" not in session.variables, session.variables
    with stage().session() as session:
        assert set(session.variables) == {"RAILWAY_TOKEN"}


def test_no_real_token_is_written_printed_or_answered():
    s = stage()
    with s.session(workspace=s.workspace) as session:
        session.graphql(READ)
        session.graphql(READ, headers={ACCOUNT: f"Bearer {s.seed.tokens['domains-cli']}"})
        session.graphql(READ, headers={PROJECT: s.seed.tokens["production-deploy"]})
        session.hold_on(s.seed.volumes["pg-data"])
        for words in (("vault", "list"), ("vault", "list", "--json"), ("status",), ("holds", "--json"), ("ledger", "export")):
            s.must(*words)
        s.show(s.holds()[0]["id"])
        answers = b"".join(session.received)
        secrets = [v for k, v in s.seed.tokens.items()]
        found = s.find_secrets(secrets, answers)
        assert not found, found


def test_no_real_token_stands_in_the_gateways_command_line_or_environment():
    s = stage()
    pid = s.note_gateway()
    for name in ("cmdline", "environ"):
        try:
            data = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
        except PermissionError:
            continue
        assert not [t for t in s.seed.tokens.values() if t.encode() in data]


def test_state_is_readable_by_its_owner_alone():
    s = stage()
    assert stat.S_IMODE(s.state.stat().st_mode) == 0o700
    for name in ("vault", "vault.key", "interlock.db", "gateway.sock", "ca.key"):
        mode = stat.S_IMODE((s.state / name).stat().st_mode)
        assert mode & 0o077 == 0, f"{name} has mode {mode:o}"


def test_lending_an_account_token_wants_an_explicit_word():
    s = stage()
    value = s.seed.tokens["domains-cli"].encode()
    words = ("vault", "add", "wide", "--provider", "railway", "--environment", "staging", "--kind", "account")
    assert s.interlock(*words, input=value).status == 4
    assert "wide" not in [e["name"] for e in s.must("vault", "list", "--json").json]


def test_a_removed_credential_is_used_no_more():
    with Stage() as s, s.session() as session:
        assert session.graphql(READ).status == 200
        held = session.hold_on(s.new_volume())
        s.must("vault", "remove", "staging")
        before = len(seen_by_provider(s))
        answer = session.graphql(READ)
        assert answer.denied, answer
        reply = s.approve(held)
        assert reply.status == 1 and reply.json["state"] == "failed", reply
        assert len(seen_by_provider(s)) == before


def test_a_replaced_credential_fails_what_was_signed_for_the_old_one():
    with Stage() as s, s.session() as session:
        held = session.hold_on(s.new_volume())
        s.vault("staging", "staging-deploy", "staging", "project")
        reply = s.approve(held)
        assert reply.json["state"] == "failed" and s.railsim.applied("volumeDelete") == [], reply


def test_a_lend_for_reads_holds_everything_else():
    with Stage(vault=False) as s:
        s.vault("scope", "scope-reader", "production", "account", "--for", "scope")
        s.vault("staging", "staging-deploy", "staging", "project", "--allow", "read")
        with s.session() as session:
            assert session.graphql(READ).json["data"]
            answer = session.graphql('mutation { variableUpsert(input: {projectId: "%s", environmentId: "%s", name: "A", value: "b"}) }' % (
                s.seed.project, s.seed.environments["staging"]))
            assert answer.hold, answer
            assert s.show(answer.hold)["rule"] == "lend"
        assert s.railsim.applied() == []


def test_vault_values_come_from_stdin_alone():
    s = stage()
    reply = s.interlock("vault", "add", "empty", "--provider", "railway", "--environment", "staging", input=b"")
    assert reply.status == 2
    reply = s.interlock("vault", "add", "x", "secret-on-the-command-line", "--provider", "railway", "--environment", "staging")
    assert reply.status == 2
    assert json.loads(s.must("vault", "list", "--json").out)
