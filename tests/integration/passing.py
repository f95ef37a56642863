"""What passes: in our own words, over connections that are kept and shared, while it arrives."""
from fake_upstream import finish, ok
from harness import PLAIN, Stage, shared, wide_stage
from wire import DEADLINE, request_bytes


def stage():
    return shared(wide_stage)


# --- what goes upstream ---


def test_the_request_is_sent_in_our_own_words():
    s = stage()
    with s.session() as session, session.tls(PLAIN) as c:
        c.send(f"GET /words HTTP/1.1\r\nhOsT:   {PLAIN}\r\nX-Mine:  a  \r\nKeep-Alive: 5\r\nTE: trailers\r\nConnection: keep-alive\r\n\r\n")
        assert c.read_answer().status == 200
    request = s.plain.requests[-1]
    assert request.target == "/words" and request.version == "HTTP/1.1"
    assert request.headers["host"] == PLAIN
    assert request.headers["x-mine"] == "a"
    assert not {"keep-alive", "te", "proxy-connection"} & set(request.headers)


def test_http_1_0_is_served_and_closed():
    with stage().session() as session, session.tls(PLAIN) as c:
        c.send(f"GET / HTTP/1.0\r\nHost: {PLAIN}\r\nConnection: keep-alive\r\n\r\n")
        answer = c.read_answer()
        assert answer.status == 200 and answer.text == "fine\n"
        assert c.is_closed()


def test_head_has_no_body_and_keeps_the_connection():
    with stage().session() as session, session.tls(PLAIN) as c:
        assert session.request("HEAD", PLAIN, "/", connection=c).status == 200
        assert session.get(PLAIN, connection=c).text == "fine\n"


def test_expect_100_continue_is_answered():
    s = stage()
    with s.session() as session, session.tls(PLAIN) as c:
        c.send(request_bytes("POST", "/x", {"Host": PLAIN, "Expect": "100-continue", "Content-Length": "2"}))
        status, _, _ = c.read_head()
        assert status == 100
        c.send(b"{}")
        assert c.read_answer("POST").status in (200, 403)


def test_pipelined_requests_are_answered_in_order():
    s = stage()
    s.plain.answer = lambda c, r: c.send(ok(r.target)) or True
    try:
        with s.session() as session, session.tls(PLAIN) as c:
            c.send(b"".join(request_bytes("GET", f"/{i}", {"Host": PLAIN}) for i in range(5)))
            assert [c.read_answer().text for _ in range(5)] == [f"/{i}" for i in range(5)]
    finally:
        s.plain.answer = ok()


# --- keep-alive and pooling ---


def test_a_client_connection_serves_many_requests():
    with stage().session() as session, session.tls(PLAIN) as c:
        for _ in range(20):
            assert session.get(PLAIN, connection=c).status == 200


def test_sequential_reads_share_one_upstream_connection():
    with Stage(railsim=False, approver=False) as s, s.session() as session, session.tls(PLAIN) as c:
        for _ in range(10):
            assert session.get(PLAIN, connection=c).status == 200
        assert s.plain.connections == 1, f"{s.plain.connections} connections for 10 reads"


def test_a_dead_pooled_connection_costs_a_read_nothing():
    s = stage()
    with s.session() as session, session.tls(PLAIN) as c:
        def once_then_close(connection, request):
            connection.send(ok())
            return finish(connection)

        s.plain.answer = once_then_close
        try:
            for _ in range(5):
                assert session.get(PLAIN, connection=c).status == 200
        finally:
            s.plain.answer = ok()


def test_connections_of_different_hosts_are_not_mixed():
    s = stage()
    with s.session() as session:
        s.plain.answer = lambda c, r: c.send(ok("plain " + r.headers["host"])) or True
        try:
            for _ in range(3):
                for host in (PLAIN, f"a.{PLAIN}", f"b.{PLAIN}"):
                    assert session.get(host).text == f"plain {host}"
        finally:
            s.plain.answer = ok()


# --- streaming ---


def test_an_answer_streams_before_it_ends():
    s = stage()

    def slowly(connection, request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.send(b"6\r\nfirst\n\r\n")
        assert s.plain.release.wait(DEADLINE)
        connection.send(b"5\r\nlast\n\r\n0\r\n\r\n")
        return True

    s.plain.release.clear()
    s.plain.answer = slowly
    try:
        with s.session() as session, session.tls(PLAIN) as c:
            c.send(request_bytes("GET", "/stream", {"Host": PLAIN}))
            c.until(b"first\n")  # arrives although the provider has not ended
            s.plain.release.set()
            c.until(b"last\n")
            c.until(b"0\r\n\r\n")
    finally:
        s.plain.answer = ok()


def test_a_large_answer_passes_whole():
    s = stage()
    block = bytes(range(256)) * 4096
    s.plain.answer = ok(block * 24)
    try:
        with s.session() as session:
            assert session.get(PLAIN, "/large").body == block * 24
    finally:
        s.plain.answer = ok()


def test_a_slow_reader_does_not_stop_others():
    s = stage()
    block = b"z" * (32 << 20)
    s.plain.answer = lambda c, r: c.send(ok(block) if r.target == "/large" else ok()) or True
    try:
        with s.session() as session, session.tls(PLAIN) as slow:
            slow.send(request_bytes("GET", "/large", {"Host": PLAIN}))
            slow.read_head()  # and then reads nothing more for a while
            for _ in range(8):
                assert session.get(PLAIN).status == 200
            read = len(slow.exactly(len(block)))
            assert read == len(block)
    finally:
        s.plain.answer = ok()
