"""GraphQL through the gateway against railsim: whatever spelling a destruction takes, it is held or
refused, and the provider's own list of applied mutations stays as it was.
"""
import gzip
import json
import time

from harness import API, GRAPHQL, PROJECT, Stage, every, shared
from wire import DEADLINE


def stage():
    return shared(Stage)


class nothing_applied:
    """The provider applies and is asked nothing but reads while this is open."""

    def __init__(self, s):
        self.s = s

    def __enter__(self):
        self.before = len(self.s.railsim.requests("volumeDelete")), len(self.s.railsim.applied())

    def __exit__(self, kind, *_):
        if kind is None:
            now = len(self.s.railsim.requests("volumeDelete")), len(self.s.railsim.applied())
            assert now == self.before, f"the provider was reached: {self.s.railsim.requests()[-3:]}"


def is_held(answer, operation=None):
    assert answer.status == 200 and answer.hold.startswith("h-"), answer
    body = answer.json
    assert body["data"] is None
    error = body["errors"][0]
    assert error["extensions"]["code"] == "INTERLOCK_HOLD" and error["extensions"]["hold"] == answer.hold
    assert error["message"].startswith(f"INTERLOCK HOLD {answer.hold}: not executed, nothing changed.\n"), error["message"]


def is_refused(answer, status, name):
    assert (answer.status, answer.problem) == (status, name), f"{answer.status} {answer.problem or answer.text[:300]}"
    assert not answer.body or "not sent, nothing changed" in answer.json["detail"]


def post(session, body, content_type="application/json", target=GRAPHQL, **more):
    body = body if isinstance(body, bytes) else body.encode()
    fields = {PROJECT: session.phantom}
    if content_type:
        fields["Content-Type"] = content_type
    return session.request("POST", API, target, {**fields, **more}, body)


# --- what passes ---


def test_a_read_passes_with_its_data():
    s = stage()
    with s.session() as session:
        answer = session.graphql("query P($id: String!) { project(id: $id) { id name } }", {"id": s.seed.project})
        assert answer.status == 200 and answer.json == {"data": {"project": {"id": s.seed.project, "name": "pocketos"}}}, answer
        assert not answer.hold and not answer.denied


def test_a_read_by_get_passes():
    s = stage()
    from urllib.parse import quote
    with s.session() as session:
        answer = session.get(API, f"{GRAPHQL}?query=" + quote("{ project(id: \"%s\") { name } }" % s.seed.project), {PROJECT: session.phantom})
        assert answer.status == 200 and answer.json["data"]["project"]["name"] == "pocketos", answer


def test_introspection_passes_or_is_answered_by_the_provider():
    with stage().session() as session:
        answer = session.graphql("{ __typename }")
        assert answer.status == 200 and not answer.hold and not answer.denied, answer


def upsert(s, environment, name="LOG_LEVEL", value="debug"):
    return {"query": "mutation U($input: VariableUpsertInput!) { variableUpsert(input: $input) }",
            "variables": {"input": {"projectId": s.seed.project, "environmentId": s.seed.environments[environment],
                                    "serviceId": s.seed.services["web"], "name": name, "value": value}}}


def test_a_reversible_mutation_in_the_lent_environment_passes_unasked():
    s = stage()
    with s.session() as session:
        before = len(s.railsim.applied("variableUpsert"))
        request = upsert(s, "staging")
        answer = session.graphql(request["query"], request["variables"])
        assert answer.status == 200 and answer.json == {"data": {"variableUpsert": True}}, answer
        assert len(s.railsim.applied("variableUpsert")) == before + 1
        assert s.railsim.requests("variableUpsert")[-1]["token"] == "staging-deploy"


def test_the_same_mutation_in_production_is_held():
    s = stage()
    s.vault("production", "production-deploy", "production", "project")
    with s.session() as session, nothing_applied(s):
        request = upsert(s, "production")
        answer = session.graphql(request["query"], request["variables"])
        is_held(answer)
        hold = s.show(answer.hold)
        assert hold["environments"] == ["production"] and hold["effect"] == "reversible"
        assert hold["operation"] == "railway.variableUpsert"


def test_a_variable_that_points_at_data_is_held_in_staging_too():
    s = stage()
    with s.session() as session, nothing_applied(s):
        request = upsert(s, "staging", "DATABASE_URL", "postgresql://elsewhere")
        is_held(session.graphql(request["query"], request["variables"]))


# --- spellings of a destruction ---


def spellings(v):
    d = f'volumeDelete(volumeId: "{v}")'
    return [
        ("plain", {"query": f"mutation {{ {d} }}"}),
        ("alias", {"query": f"mutation {{ ok: {d} }}"}),
        ("alias like a read", {"query": f"mutation {{ project: {d} }}"}),
        ("inline fragment", {"query": f"mutation {{ ... on Mutation {{ {d} }} }}"}),
        ("bare inline fragment", {"query": f"mutation {{ ... {{ {d} }} }}"}),
        ("named fragment", {"query": f"mutation {{ ...F }} fragment F on Mutation {{ {d} }}"}),
        ("fragment in fragment", {"query": f"mutation {{ ...A }} fragment A on Mutation {{ ...B }} fragment B on Mutation {{ {d} }}"}),
        ("fragment before", {"query": f"fragment F on Mutation {{ {d} }} mutation {{ ...F }}"}),
        ("operationName", {"query": f"query A {{ me {{ id }} }} mutation B {{ {d} }}", "operationName": "B"}),
        ("variable", {"query": "mutation D($v: String!) { volumeDelete(volumeId: $v) }", "variables": {"v": v}}),
        ("default of a variable", {"query": f'mutation D($v: String! = "{v}") {{ volumeDelete(volumeId: $v) }}'}),
        ("include", {"query": f"mutation {{ {d} @include(if: true) }}"}),
        ("include by variable", {"query": f"mutation D($b: Boolean!) {{ {d} @include(if: $b) }}", "variables": {"b": True}}),
        ("skip false", {"query": f"mutation {{ {d} @skip(if: false) }}"}),
        ("beside a harmless field", {"query": f'mutation {{ a: volumeUpdate(volumeId: "{v}", input: {{name: "n"}}) {{ id }} b: {d} }}'}),
        ("comments and commas", {"query": f'#x\nmutation,#y\n{{,,volumeDelete#z\n(,volumeId,:"{v}",),}}'}),
        ("carriage returns", {"query": f'# a\rmutation\r{{ volumeDelete(volumeId: "{v}") }}'}),
        ("block string", {"query": f'mutation {{ volumeDelete(volumeId: """{v}""") }}'}),
        ("escaped characters", {"query": 'mutation { volumeDelete(volumeId: "\\u%04x%s") }' % (ord(v[0]), v[1:])}),
        ("subscription", {"query": f"subscription {{ {d} }}"}),
        ("strange directive", {"query": f"mutation {{ {d} @live }}"}),
        ("null extensions", {"query": f"mutation {{ {d} }}", "extensions": None}),
    ]


def test_every_spelling_of_a_deletion_is_held():
    s = stage()
    volume = s.seed.volumes["pg-data"]
    with s.session() as session, nothing_applied(s):
        every(spellings(volume), lambda label, request: is_held(post(session, json.dumps(request))))


def test_json_escapes_in_the_body_change_nothing():
    s = stage()
    query = 'mutation { volumeDelete(volumeId: "%s") }' % s.seed.volumes["pg-data"]
    escaped = "".join(f"\\u{ord(c):04x}" for c in query)
    with s.session() as session, nothing_applied(s):
        is_held(post(session, '{"query":"%s"}' % escaped))
        is_held(post(session, '{"\\u0071uery":"%s"}' % escaped))


def test_all_spellings_of_one_deletion_name_the_same_target():
    s = stage()
    volume = s.seed.volumes["pg-data"]
    with s.session() as session:
        for label, request in spellings(volume):
            if label in ("subscription", "strange directive"):
                continue
            hold = s.show(post(session, json.dumps(request)).hold)
            assert f"railway:volume/{volume}" in hold["targets"], (label, hold["targets"])
            assert hold["environments"] == ["production", "staging"], (label, hold["environments"])


def bodies(v):
    d = f'volumeDelete(volumeId: "{v}")'
    good = json.dumps({"query": f"mutation {{ {d} }}"})
    read = "{ me { id } }"
    return [
        ("batch", f"[{good}]", "application/json", 400, "graphql-batch"),
        ("batch of a read and a deletion", json.dumps([{"query": read}, {"query": f"mutation {{ {d} }}"}]), "application/json", 400, "graphql-batch"),
        ("duplicate query", '{"query":"%s","query":%s' % (read, good[9:]), "application/json", 400, "json"),
        ("duplicate query, escaped", '{"query":"%s","qu\\u0065ry":%s' % (read, good[9:]), "application/json", 400, "json"),
        ("duplicate in variables", '{"query":"query Q($v:String){project(id:$v){id}}","variables":{"v":"a","v":"b"}}', "application/json", 400, "json"),
        ("BOM", "\ufeff".encode() + good.encode(), "application/json", 400, "json"),
        ("UTF-16", good.encode("utf-16"), "application/json", 400, "json"),
        ("UTF-16 as declared", good.encode("utf-16"), "application/json; charset=utf-16", 415, "graphql-content-type"),
        ("UTF-32", good.encode("utf-32"), "application/json", 400, "json"),
        ("UTF-7 declared", good.encode("utf-7"), "application/json; charset=utf-7", 415, "graphql-content-type"),
        ("bad UTF-8", good.encode().replace(b"mutation", b"mutation\xff"), "application/json", 400, "json"),
        ("overlong UTF-8", good.encode().replace(b"{", b"\xc1\xbb", 1), "application/json", 400, "json"),
        ("lone surrogate", '{"query":"mutation { %s } #\\ud800"}' % d.replace('"', '\\"'), "application/json", 400, "json"),
        ("NaN", '{"query":"%s","variables":{"a":NaN}}' % read, "application/json", 400, "json"),
        ("JSON comment", "/**/" + good, "application/json", 400, "json"),
        ("trailing comma", good[:-1] + ",}", "application/json", 400, "json"),
        ("two values", good + good, "application/json", 400, "json"),
        ("a string", json.dumps(good), "application/json", 400, "graphql-body"),
        ("empty", "", "application/json", 400, "json"),
        ("no query", "{}", "application/json", 400, "graphql-no-query"),
        ("form", "query=mutation%7Bx%7D", "application/x-www-form-urlencoded", 415, "graphql-content-type"),
        ("application/graphql", f"mutation {{ {d} }}", "application/graphql", 415, "graphql-content-type"),
        ("multipart", f'--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{good}\r\n--b--\r\n', "multipart/form-data; boundary=b", 415, "graphql-content-type"),
        ("text/plain", good, "text/plain", 415, "graphql-content-type"),
        ("no content type", good, "", 415, "graphql-content-type"),
        ("two in one content type", good, "application/json; charset=utf-8; charset=utf-16", 415, "graphql-content-type"),
        ("persisted query", json.dumps({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "ab" * 32}}}), "application/json", 400, "graphql-persisted-query"),
        ("persisted query with a document", json.dumps({"query": read, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "ab" * 32}}}), "application/json", 400, "graphql-persisted-query"),
        ("document id", json.dumps({"id": "deadbeef", "query": read}), "application/json", 400, "graphql-unknown-key"),
        ("nested batch", json.dumps({"query": read, "extensions": {"batch": [{"query": f"mutation {{ {d} }}"}]}}), "application/json", 400, "graphql-extensions"),
        ("no operationName", json.dumps({"query": f"query A {{ me {{ id }} }} mutation B {{ {d} }}"}), "application/json", 400, "graphql-operation-name"),
        ("unknown operationName", json.dumps({"query": f"query A {{ me {{ id }} }} mutation B {{ {d} }}", "operationName": "C"}), "application/json", 400, "graphql-operation-name"),
        ("two operations of one name", json.dumps({"query": f"query A {{ me {{ id }} }} mutation A {{ {d} }}", "operationName": "A"}), "application/json", 400, None),
        ("operationName as a number", json.dumps({"query": read, "operationName": 1}), "application/json", 400, "graphql-operation-name"),
        ("variables as text", json.dumps({"query": read, "variables": "{}"}), "application/json", 400, "graphql-variables"),
        ("a variable is missing", json.dumps({"query": "mutation D($v: String!) { volumeDelete(volumeId: $v) }"}), "application/json", 400, "graphql-variables"),
        ("escape in a name", json.dumps({"query": "mutation { volume\\u0044elete(volumeId: \"%s\") }" % v}), "application/json", 400, "graphql-document"),
        ("letter that looks alike", json.dumps({"query": "mutation { v\u043elumeDelete(volumeId: \"%s\") }" % v}), "application/json", 400, "graphql-document"),
        ("zero-width space", json.dumps({"query": "mutation { volume\u200bDelete(volumeId: \"%s\") }" % v}), "application/json", 400, "graphql-document"),
        ("BOM in the document", json.dumps({"query": f"\ufeffmutation {{ {d} }}"}), "application/json", 400, "graphql-document"),
        ("NUL", json.dumps({"query": f"mutation {{ {d} }}\0"}), "application/json", 400, "graphql-document"),
        ("unfinished", json.dumps({"query": f"mutation {{ {d}"}), "application/json", 400, "graphql-document"),
        ("schema definition", json.dumps({"query": "type Query { a: Int }"}), "application/json", 400, None),
        ("fragment alone", json.dumps({"query": f"fragment F on Mutation {{ {d} }}"}), "application/json", 400, None),
        ("unknown fragment", json.dumps({"query": "mutation { ...F }"}), "application/json", 400, "graphql-document"),
        ("fragment cycle", json.dumps({"query": "mutation { ...A } fragment A on Mutation { ...B } fragment B on Mutation { ...A }"}), "application/json", 400, "graphql-document"),
    ]


def test_every_form_that_could_be_read_differently_is_refused_by_name():
    s = stage()
    with s.session() as session, nothing_applied(s):
        def refused(label, body, content_type, status, name):
            answer = post(session, body, content_type)
            if name is None:
                assert answer.status == status and answer.problem.startswith("graphql-"), answer
            else:
                is_refused(answer, status, name)

        every(bodies(s.seed.volumes["pg-data"]), refused)


def test_a_mutation_by_get_is_refused():
    s = stage()
    from urllib.parse import quote
    document = quote('mutation { volumeDelete(volumeId: "%s") }' % s.seed.volumes["pg-data"])
    with s.session() as session, nothing_applied(s):
        for target, status, name in ((f"{GRAPHQL}?query={document}", 405, "graphql-get-mutation"),
                                     (f"{GRAPHQL}?query={{me{{id}}}}&query={document}", 400, "query-string"),
                                     (f"{GRAPHQL}?query=query%20A{{me{{id}}}}%20{document}", 400, "graphql-document"),
                                     (f"{GRAPHQL}?query={{me{{id}}}}&extensions=%7B%22persistedQuery%22%3A%7B%7D%7D", 400, "graphql-persisted-query"),
                                     (f"{GRAPHQL}?extensions=%7B%22persistedQuery%22%3A%7B%22sha256Hash%22%3A%22ab%22%7D%7D", 400, "graphql-persisted-query")):
            is_refused(session.get(API, target, {PROJECT: session.phantom}), status, name)


def test_a_body_beside_a_query_by_get_is_never_sent():
    s = stage()
    body = json.dumps({"query": 'mutation { volumeDelete(volumeId: "%s") }' % s.seed.volumes["pg-data"]}).encode()
    target = f"{GRAPHQL}?query=%7Bprojects%7Bedges%7Bnode%7Bid%7D%7D%7D%7D"
    with s.session() as session, nothing_applied(s):
        for method in ("GET", "HEAD", "OPTIONS"):
            fields = {PROJECT: session.phantom, "Content-Type": "application/json"}
            is_refused(session.request(method, API, target, {**fields, "Content-Length": str(len(body))}, body), 400, "body-on-get")
            chunked = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
            is_refused(session.request(method, API, target, {**fields, "Transfer-Encoding": "chunked"}, chunked), 400, "body-on-get")


def test_a_query_string_beside_a_body_is_refused():
    s = stage()
    with s.session() as session, nothing_applied(s):
        body = json.dumps({"query": "{ me { id } }"})
        is_refused(post(session, body, target=f"{GRAPHQL}?query=x"), 400, "graphql-query-string")
        is_refused(post(session, body, target=f"{GRAPHQL}?operationName=B"), 400, "graphql-query-string")


def test_other_methods_on_the_endpoint_are_refused():
    s = stage()
    body = json.dumps({"query": 'mutation { volumeDelete(volumeId: "%s") }' % s.seed.volumes["pg-data"]}).encode()
    with s.session() as session, nothing_applied(s):
        for method in ("PUT", "PATCH", "DELETE"):
            answer = session.request(method, API, GRAPHQL, {PROJECT: session.phantom, "Content-Type": "application/json"}, body)
            is_refused(answer, 405, "graphql-method")


def test_a_compressed_body_is_refused():
    s = stage()
    body = gzip.compress(json.dumps({"query": "{ me { id } }"}).encode())
    with s.session() as session, nothing_applied(s):
        is_refused(post(session, body, **{"Content-Encoding": "gzip"}), 415, "content-encoding")
        # Compressed without saying so is not JSON.
        is_refused(post(session, body), 400, "json")


def test_another_path_of_the_provider_is_held_or_refused():
    s = stage()
    body = json.dumps({"query": 'mutation { volumeDelete(volumeId: "%s") }' % s.seed.volumes["pg-data"]})
    with s.session() as session, nothing_applied(s):
        for target in ("/graphql/internal", "/graphql/v2/", "//graphql/v2", "/Graphql/v2", "/graphql/v1", "/graphql", "/"):
            answer = post(session, body, target=target)
            assert answer.hold or answer.denied or answer.status >= 400, (target, answer)


def test_documents_without_end_are_refused_in_bounded_time():
    s = stage()
    v = s.seed.volumes["pg-data"]
    bomb = "mutation { ...F0 } " + " ".join(f"fragment F{i} on Mutation {{ ...F{i + 1} ...F{i + 1} }}" for i in range(40)) + \
        f' fragment F40 on Mutation {{ volumeDelete(volumeId: "{v}") }}'
    cases = [
        ("nested selections", json.dumps({"query": "query " + "{a" * 100_000 + "}" * 100_000})),
        ("nested lists", json.dumps({"query": "query { project(id: " + "[" * 100_000 + "]" * 100_000 + ") { id } }"})),
        ("nested objects", json.dumps({"query": "query { project(id: " + "{a:" * 100_000 + "1" + "}" * 100_000 + ") { id } }"})),
        ("nested types", json.dumps({"query": "query Q($a: " + "[" * 100_000 + "Int" + "]" * 100_000 + ") { me { id } }"})),
        ("nested JSON", '{"query":"{me{id}}","variables":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}"),
        ("nested arrays", "[" * 1_000_000),
        ("many directives", json.dumps({"query": "mutation { volumeDelete(volumeId: \"%s\") %s }" % (v, "@include(if: true) " * 50_000)})),
    ]
    with s.session() as session, nothing_applied(s):
        def bounded(label, body):
            started = time.monotonic()
            answer = post(session, body)
            assert time.monotonic() - started < DEADLINE, "took too long"
            assert answer.status in (400, 413) or answer.hold, f"{answer.status} {answer.text[:200]}"

        every(cases, bounded)
        started = time.monotonic()
        answer = post(session, json.dumps({"query": bomb}))
        assert time.monotonic() - started < DEADLINE
        assert answer.status == 400 or answer.hold, answer


def test_ten_thousand_aliases_are_judged_or_refused():
    s = stage()
    v = s.seed.volumes["pg-data"]
    fields = " ".join(f"a{i}: project(id: \"{s.seed.project}\") {{ id }}" for i in range(9_999))
    document = f'mutation {{ ok: volumeDelete(volumeId: "{v}") }} query {{ {fields} }}'
    with s.session() as session, nothing_applied(s):
        answer = post(session, json.dumps({"query": document}))
        assert answer.status == 400 or answer.hold, answer


# --- what discloses ---


def test_reading_variables_is_held_and_not_asked_upstream():
    s = stage()
    query = 'query { variables(projectId: "%s", environmentId: "%s", serviceId: "%s") }' % (
        s.seed.project, s.seed.environments["staging"], s.seed.services["web"])
    with s.session() as session:
        before = len(s.railsim.requests("variables"))
        answer = session.graphql(query)
        is_held(answer)
        assert s.show(answer.hold)["rule"] == "secrets"
        assert len(s.railsim.requests("variables")) == before
        assert b"postgresql://" not in b"".join(session.received)


def test_an_alias_does_not_hide_a_disclosure():
    s = stage()
    query = 'query { name: variables(projectId: "%s", environmentId: "%s") project(id: "%s") { name } }' % (
        s.seed.project, s.seed.environments["staging"], s.seed.project)
    with s.session() as session:
        is_held(session.graphql(query))


def test_minting_a_token_is_held():
    s = stage()
    mutation = 'mutation { projectTokenCreate(input: {projectId: "%s", environmentId: "%s", name: "mine"}) }' % (
        s.seed.project, s.seed.environments["staging"])
    with s.session() as session, nothing_applied(s):
        is_held(session.graphql(mutation))


# --- destruction under other names ---


def test_destruction_under_a_harmless_name_is_held():
    s = stage()
    e, v = s.seed.environments, s.seed.volumes
    cache = s.railsim.instances("cache")["staging"]["id"]
    backup = s.railsim.instances("cache")["staging"]["backups"][0]["id"]
    p = s.seed.project
    cases = [
        ("patch that deletes", "mutation C($p: EnvironmentConfig) { environmentPatchCommit(environmentId: \"%s\", patch: $p) }" % e["staging"],
         {"p": {"volumes": {v["cache"]: {"isDeleted": True}}}}),
        ("patch of anything", "mutation C($p: EnvironmentConfig) { environmentPatchCommit(environmentId: \"%s\", patch: $p) }" % e["staging"],
         {"p": {"services": {s.seed.services["web"]: {"deploy": {"startCommand": "rm -rf /data"}}}}}),
        ("staged before", 'mutation { environmentPatchCommitStaged(environmentId: "%s") }' % e["staging"], None),
        ("state", 'mutation { volumeInstanceUpdate(volumeId: "%s", environmentId: "%s", input: {state: DELETED}) }' % (v["cache"], e["staging"]), None),
        ("every instance", 'mutation { volumeInstanceUpdate(volumeId: "%s", input: {mountPath: "/x"}) }' % v["pg-data"], None),
        ("detach", 'mutation { volumeInstanceUpdate(volumeId: "%s", environmentId: "%s", input: {serviceId: null}) }' % (v["cache"], e["staging"]), None),
        ("replace all variables", 'mutation { variableCollectionUpsert(input: {projectId: "%s", environmentId: "%s", replace: true, variables: {A: "b"}}) }' % (p, e["staging"]), None),
        ("backup", 'mutation { volumeInstanceBackupDelete(volumeInstanceId: "%s", volumeInstanceBackupId: "%s") { workflowId } }' % (cache, backup), None),
        ("restore", 'mutation { volumeInstanceBackupRestore(volumeInstanceId: "%s", volumeInstanceBackupId: "%s") { workflowId } }' % (cache, backup), None),
        ("backups off", 'mutation { volumeInstanceBackupScheduleUpdate(volumeInstanceId: "%s", kinds: []) }' % cache, None),
        ("environment", 'mutation { environmentDelete(id: "%s") }' % e["staging"], None),
        ("project", 'mutation { projectDelete(id: "%s") }' % p, None),
        ("scheduled", 'mutation { projectScheduleDelete(id: "%s") }' % p, None),
        ("transfer", 'mutation { projectTransfer(projectId: "%s", input: {workspaceId: "x"}) }' % p, None),
        ("service", 'mutation { serviceDelete(id: "%s", environmentId: "%s") }' % (s.seed.services["web"], e["staging"]), None),
        ("variable", 'mutation { variableDelete(input: {projectId: "%s", environmentId: "%s", name: "LOG_LEVEL"}) }' % (p, e["staging"]), None),
        ("user", "mutation { userDelete }", None),
        ("not in the pack", "mutation { volumeObliterate(id: 1) }", None),
        ("argument the pack does not know", 'mutation { variableUpsert(input: {projectId: "%s", environmentId: "%s", name: "A", value: "b"}, force: true) }' % (p, e["staging"]), None),
    ]
    with s.session() as session, nothing_applied(s):
        def held_or_denied(label, query, variables):
            answer = session.graphql(query, variables)
            assert answer.hold or answer.denied, answer

        every(cases, held_or_denied)


def test_a_deletion_in_an_ephemeral_environment_declared_disposable_passes():
    s = stage()
    before = s.railsim.applied("volumeDelete")
    with s.session(environment="scratch") as session:
        # Nothing is lent there: the request goes out without a credential, and the provider refuses it.
        answer = session.graphql('mutation { volumeDelete(volumeId: "%s") }' % s.seed.volumes["pr-data"], headers={})
        assert not answer.hold and "errors" in answer.json, answer
        assert s.railsim.applied("volumeDelete") == before


def test_an_id_that_nobody_knows_counts_as_production():
    s = stage()
    with s.session() as session:
        answer = session.delete_volume("00000000-0000-4000-8000-000000000000")
        assert answer.hold or answer.denied, answer
        if answer.hold:
            assert s.show(answer.hold)["environments"] == ["unresolved"]


def test_the_request_is_sent_in_our_own_words():
    s = stage()
    fake = s.odd
    with s.session() as session:
        body = '{ "operationName" : "B" , "query":"query A{me{id}} query   B( $unused : Int ){ projects { edges { node { id } } } }","variables":{"z":1, "unused":2}}'
        from fake_upstream import ok
        fake.answer = ok(b'{"data":{}}')
        fields = {PROJECT: session.phantom, "Content-Type": "application/json; charset=utf-8", "X-Environment": "production",
                  "Prefer": "x", "If-Match": "y", "Accept-Language": "de", "User-Agent": "agent/1"}
        answer = session.request("POST", "backboard.railway-staging.com", GRAPHQL, fields, body.encode())
        assert answer.status == 200, answer
        sent = fake.requests[-1]
        document = json.loads(sent.body)
        assert "A" not in document["query"].split() and document["operationName"] == "B"
        assert document["variables"] == {"unused": 2}
        assert sent.headers["user-agent"] == "agent/1"
        assert not {"x-environment", "prefer", "if-match", "accept-language"} & set(sent.headers), sent.headers
