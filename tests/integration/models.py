"""The model's API is a door too: prompts pass and stream, tools that the provider would run itself are
refused, a caller's key stays outside, and the agent's own login goes where it belongs and nowhere else.
"""
import base64
import json
import pathlib
import re

from harness import PLAIN, Stage, every, shared
from fake_upstream import ok
from wire import Ended, request_bytes

ANTHROPIC = "api.anthropic.com"
OPENAI = "api.openai.com"
CHATGPT = "chatgpt.com"
GEMINI = "generativelanguage.googleapis.com"
CODE = "cloudcode-pa.googleapis.com"
ROUTER = "openrouter.ai"
RENEWAL = "platform.claude.com"
HOSTS = (ANTHROPIC, OPENAI, CHATGPT, GEMINI, CODE, ROUTER, RENEWAL, "oauth2.googleapis.com")

KEY = "sk-ant-api03-" + "r3alKeyOfTheCaller" * 3
LOGIN = "oat01-access-token-of-the-own-login-1"
REFRESH = "ort01-refresh-token-of-the-own-login-1"
GITHUB = "ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"
JSON = {"Content-Type": "application/json"}


def answer(s):
    def one(connection, request):
        if request.target.startswith("/v1/oauth/token"):
            body = {"access_token": "oat01-access-token-renewed-2", "refresh_token": "ort01-refresh-token-renewed-2", "expires_in": 60}
            connection.send(ok(json.dumps(body)).replace(b"text/plain", b"application/json"))
        elif b"stream-please" in request.body:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.send(b"d\r\ndata: first\n\n\r\n")
            assert s.odd.release.wait(60)
            connection.send(b"e\r\ndata: second\n\n\r\n0\r\n\r\n")
        else:
            # An API that repeats what it was asked with.
            connection.send(ok(json.dumps({"key": request.headers.get("x-api-key", ""),
                                           "bearer": request.headers.get("authorization", "")})))
        return True
    return one


def make_stage():
    s = Stage(egress=(PLAIN, "model-apis"), names=HOSTS, railsim=False, hosted=("web_search",),
              upstreams=[f'host: {host}, connect: "{{odd}}", ca: ca/ca.pem' for host in HOSTS])
    s.odd.answer = answer(s)
    return s


def stage():
    return shared(make_stage)


def caller(s, **more):
    keys = [{"variable": "ANTHROPIC_API_KEY", "value": KEY, "provider": "model-apis", "kind": "api-key"}]
    logins = [{"token": LOGIN, "hosts": [ANTHROPIC]}, {"token": REFRESH, "hosts": [RENEWAL, ANTHROPIC]}]
    return s.session(keys=keys, logins=logins, **more)


def post(session, host, target, body, headers=(), connection=None):
    body = body if isinstance(body, (bytes, str)) else json.dumps(body)
    body = body.encode() if isinstance(body, str) else body
    return session.request("POST", host, target, {**JSON, **dict(headers)}, body, connection)


def keyed(session):
    return {"x-api-key": session.variables["ANTHROPIC_API_KEY"]}


def is_denied(s, reply, before):
    assert reply.status == 403 and reply.denied.startswith("d-"), reply
    assert len(s.odd.requests) == before, "it was sent"


def test_a_callers_key_works_as_a_phantom_and_never_enters():
    s = stage()
    with caller(s) as session:
        phantom = session.variables["ANTHROPIC_API_KEY"]
        assert phantom != KEY and len(phantom) == len(KEY) and phantom.startswith("sk-ant-")
        reply = post(session, ANTHROPIC, "/v1/messages?beta=true", {"model": "m", "messages": []}, keyed(session))
        assert reply.status == 200, reply
        assert s.odd.requests[-1].headers["x-api-key"] == KEY
        assert reply.json["key"] == phantom
        assert KEY.encode() not in b"".join(session.received)
        status = next(e for e in s.status()["sessions"] if e["session"] == session.id)
        assert status["keys"][0]["variable"] == "ANTHROPIC_API_KEY" and KEY not in json.dumps(status)
        started = [e for e in s.ledger() if e["type"] == "session-start" and e["session"] == session.id][0]
        assert started["keys"][0]["lent_by"] == "the caller's environment"
        assert len(started["logins"]) == 2
    assert KEY.encode() not in b"".join(s.transcript)
    for file in s.state.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes() and LOGIN.encode() not in file.read_bytes(), file


def test_a_token_of_the_callers_environment_is_lent_like_a_key():
    s = stage()
    token = "sk-ant-oat01-" + "t0kenOfTheEnvironment" * 3
    with s.session(keys=[{"variable": "ANTHROPIC_AUTH_TOKEN", "value": token, "provider": "model-apis", "kind": "anthropic-login"}]) as session:
        phantom = session.variables["ANTHROPIC_AUTH_TOKEN"]
        reply = post(session, ANTHROPIC, "/v1/messages", {"messages": []}, {"Authorization": f"Bearer {phantom}"})
        assert reply.status == 200 and reply.json["bearer"] == f"Bearer {phantom}", reply
        assert s.odd.requests[-1].headers["authorization"] == f"Bearer {token}"
        before = len(s.odd.requests)
        is_denied(s, post(session, ANTHROPIC, "/v1/messages", {"messages": []}, {"Authorization": f"Bearer {token}"}), before)


def test_every_key_of_every_profile_is_one_that_a_session_takes():
    s = stage()
    packs = pathlib.Path(__file__).resolve().parents[2] / "packs" / "agents"
    line = re.compile(r"^  (\w+): \{ provider: ([\w-]+), kind: ([\w-]+)")
    keys = {match[1]: match for file in packs.glob("*.yaml") for match in map(line.match, file.read_text().splitlines()) if match}
    assert len(keys) > 8, keys
    for name, match in keys.items():
        with s.session(keys=[{"variable": name, "value": KEY, "provider": match[2], "kind": match[3]}]) as session:
            assert session.variables[name] != KEY, name


def test_a_callers_key_is_gone_after_its_session():
    s = stage()
    with caller(s) as first:
        phantom = first.variables["ANTHROPIC_API_KEY"]
    with s.session() as second:
        assert "ANTHROPIC_API_KEY" not in second.variables
        before = len(s.odd.requests)
        is_denied(s, post(second, ANTHROPIC, "/v1/messages", {"messages": []}, {"x-api-key": phantom}), before)
        is_denied(s, post(second, ANTHROPIC, "/v1/messages", {"messages": []}, {"Authorization": f"Bearer {LOGIN}"}), before)


def test_a_callers_key_goes_to_its_own_api_alone():
    s = stage()
    with caller(s) as session:
        before = len(s.odd.requests)
        phantom = session.variables["ANTHROPIC_API_KEY"]
        for host, target in ((OPENAI, "/v1/responses"), (ROUTER, "/api/v1/chat/completions")):
            is_denied(s, post(session, host, target, {"model": "m"}, {"Authorization": f"Bearer {phantom}"}), before)
        is_denied(s, post(session, GEMINI, "/v1beta/models/g:generateContent", {"contents": []}, {"x-goog-api-key": phantom}), before)


def test_an_answer_streams_while_it_arrives():
    s = stage()
    with caller(s) as session, session.tls(ANTHROPIC) as connection:
        body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "stream-please"}]}).encode()
        pairs = [("Host", ANTHROPIC), *JSON.items(), *keyed(session).items()]
        connection.send(request_bytes("POST", "/v1/messages", pairs, body))
        status, _, _ = connection.read_head()
        assert status == 200
        connection.until(b"data: first\n\n")
        s.odd.release.set()
        connection.until(b"data: second\n\n")


def test_a_prompt_goes_on_in_our_words_and_in_its_order():
    s = stage()
    with caller(s) as session:
        body = b' {"model":"m", "messages":[ {"role":"user","content":"\\u0041 phantom %s and %s"} ],\n "max_tokens":1.0}' % (
            session.variables["ANTHROPIC_API_KEY"].encode(), GITHUB.encode())
        reply = post(session, ANTHROPIC, "/v1/messages", body, keyed(session))
        assert reply.status == 200, reply
        sent = s.odd.requests[-1].body
        assert sent.startswith(b'{"model":"m","messages":[{"role":"user","content":"A phantom') and sent.endswith(b'"max_tokens":1}'), sent


def test_a_large_prompt_passes_up_to_the_packs_limit():
    s = stage()
    with caller(s) as session:
        text = "word " * (2 << 20)
        assert post(session, ANTHROPIC, "/v1/messages", {"messages": [{"content": text}]}, keyed(session)).status == 200
        before = len(s.odd.requests)
        try:
            assert post(session, ANTHROPIC, "/v1/messages", {"messages": [{"content": text * 4}]}, keyed(session)).status == 413
        except (OSError, Ended):
            pass  # refused while it was still being sent
        assert len(s.odd.requests) == before


HOSTED = [
    (ANTHROPIC, "/v1/messages", "mcp", '{"mcp_servers":[{"type":"url","url":"https://x","name":"x"}]}'),
    (ANTHROPIC, "/v1/messages", "mcp", '{"\\u006dcp_servers":{"type":"url"}}'),
    (ANTHROPIC, "/v1/messages", "web_fetch", '{"tools":[{"name":"a","input_schema":{}},{"type":"web_fetch_20250910"}]}'),
    (ANTHROPIC, "/v1/messages", "code_execution", '{"tools":{"type":"code_execution_20250825"}}'),
    (ANTHROPIC, "/v1/messages", "container", '{"container":{"skills":[]}}'),
    (ANTHROPIC, "/v1/messages", "url", '{"messages":[{"content":[{"type":"image","source":{"type":"url","url":"https://x"}}]}]}'),
    (ANTHROPIC, "/v1/messages/count_tokens", "mcp", '{"mcp_servers":[{}]}'),
    (OPENAI, "/v1/responses", "mcp", '{"tools":[{"type":"mcp","server_url":"https://x"}]}'),
    (OPENAI, "/v1/responses", "mcp", '{"tools":[{"type":"namespace","tools":[{"type":"mcp"}]}]}'),
    (OPENAI, "/v1/responses", "code_interpreter", '{"input":[{"tools":[{"type":"code_interpreter"}]}]}'),
    (OPENAI, "/v1/responses", "prompt", '{"prompt":{"id":"p"}}'),
    (OPENAI, "/v1/responses", "teleport", '{"tools":[{"type":"teleport"}]}'),
    (OPENAI, "/v1/chat/completions", "web_search_options", '{"web_search_options":{}}'),
    (CHATGPT, "/backend-api/codex/responses", "file_search", '{"tools":[{"type":"file_search"}]}'),
    (GEMINI, "/v1beta/models/g:generateContent", "urlContext", '{"tools":[{"urlContext":{}}]}'),
    (GEMINI, "/v1beta/models/g:streamGenerateContent?alt=sse", "code_execution", '{"tools":{"code_execution":{}}}'),
    (CODE, "/v1internal:generateContent", "googleSearch", '{"request":{"tools":[{"googleSearch":{}}]}}'),
    (ROUTER, "/api/v1/chat/completions", "plugins", '{"plugins":[{"id":"web"}]}'),
]


def test_tools_that_the_provider_would_run_are_refused_wherever_they_hide():
    s = stage()
    with caller(s) as session:
        before = len(s.odd.requests)

        def check(host, target, name, body):
            reply = post(session, host, target, body)
            is_denied(s, reply, before)
            assert name in reply.message and "hosted_tools" in reply.message, reply.message

        every(HOSTED, check)


def test_a_refusal_leaves_the_connection_usable_and_the_next_request_judged():
    s = stage()
    with caller(s) as session, session.tls(ANTHROPIC) as connection:
        bad = {"mcp_servers": [{"type": "url"}], "messages": []}
        for body, status in ((bad, 403), ({"messages": []}, 200), (bad, 403), ({"messages": []}, 200)):
            assert post(session, ANTHROPIC, "/v1/messages", body, keyed(session), connection).status == status


def test_a_body_that_two_parsers_could_read_differently_is_refused():
    s = stage()
    with caller(s) as session:
        before = len(s.odd.requests)
        cases = [("twice", b'{"tools":[],"tools":[{"type":"mcp"}]}', JSON, 400),
                 ("twice in escapes", b'{"tools":[],"tool\\u0073":[{"type":"mcp"}]}', JSON, 400),
                 ("text", b'{"tools":[{"type":"mcp"}]}', {"Content-Type": "text/plain"}, 415),
                 ("utf-16", '{"tools":[]}'.encode("utf-16"), {"Content-Type": "application/json; charset=utf-16"}, 415),
                 ("compressed", b"x", {**JSON, "Content-Encoding": "zstd"}, 415),
                 ("comment", b'{/* */"model":"m"}', JSON, 400),
                 ("no object", b'[{"tools":[]}]', JSON, 400),
                 ("empty", b"", JSON, 400)]

        def check(_, body, headers, status):
            reply = session.request("POST", OPENAI, "/v1/responses", headers, body)
            assert reply.status == status, reply
            assert len(s.odd.requests) == before

        every(cases, check)


def test_a_hosted_tool_that_the_policy_names_passes_without_a_foreign_credential():
    s = stage()
    with caller(s) as session:
        tool = {"type": "web_search_20250305", "name": "web_search"}
        assert post(session, ANTHROPIC, "/v1/messages", {"tools": [tool], "messages": []}, keyed(session)).status == 200
        before = len(s.odd.requests)
        for more in ({"authorization": GITHUB}, {"authorization": session.variables["ANTHROPIC_API_KEY"]},
                     {"authorization": LOGIN}):
            is_denied(s, post(session, ANTHROPIC, "/v1/messages", {"tools": [{**tool, **more}]}, keyed(session)), before)
        assert any(w["name"] == "hosted-tools" for w in s.status()["weaknesses"])


def test_the_own_login_passes_to_its_hosts_in_its_place_alone():
    s = stage()
    with caller(s) as session:
        good = {"Authorization": f"Bearer {LOGIN}"}
        reply = post(session, ANTHROPIC, "/v1/messages", {"messages": []}, good)
        assert reply.status == 200, reply
        assert s.odd.requests[-1].headers["authorization"] == f"Bearer {LOGIN}"
        before = len(s.odd.requests)
        cases = [("another host", OPENAI, "/v1/responses", {"model": "m"}, good),
                 ("another place", ANTHROPIC, "/v1/messages", {"messages": []}, {"x-api-key": LOGIN}),
                 ("another header", ANTHROPIC, "/v1/messages", {"messages": []}, {**good, "x-note": LOGIN}),
                 ("the refresh token's host", RENEWAL, "/v1/oauth/token", {"grant_type": "refresh_token", "refresh_token": LOGIN}, {}),
                 ("beside the key", ANTHROPIC, "/v1/messages", {"messages": []}, {**good, **keyed(session)}),
                 ("twice encoded", ANTHROPIC, "/v1/messages", {"messages": []}, {"x-note": base64.b64encode(LOGIN.encode()).decode()})]

        def check(_, host, target, body, headers):
            is_denied(s, post(session, host, target, body, headers), before)

        every(cases, check)
        assert any(e["type"] == "leak" and e["session"] == session.id for e in s.ledger())
        decision = [e for e in s.ledger() if e["type"] == "decision" and e["session"] == session.id][0]
        assert decision["credential"] == "login", decision


def test_somebody_elses_key_and_login_are_refused():
    s = stage()
    with caller(s) as session:
        before = len(s.odd.requests)
        for headers in ({"x-api-key": "sk-ant-api03-attackers-own-key-000000"}, {"Authorization": "Bearer attackers-own-login-0000"},
                        {"Authorization": "Bearer x"}):
            is_denied(s, post(session, ANTHROPIC, "/v1/messages", {"messages": []}, headers), before)


def test_a_renewed_login_is_learnt_and_somebody_elses_is_not():
    s = stage()
    with caller(s) as session:
        fresh = {"Authorization": "Bearer oat01-access-token-renewed-2"}
        before = len(s.odd.requests)
        is_denied(s, post(session, ANTHROPIC, "/v1/messages", {"messages": []}, fresh), before)
        for body in ({"grant_type": "refresh_token", "refresh_token": "attackers-own-refresh-token"},
                     {"grant_type": "refresh_token", "refresh_token": REFRESH, "scope": LOGIN}):
            is_denied(s, post(session, RENEWAL, "/v1/oauth/token", body), before)
        assert post(session, RENEWAL, "/v1/oauth/token", {"grant_type": "authorization_code", "code": "x"}).status == 400
        assert len(s.odd.requests) == before
        renewed = post(session, RENEWAL, "/v1/oauth/token", {"grant_type": "refresh_token", "refresh_token": REFRESH, "client_id": "c"})
        assert renewed.status == 200 and renewed.json["access_token"] == "oat01-access-token-renewed-2", renewed
        assert post(session, ANTHROPIC, "/v1/messages", {"messages": []}, fresh).status == 200
        assert post(session, OPENAI, "/v1/responses", {"model": "m"}, fresh).status == 403
        assert any(e["type"] == "login-renewed" and e["session"] == session.id for e in s.ledger())


def test_a_session_that_asks_for_too_much_does_not_start():
    s = stage()
    key = {"variable": "ANTHROPIC_API_KEY", "value": KEY, "provider": "model-apis", "kind": "api-key"}
    cases = [("short key", {"keys": [{**key, "value": "short"}]}),
             ("variable nobody reads", {"keys": [{**key, "variable": "PATH"}]}),
             ("provider nobody knows", {"keys": [{**key, "provider": "nobody"}]}),
             ("provider that takes none", {"keys": [{**key, "provider": "railway", "variable": "RAILWAY_API_TOKEN", "kind": "account"}]}),
             ("kind of another API", {"keys": [{**key, "kind": "openai-key"}]}),
             ("control character", {"keys": [{**key, "value": KEY + "\n"}]}),
             ("too many keys", {"keys": [key] * 17}),
             ("keys that are no list", {"keys": {"a": key}}),
             ("short login", {"logins": [{"token": "short", "hosts": [ANTHROPIC]}]}),
             ("no hosts", {"logins": [{"token": LOGIN, "hosts": []}]}),
             ("host of no pack", {"logins": [{"token": LOGIN, "hosts": ["evil.example"]}]}),
             ("host that takes none", {"logins": [{"token": LOGIN, "hosts": ["backboard.railway.com"]}]}),
             ("one such host", {"logins": [{"token": LOGIN, "hosts": [ANTHROPIC, "openrouter.ai"]}]}),
             ("too many logins", {"logins": [{"token": f"{LOGIN}-{i}", "hosts": [ANTHROPIC]} for i in range(17)]})]

    def check(_, more):
        try:
            s.session(**more).close()
        except AssertionError as error:
            assert "no session" in str(error)
            assert KEY not in str(error) and LOGIN not in str(error)
            return
        raise AssertionError("it started")

    every(cases, check)
    assert s.status()["sessions"] == [] or all("evil" not in json.dumps(e) for e in s.status()["sessions"])
