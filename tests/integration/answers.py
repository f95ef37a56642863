"""Nothing real comes back: answers carry phantoms wherever a credential stood, in every encoding; what an
answer hands out goes into the vault; a credential that its provider refuses is named to the agent.
"""
import base64
import gzip
import html
import json
import re
import urllib.parse

from fake_upstream import ok
from harness import ACCOUNT, answering, every, GRAPHQL, ODD, PROJECT, relay_to, shared, Stage
from websocket import CLOSE, TEXT, TRANSPORT, Line, Provider, frame
from wire import request_bytes

READ = "query { projects { edges { node { id } } } }"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def make_stage():
    s = Stage()
    s.vault("production", "production-deploy", "production", "project")
    # Account-wide: for what only such a token may do. It is never lent in staging.
    s.vault("account", "domains-cli", "production", "account", "--wide")
    s.real = s.seed.tokens["staging-deploy"]
    s.other = s.seed.tokens["production-deploy"]
    return s


def stage():
    return shared(make_stage)


def saying(s, marker, body):
    """The imitation provider, but for what `marker` stands in: that is answered with `body`."""
    relay = relay_to(s)
    return lambda connection, request: (connection.send(ok(body)) or True) if marker in request.body else relay(connection, request)


# --- in which forms a credential could come back ---

def b64(text):
    return base64.b64encode(text.encode()).decode()


def wrapped(text, width=60):
    return "".join(text[i:i + width] + "\n" for i in range(0, len(text), width))


FORMS = [
    ("plain", lambda t: t),
    ("json", lambda t: json.dumps({"echo": t})),
    ("json unicode escapes", lambda t: "".join(f"\\u{ord(c):04x}" for c in t)),
    ("json in json", lambda t: json.dumps(json.dumps({"echo": "/" + t}))),
    ("percent", lambda t: "".join(f"%{ord(c):02X}" for c in t)),
    ("percent where it must", lambda t: urllib.parse.quote(t, safe="")),
    ("html", lambda t: "".join(f"&#x{ord(c):x};" for c in t)),
    ("html where it must", lambda t: html.escape(t)),
    ("hex", lambda t: t.encode().hex()),
    ("HEX", lambda t: t.encode().hex().upper()),
    ("basic pair", lambda t: "Basic " + b64("user:" + t)),
    *[(f"base64 at {n}", lambda t, n=n: b64("x" * n + t + " and more")) for n in range(3)],
    ("base64url", lambda t: base64.urlsafe_b64encode(("??>" + t).encode()).decode().rstrip("=")),
    ("base64 twice", lambda t: b64(json.dumps({"auth": b64("user:" + t)}))),
    ("base64 in lines", lambda t: wrapped(b64("some text that is long enough to be wrapped " + t + " and more of it"))),
    ("base64 in escaped lines", lambda t: json.dumps({"content": wrapped(b64("a file that holds " + t + " and goes on"))})),
    ("after a backslash", lambda t: "\\" + t),
    ("after a percent sign", lambda t: "%" + t),
]


def decodings(text):
    """What a determined reader makes of a text."""
    texts = {text}
    for _ in range(3):
        for t in list(texts):
            texts.add(urllib.parse.unquote(t))
            texts.add(html.unescape(t))
            texts.add(re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), t).replace("\\n", "").replace("\\", ""))
            joined = re.sub(r"\\n|\s", "", t)
            for run in re.findall(r"[A-Za-z0-9+/_-]{16,}", joined):
                for skip in range(4):
                    part = run[skip:].replace("-", "+").replace("_", "/")
                    part = part[:-1] if len(part) % 4 == 1 else part
                    texts.add(base64.b64decode(part + "=" * (-len(part) % 4)).decode("latin-1"))
            for run in re.findall(r"[0-9a-fA-F]{16,}", t):
                texts.add(bytes.fromhex(run[:len(run) // 2 * 2]).decode("latin-1"))
        if len(texts) > 5000:
            break
    return texts


def shows(text, secret):
    # Base64 tells the first and last character of what it encodes in digits shared with its neighbours.
    return any(secret[1:-1] in t for t in decodings(text))


def test_the_search_itself_finds_every_form():
    secret = "3d2c42fb-77a0-4c1e-9f00-1234567890ab"
    every(FORMS, lambda label, form: None if shows(form(secret), secret) else (_ for _ in ()).throw(AssertionError("not found")))


def reflect(session, fake, host, how):
    """One request whose answer is `how`(token as the provider got it) as bytes of a whole answer."""
    with answering(fake, lambda c, r: c.send(how(r.headers[PROJECT])) or True), session.tls(host) as c:
        body = json.dumps({"query": READ}).encode()
        c.send(request_bytes("POST", GRAPHQL, {"Host": host, PROJECT: session.phantom, "Content-Type": "application/json"}, body))
        return c.read_answer("POST")


def test_a_credential_comes_back_in_no_encoding():
    s = stage()
    with s.session() as session:
        def check(label, form):
            answer = reflect(session, s.odd, ODD, lambda token: ok(form(token)))
            assert answer.status == 200, answer
            assert len(answer.body) == len(form(s.real)), "the length changed"
            assert not shows(answer.text, s.real), answer.text
            assert label in ("base64 in escaped lines",) or shows(answer.text, session.phantom), answer.text

        every(FORMS, check)


def test_a_credential_comes_back_in_no_error_body_header_or_redirect():
    s = stage()
    with s.session() as session:
        def check(label, form):
            if "\n" in form(s.real):
                return
            answer = reflect(session, s.odd, ODD, lambda token: (
                f"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/?t={form(token)}\r\nLink: <https://x.test/{form(token)}>; rel=next\r\n"
                f"WWW-Authenticate: Bearer error=\"{form(token)}\"\r\nX-Echo: {form(token)}\r\nContent-Length: 0\r\n\r\n").encode())
            assert answer.status == 302, answer
            assert not shows(answer.head.decode("latin-1"), s.real), answer.head
            answer = reflect(session, s.odd, ODD, lambda token: (
                f"HTTP/1.1 500 Oops\r\nContent-Length: {len(form(token))}\r\n\r\n{form(token)}").encode())
            assert answer.status == 500 and not shows(answer.text, s.real), answer

        every(FORMS, check)


def test_other_values_of_the_vault_do_not_come_back_either():
    s = stage()
    with s.session() as session:
        def check(label, form):
            answer = reflect(session, s.odd, ODD, lambda token: ok(form(s.other)))
            assert answer.status == 200 and not shows(answer.text, s.other), answer.text

        every(FORMS, check)
        # Nor where the request carried none.
        with answering(s.odd, ok(s.other)):
            assert session.graphql(READ, headers={}, host=ODD).text == "*" * len(s.other)


def test_a_part_of_an_answer_is_neither_asked_for_nor_handed_on():
    s = stage()
    with s.session() as session:
        part = lambda t: f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/36\r\nContent-Length: 4\r\n\r\n{t[:4]}".encode()  # noqa: E731
        answer = reflect(session, s.odd, ODD, part)
        assert (answer.status, answer.problem) == (502, "answer-partial"), answer
        session.graphql(READ, host=ODD, headers={PROJECT: session.phantom, "Range": "bytes=0-3"})
        assert "range" not in s.odd.requests[-1].headers, s.odd.requests[-1].head


def test_what_is_encoded_is_not_handed_on_unsearched():
    s = stage()
    with s.session() as session:
        for coding in ("gzip", "br", "zstd", "gzip, identity"):
            packed = gzip.compress(s.other.encode())
            answer = reflect(session, s.odd, ODD, lambda t: (
                f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(packed)}\r\n\r\n").encode() + packed)
            assert (answer.status, answer.problem) == (502, "answer-encoded"), answer
            assert packed not in b"".join(session.received)


def test_cookies_set_for_a_credential_and_our_own_header_names_stay_here():
    s = stage()
    with s.session() as session:
        answer = reflect(session, s.odd, ODD, lambda t: ok("{}", "Set-Cookie: session=abcdefghijkl\r\nInterlock-Hold: h-12345678\r\nX-Other: 1\r\n"))
        assert "set-cookie" not in answer.headers and not answer.hold and answer.headers["x-other"] == "1", answer.head


def test_nothing_comes_back_over_a_websocket():
    s = stage()
    provider = Provider()
    provider.echo = False
    with s.session() as session, answering(s.odd, provider), Line(session, ODD, GRAPHQL, {PROJECT: session.phantom}, [TRANSPORT]) as line:
        upstream = provider.connections[-1]

        def check(label, form):
            upstream.send(frame(TEXT, form(s.real), masked=False))
            kind, payload = line.hear()
            assert kind == TEXT and not shows(payload.decode(), s.real), payload

        every(FORMS, check)
        upstream.send(frame(CLOSE, b"\x03\xe8" + s.real.encode(), masked=False))
        assert line.closed() == (1000, session.phantom)


# --- answers that hand out credentials ---

def token_of(s, name):
    return s.railsim.query("SELECT value FROM tokens WHERE name = ?", name)[0][0]


def make_token(s, session, name, environment="staging"):
    answer = session.graphql("mutation M($i: ProjectTokenCreateInput!) { fresh: projectTokenCreate(input: $i) }", {
        "i": {"name": name, "projectId": s.seed.project, "environmentId": s.seed.environments[environment]}})
    assert answer.hold, answer
    return answer.hold


def kept_answer(session, hold):
    return session.own(f"/holds/{hold}").json


def test_a_minted_token_reaches_the_agent_as_a_phantom_that_works():
    s = stage()
    with s.session() as session:
        hold = make_token(s, session, "minted")
        done = s.approve(hold)
        assert done.status == 0, done
        real = token_of(s, "minted")
        kept = kept_answer(session, hold)
        assert kept["state"] == "executed" and kept["answer"]["status"] == 200, kept
        phantom = json.loads(kept["answer"]["body"])["data"]["fresh"]
        assert UUID.fullmatch(phantom) and phantom != real and phantom != session.phantom
        assert real not in json.dumps(kept) and real not in done.out + done.err
        assert phantom in done.json["outcome"]["summary"]
        # It is a credential of this session now, and the provider sees the real one.
        answer = session.graphql(READ, headers={PROJECT: phantom})
        assert answer.json["data"]["projects"], answer
        assert s.railsim.requests()[-1]["token"] == "minted"
        # In the vault it is this session's; no other one is lent it, and there its phantom is foreign.
        entry = next(e for e in s.must("vault", "list", "--json").json if e["name"] == f"{hold}.projectTokenCreate")
        assert (entry["provider"], entry["environment"], entry["kind"], entry["use"]) == ("railway", "staging", "project", session.id), entry
        with s.session() as other:
            assert other.variables["RAILWAY_TOKEN"] not in (phantom, real)
            assert other.graphql(READ, headers={PROJECT: phantom}).denied
        # The real one is known from now on, also where somebody carries it in from elsewhere.
        assert session.graphql(READ, headers={PROJECT: real}).denied
        told = [e for e in s.ledger() if e["type"] == "disclosed" and e["decision"] == hold]
        assert [x["entry"] for x in told[0]["entries"]] == [f"{hold}.projectTokenCreate"], told
        found = s.find_secrets([real], b"".join(session.received), json.dumps(s.show(hold)))
        assert not found, found


def test_an_account_token_too():
    s = stage()
    with s.session(environment="production") as session:
        account = session.variables["RAILWAY_API_TOKEN"]
        answer = session.graphql('mutation { apiTokenCreate(input: {name: "minted-account"}) }', headers={ACCOUNT: f"Bearer {account}"})
        assert answer.hold, answer
        done = s.approve(answer.hold)
        assert done.status == 0, done
        real = token_of(s, "minted-account")
        phantom = json.loads(kept_answer(session, answer.hold)["answer"]["body"])["data"]["apiTokenCreate"]
        assert phantom != real
        reply = session.graphql("query { me { id } }", headers={ACCOUNT: f"Bearer {phantom}"})
        assert reply.status == 200 and s.railsim.requests()[-1]["token"] == "minted-account", reply
        assert not s.find_secrets([real], b"".join(session.received))


def variables_query(s, environment="staging", service="web"):
    return 'query { variables(projectId: "%s", environmentId: "%s", serviceId: "%s") }' % (
        s.seed.project, s.seed.environments[environment], s.seed.services[service])


def values_of(s, environment="staging"):
    rows = s.railsim.query("SELECT name, value FROM variables WHERE environmentId = ?", s.seed.environments[environment])
    return dict(rows)


def is_put_away(s, session, shown):
    real = values_of(s)
    password = urllib.parse.urlsplit(real["DATABASE_URL"]).password
    assert shown["LOG_LEVEL"] == real["LOG_LEVEL"], shown
    assert shown["SESSION_SECRET"] != real["SESSION_SECRET"] and UUID.fullmatch(shown["SESSION_SECRET"])
    ours, theirs = urllib.parse.urlsplit(shown["DATABASE_URL"]), urllib.parse.urlsplit(real["DATABASE_URL"])
    assert (ours.scheme, ours.username, ours.hostname, ours.port, ours.path) == (
        theirs.scheme, theirs.username, theirs.hostname, theirs.port, theirs.path), shown
    assert ours.password != password and len(ours.password) == len(password)
    assert not s.find_secrets([password, real["SESSION_SECRET"]], b"".join(session.received))


def test_variables_keep_their_form_and_lose_their_secrets():
    s = stage()
    with s.session() as session:
        answer = session.graphql(variables_query(s))
        assert answer.hold, answer
        done = s.approve(answer.hold)
        assert done.status == 0, done
        is_put_away(s, session, json.loads(kept_answer(session, answer.hold)["answer"]["body"])["data"]["variables"])


def test_what_the_policy_allows_to_be_shown_is_put_away_as_well():
    rules = ("rules:\n  - { name: reads, when: { effect: read }, then: allow }\n"
             "  - { name: mint, when: { operation: railway.projectTokenCreate, environment: lent }, then: allow }\n")
    with Stage(extra=rules) as s, s.session() as session:
        answer = session.graphql(variables_query(s))
        assert answer.status == 200 and not answer.hold, answer
        is_put_away(s, session, answer.json["data"]["variables"])
        answer = session.graphql("mutation M($i: ProjectTokenCreateInput!) { projectTokenCreate(input: $i) }", {
            "i": {"name": "allowed", "projectId": s.seed.project, "environmentId": s.seed.environments["staging"]}})
        phantom = answer.json["data"]["projectTokenCreate"]
        assert phantom != token_of(s, "allowed")
        assert session.graphql(READ, headers={PROJECT: phantom}).json["data"]
        assert s.railsim.requests()[-1]["token"] == "allowed"
        # What isn't where it should be is shown to nobody.
        for body in ('{"data":{"other":"secret-0123456789"}}', "secret-0123456789", '{"data":{"variables":"a","variables":"secret-0123456789"}}'):
            with answering(s.odd, saying(s, b"variables(", body)):
                answer = session.graphql(variables_query(s), host=ODD)
            assert (answer.status, answer.problem) == (403, "answer-withheld") and answer.headers["interlock-withheld"] == "answer", answer
            assert "INTERLOCK WITHHELD" in answer.text and "secret-0123456789" not in answer.text
        # And not over a WebSocket, where nothing is put away.
        provider = Provider()
        provider.over_http = relay_to(s)
        with answering(s.odd, provider), Line(session, ODD, GRAPHQL, {PROJECT: session.phantom}, [TRANSPORT]) as line:
            line.say({"id": "1", "type": "subscribe", "payload": {"query": variables_query(s)}})
            reply = line.json()
            assert reply["type"] == "error" and "can't be put away" in json.dumps(reply), reply
        assert not s.find_secrets([token_of(s, "allowed")], b"".join(session.received))


def test_what_can_not_be_put_away_is_withheld_from_everybody():
    s = stage()
    with s.session() as session:
        for body in ("token: secret-0123456789", '{"data":{"else":"secret-0123456789"}}', '{"data":'):
            with answering(s.odd, saying(s, b"projectTokenCreate", body)):
                answer = session.graphql("mutation M($i: ProjectTokenCreateInput!) { projectTokenCreate(input: $i) }", {
                    "i": {"name": "odd " + str(len(body)), "projectId": s.seed.project, "environmentId": s.seed.environments["staging"]}}, host=ODD)
                assert answer.hold, answer
                done = s.approve(answer.hold)
            kept = kept_answer(session, answer.hold)
            assert kept["answer"]["body"] == "" and kept["answer"]["withheld"], kept
            assert "withheld" in done.json["outcome"]["summary"], done
            assert not s.find_secrets(["secret-0123456789"], b"".join(session.received))


# --- a credential that its provider refuses ---

def lends(s, session):
    listed = next(x for x in s.status()["sessions"] if x["session"] == session.id)
    return {lend["entry"]: lend for lend in listed["lends"]}


def test_a_refused_credential_is_named():
    s = stage()
    no = b'{"errors":[{"message":"Not Authorized"}],"data":null}'
    refusals = [
        ("401", lambda t: b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", 401),
        ("graphql", lambda t: ok(no).replace(b"text/plain", b"application/json"), 200),
        ("graphql in chunks", lambda t: b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
         + b"".join(b"1\r\n" + bytes([c]) + b"\r\n" for c in no) + b"0\r\n\r\n", 200),
    ]

    def check(label, how, status):
        with s.session() as session:
            answer = reflect(session, s.odd, ODD, how)
            assert answer.status == status and answer.headers["interlock-lend"] == "staging; refused", answer.head
            assert answer.body in (b"no", no)
            told = [e for e in s.ledger() if e["type"] == "lend-refused" and e["session"] == session.id]
            assert len(told) == 1 and (told[0]["entry"], told[0]["status"]) == ("staging", status), told
            assert lends(s, session)["staging"]["refused_since"]
            assert "refuses staging since" in s.must("status").out
            reflect(session, s.odd, ODD, how)
            answer = reflect(session, s.odd, ODD, lambda t: ok(b'{"data":{}}').replace(b"text/plain", b"application/json"))
            assert "interlock-lend" not in answer.headers
            assert "refused_since" not in lends(s, session)["staging"]
            told = [e["type"] for e in s.ledger() if e["type"].startswith("lend-") and e["session"] == session.id]
            assert told == ["lend-refused", "lend-accepted"], told

    every(refusals, check)


def test_a_large_graphql_answer_passes_whole():
    s = stage()
    with s.session() as session:
        body = json.dumps({"data": {"text": "0123456789abcdef" * 20000, "token": "T"}})
        answer = reflect(session, s.odd, ODD, lambda t: ok(body.replace('"T"', json.dumps(t))).replace(b"text/plain", b"application/json"))
        assert answer.text == body.replace('"T"', json.dumps(session.phantom))
