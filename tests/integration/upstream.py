"""Providers that reset, hang, lie or present somebody else's certificate: a definite answer each time,
nothing hangs, nothing is sent twice, no credential goes anywhere but where it was lent for.
"""
import gzip
import json
import socket
import time

from fake_upstream import FakeUpstream, finish, ok, reset
from harness import answering, every, GRAPHQL, ODD, PLAIN, PROJECT, relay_to, shared, Stage
from wire import DEADLINE, Ended, request_bytes

READ = "query { projects { edges { node { id } } } }"


def make_stage():
    # Short waits, so that a provider that hangs is found out within a test's time.
    s = Stage(times={"answer": 1500, "body": 1500}, egress=(PLAIN, "*.plain.test", "localhost", "127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1"))
    s.real = s.seed.tokens["staging-deploy"]
    return s


def stage():
    return shared(make_stage)


def text(*lines, body=b"", end="\r\n\r\n"):
    return ("\r\n".join(lines) + end).encode("latin-1") + body


def then(*steps):
    """A script: bytes are sent, functions called with the connection; the last value keeps it or not."""

    def script(connection, request):
        keep = True
        for step in steps:
            if callable(step):
                keep = step(connection)
            else:
                connection.send(step)
        return keep

    return script


def hang(fake):
    return lambda connection: fake.release.wait(DEADLINE) and False


def kept_after(session, connection):
    """The client's connection serves another request after a provider's fault."""
    return session.get(PLAIN, "/after", connection=connection).status in (200, 502, 504)


# --- faults before a whole head ---


def test_a_fault_before_the_answer_is_502_or_504_with_a_reason():
    s = stage()
    s.plain.release.clear()
    cases = [
        ("reset", then(reset), 502),
        ("close", then(finish), 502),
        ("close mid-head", then(b"HTTP/1.1 200 OK\r\nContent-Le", finish), 502),
        ("reset mid-head", then(b"HTTP/1.1 200 OK\r\nContent-Le", reset), 502),
        ("hang", then(hang(s.plain)), 504),
        ("hang mid-head", then(b"HTTP/1.1 200 OK\r\nContent-Le", hang(s.plain)), 504),
        ("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 502),
        ("garbage", b"\x00\x01\x02\x03\r\n\r\n", 502),
        ("HTTP/2", b"HTTP/2 200\r\n\r\n", 502),
        ("HTTP/0.9", b"hello\r\n\r\n", 502),
        ("bad status", text("HTTP/1.1 2OO OK", "Content-Length: 0"), 502),
        ("CL and TE", text("HTTP/1.1 200 OK", "Content-Length: 3", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n"), 502),
        ("two CL", text("HTTP/1.1 200 OK", "Content-Length: 3", "Content-Length: 4", body=b"abcd"), 502),
        ("bad CL", text("HTTP/1.1 200 OK", "Content-Length: -3", body=b"abc"), 502),
        ("unknown TE", text("HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 502),
        ("obs-fold", text("HTTP/1.1 200 OK", "X-A: b", " c", "Content-Length: 0"), 502),
        ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", 502),
        ("NUL", text("HTTP/1.1 200 OK", "X-A: b\0c", "Content-Length: 0"), 502),
        ("101", text("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"), 502),
        ("huge head", text("HTTP/1.1 200 OK", *[f"X-{i}: {'h' * 1000}" for i in range(100)], "Content-Length: 0"), 502),
        ("many fields", text("HTTP/1.1 200 OK", *[f"X-{i}: 1" for i in range(1000)], "Content-Length: 0"), 502),
        ("100 without end", then(b"HTTP/1.1 100 Continue\r\n\r\n" * 64, hang(s.plain)), 502),
    ]
    with s.session() as session:
        def definite(label, script, status):
            with answering(s.plain, script), session.tls(PLAIN) as c:
                started = time.monotonic()
                answer = session.get(PLAIN, "/" + label.replace(" ", "-"), connection=c)
                assert answer.status == status, f"status {answer.status}: {answer.text[:200]}"
                assert answer.problem, answer
                assert PLAIN in answer.json["detail"], answer.text
                assert time.monotonic() - started < DEADLINE

        every(cases, definite)
    s.plain.release.set()


def test_the_client_connection_outlives_a_providers_fault():
    s = stage()
    with s.session() as session, session.tls(PLAIN) as c:
        with answering(s.plain, then(reset)):
            assert session.get(PLAIN, "/fault", connection=c).status == 502
        assert session.get(PLAIN, "/after", connection=c).status == 200


def test_interim_answers_are_skipped():
    s = stage()
    with s.session() as session, answering(s.plain, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok()):
        answer = session.get(PLAIN)
        assert answer.status == 200 and answer.text == "fine\n"


# --- faults within the body ---


def test_a_body_shorter_than_announced_is_seen_as_cut_off():
    s = stage()
    with s.session() as session:
        for script in (then(text("HTTP/1.1 200 OK", "Content-Length: 100", body=b"only this"), finish),
                       then(text("HTTP/1.1 200 OK", "Content-Length: 100", body=b"only this"), reset),
                       then(text("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"), finish),
                       then(text("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"5\r\nhel"), reset)):
            with answering(s.plain, script):
                try:
                    answer = session.get(PLAIN)
                except Ended:
                    continue
                assert answer.status == 502, answer


def test_a_body_that_stops_is_cut_off_in_time():
    s = stage()
    s.plain.release.clear()
    with s.session() as session:
        with answering(s.plain, then(text("HTTP/1.1 200 OK", "Content-Length: 100", body=b"only this"), hang(s.plain))):
            try:
                answer = session.get(PLAIN)
                assert answer.status == 504, answer
            except Ended:
                pass
    s.plain.release.set()


def test_bytes_after_the_announced_body_are_never_an_answer():
    s = stage()
    with s.session() as session, session.tls(PLAIN) as c:
        extra = ok(b"smuggled")
        with answering(s.plain, lambda k, r: k.send(ok(b"first") + extra) or True):
            assert session.get(PLAIN, "/1", connection=c).text == "first"
        assert session.get(PLAIN, "/2", connection=c).text == "fine\n"
        assert not c.buffer


def test_bytes_waiting_on_a_pooled_connection_are_never_an_answer():
    s = stage()
    with s.session() as session, session.tls(PLAIN) as c:
        def more_than_asked(connection, request):
            # Two TLS records in one segment: the second is there before the next request is.
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            connection.send(ok(b"first"))
            connection.send(ok(b"unasked"))
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
            return True

        with answering(s.plain, more_than_asked):
            for _ in range(5):
                text_seen = session.get(PLAIN, connection=c).text
                assert text_seen == "first", text_seen


def test_a_broken_chunk_in_an_answer_ends_it():
    s = stage()
    with s.session() as session:
        for body in (b"zz\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"5\nhello\n0\n\n"):
            with answering(s.plain, text("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=body)):
                try:
                    answer = session.get(PLAIN)
                    assert answer.status == 502, answer
                except Ended:
                    pass


def test_a_body_that_ends_with_the_connection_passes():
    s = stage()
    with s.session() as session, answering(s.plain, then(text("HTTP/1.1 200 OK", body=b"until the end"), finish)):
        assert session.get(PLAIN).text == "until the end"


def test_a_body_cut_off_without_close_notify_is_not_taken_for_whole():
    s = stage()
    with s.session() as session, answering(s.plain, then(text("HTTP/1.1 200 OK", body=b"until the"), lambda k: k.sock.close() or False)):
        try:
            with session.tls(PLAIN) as c:
                c.send(request_bytes("GET", "/", {"Host": PLAIN}))
                c.read_head()
                assert b"0\r\n\r\n" not in c.rest(), "a truncated answer was ended properly"
        except Ended:
            pass


def test_trailers_of_an_answer_are_dropped():
    s = stage()
    body = b"5\r\nhello\r\n0\r\nX-Trailer: surprise\r\n\r\n"
    with s.session() as session, answering(s.plain, text("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=body)):
        with session.tls(PLAIN) as c:
            c.send(request_bytes("GET", "/", {"Host": PLAIN}))
            answer = c.read_answer()
            assert answer.text == "hello" and b"surprise" not in answer.head + c.buffer


# --- certificates ---


def test_a_certificate_for_another_name_is_refused():
    refused_certificate(lambda a: a.issue("wrong", ["other.test"]), "certificate")


def test_an_expired_certificate_is_refused():
    refused_certificate(lambda a: a.issue("old", [PLAIN], ("20200101000000Z", "20210101000000Z")), "expired")


def test_a_certificate_of_the_future_is_refused():
    refused_certificate(lambda a: a.issue("future", [PLAIN], ("20900101000000Z", "20910101000000Z")), "certificate")


def test_a_certificate_of_an_unknown_authority_is_refused():
    from certificates import Authority
    s = stage()
    refused_certificate(lambda a: Authority(s.dir / "stranger").issue("leaf", [PLAIN]), "certificate")


def refused_certificate(issue, word):
    s = stage()
    chain, key = issue(s.authority)
    with FakeUpstream(chain, key) as fake:
        # A gateway of its own: where a host is, is configuration.
        with Stage(railsim=False, approver=False, upstreams=()) as other:
            config = other.config.read_text().replace(other.plain.address, fake.address)
            config = config.replace("ca: ca/ca.pem", f"ca: {s.authority.pem}")
            other.config.write_text(config)
            other.must("gateway", "stop")
            other.note_gateway()
            with other.session() as session:
                answer = session.get(PLAIN)
                assert answer.status == 502, answer
                assert word in answer.json["detail"], answer.text
                assert fake.requests == [] and fake.bytes_received == 0


def test_an_upstream_that_speaks_no_tls_is_502():
    with FakeUpstream() as fake, Stage(railsim=False, approver=False) as other:
        other.config.write_text(other.config.read_text().replace(other.plain.address, fake.address))
        other.must("gateway", "stop")
        other.note_gateway()
        fake.on_accept = lambda sock: sock.sendall(b"220 mail.example ESMTP\r\n") or False
        with other.session() as session:
            assert session.get(PLAIN).status == 502


def test_an_upstream_that_is_not_there_is_502():
    with Stage(railsim=False, approver=False) as s, s.session() as session:
        s.plain.close()
        answer = session.get(PLAIN)
        assert answer.status == 502 and PLAIN in answer.json["detail"], answer


# --- credentials and answers ---


def test_a_redirect_is_handed_back_and_never_followed():
    s = stage()
    target = f"https://{PLAIN}/elsewhere"
    with s.session() as session:
        before = len(s.plain.requests)
        with answering(s.odd, text("HTTP/1.1 302 Found", f"Location: {target}", "Content-Length: 0")):
            answer = session.graphql(READ, host=ODD)
            assert answer.status == 302 and answer.headers["location"] == target
        assert len(s.plain.requests) == before


def test_the_real_token_goes_to_its_provider_in_its_header():
    s = stage()
    with s.session() as session:
        assert session.graphql(READ, host=ODD).status == 200
        request = s.odd.requests[-1]
        assert request.headers[PROJECT] == s.real
        assert session.phantom.encode() not in request.head + request.body


def test_the_phantom_sent_to_another_host_gets_no_real_token():
    s = stage()
    with s.session() as session:
        before = len(s.plain.requests)
        answer = session.get(PLAIN, "/", {PROJECT: session.phantom})
        assert answer.status == 403 and answer.denied, answer
        answer = session.get(PLAIN, "/", {"Authorization": f"Bearer {session.phantom}"})
        assert answer.status == 403 and answer.denied, answer
        assert all(s.real.encode() not in r.head + r.body for r in s.plain.requests[before:])
        assert len(s.plain.requests) == before


def reflecting(how):
    """Sends the real token back, the way `how` (a function of the token's bytes) does it."""
    return lambda connection, request: how(connection, request.headers[PROJECT].encode())


def scrubbed(how):
    s = stage()
    with s.session() as session:
        with answering(s.odd, reflecting(how)), session.tls(ODD) as c:
            payload = json.dumps({"query": READ}).encode()
            c.send(request_bytes("POST", GRAPHQL, {"Host": ODD, PROJECT: session.phantom, "Content-Type": "application/json"}, payload))
            try:
                answer = c.read_answer("POST")
                seen = answer.head + answer.body
            except Ended:
                answer, seen = None, b""
        received = b"".join(session.received)
        assert s.real.encode() not in received, "the real token reached the agent"
        assert s.real.encode() not in seen
        return session, answer


def test_a_reflected_token_comes_back_as_the_phantom():
    session, answer = scrubbed(lambda c, t: c.send(ok(b'{"echo":"' + t + b'"}')) or True)
    assert answer.json == {"echo": session.phantom}


def test_a_token_reflected_in_headers_comes_back_as_the_phantom():
    session, answer = scrubbed(lambda c, t: c.send(ok(b"{}", f"X-Echo: {t.decode()}\r\nSet-Cookie: t={t.decode()}\r\n")) or True)
    assert answer.headers["x-echo"] == session.phantom


def test_a_token_split_over_chunks_is_scrubbed():
    def split(connection, token):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(len(token)):
            connection.send(b"1\r\n" + token[i:i + 1] + b"\r\n")
        connection.send(b"0\r\n\r\n")
        return True

    session, answer = scrubbed(split)
    assert answer.text == session.phantom


def test_a_token_split_over_packets_is_scrubbed():
    def split(connection, token):
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(token) * 2}\r\n\r\n".encode())
        for i in range(0, len(token) * 2, 5):
            connection.send((token * 2)[i:i + 5])
        return True

    session, answer = scrubbed(split)
    assert answer.text == session.phantom * 2


def test_an_almost_token_passes_unchanged():
    s = stage()
    almost = s.real[:-1].encode()
    with s.session() as session, answering(s.odd, ok(almost)):
        assert session.graphql(READ, host=ODD).body == almost


def test_identity_is_asked_for_where_a_credential_went_out():
    s = stage()
    with s.session() as session:
        session.graphql(READ, host=ODD, headers={PROJECT: session.phantom, "Accept-Encoding": "gzip, br"})
        assert s.odd.requests[-1].headers["accept-encoding"] == "identity"


def test_an_answer_compressed_although_plain_was_asked_for_is_not_handed_on():
    packed = lambda t: gzip.compress(b'{"echo":"' + t + b'"}')  # noqa: E731
    session, answer = scrubbed(lambda c, t: c.send(
        f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed(t))}\r\n\r\n".encode() + packed(t)) or True)
    assert (answer.status, answer.problem) == (502, "answer-encoded"), answer


def test_a_token_reflected_in_a_reason_phrase_is_not_handed_on():
    scrubbed(lambda c, t: c.send(b"HTTP/1.1 200 " + t + b"\r\nContent-Length: 2\r\n\r\n{}") or True)


def test_a_token_reflected_in_a_field_name_is_not_handed_on():
    scrubbed(lambda c, t: c.send(b"HTTP/1.1 200 OK\r\nX-" + t + b": 1\r\nContent-Length: 2\r\n\r\n{}") or True)


# --- addresses ---


def test_loopback_and_private_addresses_are_never_dialled():
    s = stage()
    with FakeUpstream() as local, s.session() as session:
        for host in ("127.0.0.1", "localhost"):
            answer = session.absolute("GET", f"http://{host}:{local.port}/")
            assert answer.status in (403, 502), answer
            assert "loopback" in answer.text, answer.text
        assert local.connections == 0
        for host in ("169.254.169.254", "10.0.0.1"):
            started = time.monotonic()
            answer = session.absolute("GET", f"http://{host}/latest/meta-data/")
            assert answer.status in (403, 502) and ("link-local" in answer.text or "private" in answer.text), answer
            assert time.monotonic() - started < 5, "it was dialled"


def test_an_ipv6_loopback_address_is_never_dialled():
    s = stage()
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        return  # without IPv6 there is nothing to reach
    with listener, s.session() as session:
        answer = session.absolute("GET", f"http://[::1]:{listener.getsockname()[1]}/")
        assert answer.status in (403, 502), answer
        listener.settimeout(0.2)
        try:
            listener.accept()
            raise AssertionError("it was dialled")
        except TimeoutError:
            pass


def test_an_upstreams_entry_for_one_name_opens_no_other():
    s = stage()
    with s.session() as session:
        answer = session.get(f"a.{PLAIN}")
        assert answer.status in (403, 502), answer


# --- a mutation is never sent twice ---


def test_a_reversible_mutation_is_not_repeated_when_its_connection_dies():
    s = stage()
    mutation = 'mutation { variableUpsert(input: {projectId: "%s", environmentId: "%s", name: "A", value: "b"}) }' % (
        s.seed.project, s.seed.environments["staging"])
    relay = relay_to(s)

    def dies_on_mutations(connection, request):
        return reset(connection) if b"variableUpsert" in request.body else relay(connection, request)

    with s.session() as session, answering(s.odd, dies_on_mutations):
        s.odd.requests.clear()
        session.graphql(READ, host=ODD)  # leaves a connection in the pool
        answer = session.graphql(mutation, host=ODD)
        assert answer.status == 502, answer
        assert len([r for r in s.odd.requests if b"variableUpsert" in r.body]) == 1
