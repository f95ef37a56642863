"""WebSocket: opened where a pack says so, judged message by message, and closed with whatever opened it.

The provider is a few lines of Python here, so that it can misbehave; the agent's end is another few.
"""
import base64
import hashlib
import json
import os
import struct
import threading

from harness import GRAPHQL, ODD, PLAIN, PROJECT, Stage, every, relay_to, shared
from wire import wait_until

OPENAI = "api.openai.com"
KEY = "sk-proj-" + "r3alKeyOfTheCaller" * 3
GITHUB = "ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"
TRANSPORT = "graphql-transport-ws"
LEGACY = "graphql-ws"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
NONCE = "dGhlIHNhbXBsZSBub25jZQ=="


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def frame(kind, payload=b"", masked=True, final=True, reserved=0):
    payload = payload if isinstance(payload, bytes) else payload.encode()
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size) if size < 65536 else b"\x7f" + struct.pack(">Q", size)
    if not masked:
        return bytes([(0x80 if final else 0) | reserved | kind]) + length + payload
    mask = os.urandom(4)
    return (bytes([(0x80 if final else 0) | reserved | kind]) + bytes([length[0] | 0x80]) + length[1:] + mask
            + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))


def read_frame(connection):
    first, second = connection.exactly(2)
    size = second & 0x7f
    if size == 126:
        size = struct.unpack(">H", connection.exactly(2))[0]
    elif size == 127:
        size = struct.unpack(">Q", connection.exactly(8))[0]
    mask = connection.exactly(4) if second & 0x80 else b"\0\0\0\0"
    payload = bytes(b ^ mask[i % 4] for i, b in enumerate(connection.exactly(size)))
    return first & 0x0f, payload, bool(second & 0x80), first >> 4


class Provider:
    """Opens what it is asked to, keeps every message, and says what a test tells it to."""

    def __init__(self):
        self.heads = []
        self.frames = []  # (kind, payload)
        self.connections = []
        self.protocol = None  # what it selects; None: the first offered
        self.accept = accept_of
        self.extra = ""
        self.greeting = b""
        self.status = None
        self.echo = True
        self.over_http = None

    def __call__(self, connection, request):
        if request.method == "POST" and self.over_http:
            return self.over_http(connection, request)
        self.heads.append(request)
        if self.status:
            connection.send(self.status)
            return True
        offered = request.headers.get("sec-websocket-protocol", "").split(", ")
        chosen = self.protocol if self.protocol is not None else offered[0]
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        f"Sec-WebSocket-Accept: {self.accept(request.headers['sec-websocket-key'])}\r\n"
                        + (f"Sec-WebSocket-Protocol: {chosen}\r\n" if chosen else "") + self.extra + "\r\n")
        if self.greeting:
            connection.send(self.greeting)
        self.connections.append(connection)
        while True:
            kind, payload, masked, flags = read_frame(connection)
            assert masked and flags == 8, "the gateway's frames are whole and masked"
            self.frames.append((kind, payload))
            if kind == CLOSE:
                return False
            if kind == TEXT and self.echo:
                connection.send(frame(TEXT, payload, masked=False))

    def texts(self):
        return [json.loads(p) for kind, p in list(self.frames) if kind == TEXT]


class Line:
    """The agent's end of one WebSocket."""

    def __init__(self, session, host, target, headers=(), protocols=(), key=NONCE, opens=True, more=""):
        self.connection = session.tls(host)
        pairs = [("Host", host), ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
                 ("Sec-WebSocket-Key", key), *dict(headers).items()]
        if protocols:
            pairs.append(("Sec-WebSocket-Protocol", ", ".join(protocols)))
        head = f"GET {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in pairs) + more + "\r\n"
        self.connection.send(head)
        if not opens:
            self.answer = self.connection.read_answer()
            return
        self.status, self.headers, head = self.connection.read_head()
        assert self.status == 101, head
        assert self.headers["sec-websocket-accept"] == accept_of(key), self.headers
        assert "sec-websocket-extensions" not in self.headers

    def send(self, kind, payload=b"", **more):
        self.connection.send(frame(kind, payload, **more))

    def say(self, value):
        self.send(TEXT, json.dumps(value))

    def hear(self):
        """The next data frame or Close; pings are left out."""
        while True:
            kind, payload, masked, flags = read_frame(self.connection)
            assert not masked and flags == 8
            if kind not in (PING, PONG):
                return kind, payload

    def json(self):
        kind, payload = self.hear()
        assert kind == TEXT, (kind, payload)
        return json.loads(payload)

    def closed(self):
        """The code and reason of the Close that must come next; then the connection must end."""
        kind, payload = self.hear()
        assert kind == CLOSE, (kind, payload)
        assert self.connection.is_closed()
        return struct.unpack(">H", payload[:2])[0], payload[2:].decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


def make_stage():
    # Its messages may be as large as a body may.
    s = Stage(egress=(PLAIN, "model-apis"), names=(OPENAI,), limits={"inspect": "1MiB"}, hosted=("web_search",),
              upstreams=[f'host: {OPENAI}, connect: "{{odd}}", ca: ca/ca.pem'])
    return s


def stage(provider=None):
    s = shared(make_stage)
    s.odd.answer = provider or Provider()
    s.odd.answer.over_http = relay_to(s)  # where targets are looked up, and what is held is executed
    return s, s.odd.answer


def graphql(session, protocol=TRANSPORT, **more):
    return Line(session, ODD, GRAPHQL, {PROJECT: session.phantom}, [protocol], **more)


def subscribe(query, number="1", kind="subscribe"):
    return {"id": number, "type": kind, "payload": {"query": query}}


def model(s):
    keys = [{"variable": "OPENAI_API_KEY", "value": KEY, "provider": "model-apis", "kind": "openai-key"}]
    session = s.session(keys=keys)
    return session, {"Authorization": "Bearer " + session.variables["OPENAI_API_KEY"]}


def ask(text, **more):
    return {"type": "response.create", "model": "m", "input": text, **more}


def entries(s, kind, session):
    return [e for e in s.ledger() if e["type"] == kind and e.get("session") == session.id]


# --- the handshake ---

def test_only_what_a_pack_opens_is_opened():
    s, provider = stage()
    with s.session() as session:
        cases = [(PLAIN, "/", 501, "upgrade"), (ODD, "/graphql/internal", 501, "upgrade"), (OPENAI, "/v1/realtime", 501, "upgrade"),
                 (OPENAI, "/v1/files", 501, "upgrade")]

        def check(host, target, status, name):
            with Line(session, host, target, opens=False) as line:
                assert (line.answer.status, line.answer.problem) == (status, name), line.answer
                assert line.connection.is_closed()
        every(cases, check)
        with Line(session, "elsewhere.test", "/", opens=False) as line:
            assert line.answer.status == 403 and line.answer.denied, line.answer
    assert not provider.heads


def test_a_broken_handshake_is_refused_and_not_sent():
    s, provider = stage()
    with s.session() as session:
        cases = [("no key", ["Sec-WebSocket-Version: 13", "Connection: Upgrade"], 400, "websocket-handshake"),
                 ("short key", ["Sec-WebSocket-Key: YQ==", "Sec-WebSocket-Version: 13", "Connection: Upgrade"], 400, "websocket-handshake"),
                 ("version 8", [f"Sec-WebSocket-Key: {NONCE}", "Sec-WebSocket-Version: 8", "Connection: Upgrade"], 426, "websocket-version"),
                 ("no Connection", [f"Sec-WebSocket-Key: {NONCE}", "Sec-WebSocket-Version: 13"], 400, "websocket-handshake"),
                 ("a body", [f"Sec-WebSocket-Key: {NONCE}", "Sec-WebSocket-Version: 13", "Connection: Upgrade", "Content-Length: 1"],
                  400, "websocket-handshake")]

        def check(_, fields, status, name):
            with session.tls(ODD) as connection:
                connection.send(f"GET {GRAPHQL} HTTP/1.1\r\nHost: {ODD}\r\nUpgrade: websocket\r\n" + "\r\n".join(fields) + "\r\n\r\n")
                answer = connection.read_answer()
                assert (answer.status, answer.problem) == (status, name), answer
                assert connection.is_closed()
        every(cases, check)
        for protocols in ((), ("mqtt",)):
            with Line(session, ODD, GRAPHQL, {PROJECT: session.phantom}, protocols, opens=False) as line:
                assert line.answer.problem == "websocket-protocol", line.answer
    assert not provider.heads


def test_bytes_before_the_answer_are_nothing():
    s, provider = stage()
    with s.session() as session, session.tls(ODD) as connection:
        head = (f"GET {GRAPHQL} HTTP/1.1\r\nHost: {ODD}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {NONCE}\r\nSec-WebSocket-Protocol: {TRANSPORT}\r\n{PROJECT}: {session.phantom}\r\n\r\n")
        connection.send(head.encode() + frame(TEXT, json.dumps(subscribe("{ me { id } }"))))
        answer = connection.read_answer()
        assert answer.problem == "early-data", answer
    assert not provider.heads


def test_the_credential_is_the_real_one_and_is_never_shown():
    s, provider = stage()
    with s.session() as session:
        real = s.seed.tokens["staging-deploy"]
        provider.greeting = frame(TEXT, json.dumps({"type": "connection_ack", "payload": {"you": real}}), masked=False)
        with graphql(session, more="Sec-WebSocket-Extensions: permessage-deflate\r\nX-Unlisted: 1\r\n") as line:
            head = provider.heads[-1]
            assert head.headers[PROJECT] == real and session.phantom not in head.head.decode()
            assert "sec-websocket-extensions" not in head.headers and "x-unlisted" not in head.headers
            assert head.headers["sec-websocket-key"] != NONCE
            assert line.headers["sec-websocket-protocol"] == TRANSPORT
            assert line.json() == {"type": "connection_ack", "payload": {"you": session.phantom}}
            provider.connections[-1].send(frame(CLOSE, struct.pack(">H", 4400) + b"not " + real.encode(), masked=False))
            assert line.closed() == (4400, "not " + session.phantom)
        assert real.encode() not in b"".join(session.received)


def test_a_foreign_credential_opens_nothing():
    s, provider = stage()
    with s.session() as session:
        stolen = {"authorization": "Bearer " + s.seed.tokens["domains-cli"]}
        with Line(session, ODD, GRAPHQL, stolen, [TRANSPORT], opens=False) as line:
            assert line.answer.denied, line.answer
        assert entries(s, "leak", session)
    assert not provider.heads


def test_an_answer_that_is_not_to_this_handshake_opens_nothing():
    s, provider = stage()
    with s.session() as session:
        def check(name, change):
            for key, value in {"accept": accept_of, "extra": "", "protocol": None, **change}.items():
                setattr(provider, key, value)
            with Line(session, ODD, GRAPHQL, {PROJECT: session.phantom}, [TRANSPORT], opens=False) as line:
                assert line.answer.status == 502, line.answer
        every([("accept", {"accept": lambda key: accept_of("x" + key)}),
               ("extension", {"extra": "Sec-WebSocket-Extensions: permessage-deflate\r\n"}),
               ("protocol", {"protocol": LEGACY}), ("no protocol", {"protocol": ""})], check)


def test_a_providers_no_is_handed_on():
    s, provider = stage()
    with s.session() as session:
        real = s.seed.tokens["staging-deploy"]
        body = json.dumps({"error": f"no, {real}"}).encode()
        provider.status = (b"HTTP/1.1 401 No\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
        with Line(session, ODD, GRAPHQL, {PROJECT: session.phantom}, [TRANSPORT], opens=False) as line:
            assert line.answer.status == 401 and line.answer.json == {"error": f"no, {session.phantom}"}, line.answer


# --- GraphQL ---

def test_a_query_and_a_listed_subscription_pass_in_our_own_words():
    s, provider = stage()
    with s.session() as session, graphql(session) as line:
        line.say({"type": "connection_init"})
        assert line.json() == {"type": "connection_init"}
        line.say(subscribe("query  Q { me { id } } "))
        payload = line.json()["payload"]
        assert payload["operationName"] == "Q" and "".join(payload["query"].split()) == "queryQ{me{id}}", payload
        line.say(subscribe('subscription { deploymentLogs(deploymentId: "d") { message } }'))
        reply = line.json()  # that deployment is nowhere to be seen, so it counts as production
        assert reply["payload"][0]["extensions"]["code"].startswith("INTERLOCK_"), reply
        line.say({"id": "1", "type": "complete"})
        assert line.json() == {"id": "1", "type": "complete"}


def test_a_mutation_never_passes_unjudged():
    for protocol, kind in ((TRANSPORT, "subscribe"), (LEGACY, "start")):
        s, provider = stage()
        with s.session() as session, graphql(session, protocol) as line:
            mutation = 'mutation { volumeDelete(volumeId: "%s") }' % s.new_volume()
            line.say(subscribe(mutation, "9", kind))
            reply = line.json()
            error = reply["payload"][0] if protocol == TRANSPORT else reply["payload"]
            assert (reply["id"], reply["type"]) == ("9", "error"), reply
            assert error["extensions"]["code"] == "INTERLOCK_HOLD", reply
            hold = error["extensions"]["hold"]
            assert error["message"].startswith(f"INTERLOCK HOLD {hold}: not executed, nothing changed."), reply
            shown = s.show(hold)
            assert shown["request"]["method"] == "POST" and shown["request"]["url"].endswith(ODD + GRAPHQL), shown["request"]
            assert shown["operation"] == "railway.volumeDelete"
            # The connection lives, and other work goes on.
            line.say({"type": "connection_init"})
            assert line.json() == {"type": "connection_init"}
            assert len(provider.texts()) == 1
            line.send(CLOSE, struct.pack(">H", 1000))
            assert line.closed()[0] == 1000
        end = entries(s, "websocket-end", session)[-1]
        assert (end["allowed"], end["refused"], end["messages_from_agent"]) == (0, 1, 3), end
        decisions = [e["operation"] for e in entries(s, "decision", session)]
        assert decisions == ["railway.GET /graphql/v2", "railway.volumeDelete"], decisions


def test_a_held_operation_is_executed_over_http():
    s, provider = stage()
    with s.session() as session, graphql(session) as line:
        volume = s.new_volume()
        line.say(subscribe('mutation { volumeDelete(volumeId: "%s") }' % volume))
        hold = line.json()["payload"][0]["extensions"]["hold"]
        assert not s.is_deleted(volume) and not provider.texts()
        done = s.approve(hold)
        assert done.status == 0 and done.json["outcome"]["status"] == 200, done
        assert s.is_deleted(volume) and not provider.texts()


def test_what_is_no_message_of_the_protocol_ends_the_connection():
    s, provider = stage()
    with s.session() as session:
        mutation = 'mutation { volumeDelete(volumeId: "v") }'
        cases = [
            ("another type", json.dumps({**subscribe(mutation), "type": "start"}), 1008),
            ("a key twice", '{"type":"ping","type":"subscribe","id":"1","payload":{"query":"{a}"}}', 1008),
            ("a member more", json.dumps({**subscribe("{ me { id } }"), "query": mutation}), 1008),
            ("a document in complete", json.dumps({"type": "complete", "id": "1", "payload": {"query": mutation}}), 1008),
            ("a list", json.dumps([subscribe(mutation)]), 1008),
            ("no JSON", "subscribe", 1008)]

        def check(_, text, code):
            with graphql(session) as line:
                line.send(TEXT, text)
                got, reason = line.closed()
                assert got == code and reason.startswith("INTERLOCK DENIED"), (got, reason)
        every(cases, check)
        with graphql(session) as line:
            line.send(BINARY, json.dumps(subscribe(mutation)))
            assert line.closed()[0] == 1003
    assert not provider.texts()


def test_a_foreign_credential_in_a_message_is_a_leak():
    s, provider = stage()
    with s.session() as session:
        for message in ({"type": "connection_init", "payload": {"Authorization": "Bearer " + s.seed.tokens["domains-cli"]}},
                        {"type": "ping", "payload": {"note": GITHUB}},
                        {"type": "connection_init", "payload": {"token": session.phantom}}):
            with graphql(session) as line:
                line.say(message)
                code, reason = line.closed()
                assert code == 1008 and reason.startswith("INTERLOCK DENIED"), (code, reason)
        assert len(entries(s, "leak", session)) == 1  # the token of a known shape
        with graphql(session) as line:
            line.say(subscribe('{ project(id: "%s") { id } }' % GITHUB))
            assert line.json()["payload"][0]["extensions"]["code"] == "INTERLOCK_DENIED"
    assert not provider.texts()


# --- a message that is a call ---

def test_a_prompt_passes_and_a_hosted_tool_is_refused():
    s, provider = stage()
    session, headers = model(s)
    with session, Line(session, OPENAI, "/v1/responses", headers) as line:
        assert provider.heads[-1].headers["authorization"] == "Bearer " + KEY
        line.say(ask(f"what is {GITHUB}?", tools=[{"type": "function", "name": "f"}], generate=False))
        said = line.json()
        assert said["type"] == "response.create" and said["generate"] is False and GITHUB in said["input"]
        for tool in ({"type": "mcp", "server_url": "https://x.example", "authorization": "t"}, {"type": "code_interpreter"}):
            line.say(ask("hi", tools=[tool]))
            refusal = line.json()
            assert (refusal["type"], refusal["status"]) == ("error", 403), refusal
            assert refusal["error"]["code"] == "INTERLOCK_DENIED" and tool["type"] in refusal["error"]["message"]
            assert refusal["error"]["decision"].startswith("d-")
        line.say(ask("hi", tools=[{"type": "web_search"}]))
        assert line.json()["tools"] == [{"type": "web_search"}]
        line.say({"type": "response.cancel"})
        assert line.closed()[0] == 1008
    assert len(provider.texts()) == 2
    assert KEY.encode() not in b"".join(session.received)


def test_a_plain_get_of_such_a_route_is_refused():
    s, provider = stage()
    session, headers = model(s)
    with session:
        answer = session.get(OPENAI, "/v1/responses", headers)
        assert (answer.status, answer.problem) == (426, "websocket-expected"), answer
    assert not provider.heads


# --- frames ---

def test_frames_are_read_whole_and_written_again():
    s, provider = stage()
    session, headers = model(s)
    with session, Line(session, OPENAI, "/v1/responses", headers) as line:
        text = json.dumps(ask("x" * 70_000)).encode()
        line.send(TEXT, text[:10], final=False)
        line.send(PING, b"are you there")
        line.send(0, text[10:20], final=False)
        line.send(0, text[20:])
        assert read_frame(line.connection)[:2] == (PONG, b"are you there")
        assert line.json()["input"] == "x" * 70_000
        # The provider was kept awake without a byte of the agent's.
        assert (PING, b"") in provider.frames and (PING, b"are you there") not in provider.frames


def test_frames_that_could_be_read_differently_end_the_connection():
    s, provider = stage()
    session, headers = model(s)
    with session:
        cases = [("unmasked", frame(TEXT, "{}", masked=False), 1002), ("reserved bit", frame(TEXT, "{}", reserved=0x40), 1002),
                 ("opcode", frame(3, "{}"), 1002), ("text that is none", frame(TEXT, b"\xff\xfe"), 1007),
                 ("half a code", frame(CLOSE, b"\x03"), 1002),
                 ("too large", b"\x81\xff" + struct.pack(">Q", 1 << 40) + b"abcd", 1009)]

        def check(_, data, code):
            with Line(session, OPENAI, "/v1/responses", headers) as line:
                line.connection.send(data)
                assert line.closed()[0] == code
        every(cases, check)
    assert not provider.texts()


def test_a_provider_that_breaks_the_protocol_is_cut_off():
    s, provider = stage()
    session, headers = model(s)
    with session:
        provider.greeting = frame(TEXT, b"masked", masked=True)
        with Line(session, OPENAI, "/v1/responses", headers) as line:
            assert line.closed()[0] == 1002


# --- the end ---

def test_a_session_that_ends_closes_its_websockets():
    s, provider = stage()
    with s.session() as session:
        line = graphql(session)
        session.close()
        assert line.closed() == (1001, "the session is over")
        wait_until(lambda: (CLOSE, struct.pack(">H", 1001)) in provider.frames, "the provider learns that it is over")
        wait_until(lambda: entries(s, "websocket-end", session), "the end is on the record")


def test_a_reload_closes_what_was_opened_under_the_old_policy():
    s, _ = stage()
    with s.session() as session:
        line = graphql(session)
        os.kill(s.note_gateway(), 1)  # SIGHUP
        assert line.closed() == (1008, "the policy has changed; connect again")


def test_the_gateways_end_closes_with_a_word():
    with Stage(railsim=True) as s:
        s.odd.answer = provider = Provider()
        session = s.session()
        line = graphql(session)
        s.must("gateway", "stop")
        assert line.closed() == (1001, "the session is over")
        wait_until(lambda: (CLOSE, struct.pack(">H", 1001)) in provider.frames, "the provider learns that it is over")
        session.close()


def test_silence_and_half_a_message_end_it():
    with Stage(times={"websocket": 400, "body": 300}) as s:
        s.odd.answer = Provider()
        with s.session() as session:
            for half in (b"", b"\x81", frame(TEXT, "{", final=False)):
                with graphql(session) as line:
                    line.connection.send(half)
                    assert line.closed()[0] == 1001


def test_a_session_has_so_many_and_no_more():
    s, _ = stage()
    with s.session() as session:
        lines = [graphql(session) for _ in range(64)]
        with Line(session, ODD, GRAPHQL, {PROJECT: session.phantom}, [TRANSPORT], opens=False) as line:
            assert (line.answer.status, line.answer.problem) == (429, "too-many-websockets"), line.answer
        lines[0].connection.close()

        def opens():
            try:
                with graphql(session):
                    return True
            except AssertionError:
                return False
        wait_until(opens, "a place is free again")
        for line in lines:
            line.connection.close()


def test_talk_in_both_directions_at_once():
    s, provider = stage()
    provider.echo = False
    session, headers = model(s)
    with session, Line(session, OPENAI, "/v1/responses", headers) as line:
        wait_until(lambda: provider.connections, "it is open")
        many = 200

        def talk():
            for i in range(many):
                provider.connections[-1].send(frame(TEXT, json.dumps({"n": i, "pad": "y" * 5000}), masked=False))
        thread = threading.Thread(target=talk)
        thread.start()
        for i in range(many):
            line.say(ask("x" * 2000, previous_response_id=str(i)))
        assert [line.json()["n"] for _ in range(many)] == list(range(many))
        thread.join()
        wait_until(lambda: len(provider.texts()) == many, "all of it arrived")
        assert [t["previous_response_id"] for t in provider.texts()] == [str(i) for i in range(many)]
