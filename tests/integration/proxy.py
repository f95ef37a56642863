"""The explicit proxy: who may use it, and how it takes TLS apart.

A refusal is worth something only if nothing went upstream: every one of these tests counts what the
provider received.
"""
import base64
import socket
import ssl

from harness import API, GRAPHQL, ODD, PLAIN, PROJECT, every, refused_in_tunnel, shared, wide_stage
from wire import Ended, request_bytes, wait_until


def stage():
    return shared(wide_stage)


# --- who may use it ---


def test_connect_without_a_token_is_407():
    with stage().session() as session, session.proxy_connection() as c:
        c.send(f"CONNECT {PLAIN}:443 HTTP/1.1\r\nHost: {PLAIN}:443\r\n\r\n")
        answer = c.read_answer("GET")
        assert answer.status == 407 and answer.problem == "proxy-token"
        assert "basic" in answer.headers["proxy-authenticate"].lower()
        assert c.is_closed()


def test_connect_with_a_wrong_token_is_407():
    with stage().session() as session:
        wrong = session.token[:-1] + ("A" if session.token[-1] != "A" else "B")

        def refused(label, value):
            with session.proxy_connection() as c:
                c.send(f"CONNECT {PLAIN}:443 HTTP/1.1\r\nHost: {PLAIN}:443\r\nProxy-Authorization: {value}\r\n\r\n")
                assert c.read_answer("GET").status == 407

        basic = lambda text: "Basic " + base64.b64encode(text.encode()).decode()  # noqa: E731
        every([("one character off", basic(f"session:{wrong}")), ("empty", basic("session:")),
               ("a prefix", basic(f"session:{session.token[:-1]}")), ("token as the user", basic(f"{session.token}:")),
               ("no colon", basic(session.token)), ("not base64", "Basic !!!!"), ("another scheme", f"Digest {session.token}"),
               ("bearer, wrong", f"Bearer {wrong}"), ("the session's id", basic(f"session:{session.id}"))], refused)


def test_the_token_works_as_basic_and_as_bearer():
    with stage().session() as session, session.proxy_connection() as c:
        c.send(f"CONNECT {PLAIN}:443 HTTP/1.1\r\nHost: {PLAIN}:443\r\nProxy-Authorization: Bearer {session.token}\r\n\r\n")
        assert c.read_head()[0] == 200
        assert session.get(PLAIN).status == 200


def test_absolute_form_without_a_token_is_407():
    with stage().session() as session, session.proxy_connection() as c:
        c.send(f"GET http://{PLAIN}/ HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n")
        assert c.read_answer().status == 407
    with stage().session() as session:
        assert session.absolute("GET", f"http://{PLAIN}/", token="wrong").status == 407


def test_the_token_of_an_ended_session_is_407():
    s = stage()
    session = s.session()
    assert session.get(PLAIN).status == 200
    session.close()

    def refused():
        with session.proxy_connection() as c:
            c.send(session.connect_bytes(f"{PLAIN}:443"))
            return c.read_head()[0] == 407

    wait_until(refused, "the ended session's token being refused")


def test_a_tunnel_of_an_ended_session_carries_nothing_more():
    s = stage()
    session = s.session()
    with session.tls(PLAIN) as c:
        assert session.get(PLAIN, connection=c).status == 200
        session.close()
        wait_until(lambda: session.id not in [x["session"] for x in s.status()["sessions"]], "the session's end")
        before = len(s.plain.requests)
        try:
            c.send(request_bytes("GET", "/after", {"Host": PLAIN}))
            answer = c.read_answer()
            assert answer.status >= 400, answer
        except (Ended, OSError):
            pass
        assert len(s.plain.requests) == before


def test_the_proxy_token_never_goes_upstream():
    s = stage()
    with s.session() as session:
        assert session.get(PLAIN, "/token", {"Proxy-Authorization": "Basic Zm9v"}).status in (200, 403)
        for request in s.plain.requests:
            assert "proxy-authorization" not in request.headers
            assert session.token.encode() not in request.head


# --- TLS ---


def test_alpn_offers_http_1_1_alone():
    with stage().session() as session:
        context = ssl.create_default_context(cadata=session.ca)
        context.set_alpn_protocols(["h2", "http/1.1"])
        with session.tls(PLAIN, context=context) as c:
            assert c.sock.selected_alpn_protocol() == "http/1.1"
            assert session.get(PLAIN, connection=c).status == 200


def test_a_client_that_offers_h2_alone_does_not_get_h2():
    with stage().session() as session:
        context = ssl.create_default_context(cadata=session.ca)
        context.set_alpn_protocols(["h2"])
        try:
            with session.tls(PLAIN, context=context) as c:
                assert c.sock.selected_alpn_protocol() != "h2"
        except (ssl.SSLError, ConnectionResetError):
            pass


def test_the_minted_certificate_is_for_the_host_alone_and_of_this_state():
    s = stage()
    with s.session() as session, session.tls(PLAIN) as c:
        certificate = c.sock.getpeercert()
        assert certificate["subjectAltName"] == (("DNS", PLAIN),)
        assert session.ca == (s.state / "ca.pem").read_text()
        lived = ssl.cert_time_to_seconds(certificate["notAfter"]) - ssl.cert_time_to_seconds(certificate["notBefore"])
        assert lived < 400 * 86400


def test_old_tls_versions_are_refused():
    with stage().session() as session:
        context = ssl.create_default_context(cadata=session.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        try:
            session.tls(PLAIN, context=context).close()
        except (ssl.SSLError, ConnectionResetError, OSError):
            return
        raise AssertionError("TLS 1.1 was accepted")


def test_a_client_hello_in_single_bytes_is_understood():
    with stage().session() as session, session.tunnel(PLAIN) as c:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = session.context.wrap_bio(incoming, outgoing, server_hostname=PLAIN)
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        hello = outgoing.read()
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(hello)):
            c.send(hello[i:i + 1])
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                assert c.fill(), "the gateway ended the handshake"
                incoming.write(c.take(len(c.buffer)))
        assert tls.version() in ("TLSv1.2", "TLSv1.3")


def test_sni_other_than_the_host_is_421():
    s = stage()
    with s.session() as session:
        before = len(s.plain.requests) + len(s.odd.requests)
        context = ssl.create_default_context(cadata=session.ca)
        context.check_hostname = False
        with session.tls(PLAIN, server_name=ODD, context=context) as c:
            c.send(request_bytes("GET", "/", {"Host": PLAIN}))
            answer = c.read_answer()
            assert (answer.status, answer.problem) == (421, "sni-mismatch"), answer
            assert c.is_closed()
        assert len(s.plain.requests) + len(s.odd.requests) == before


def test_host_other_than_the_connect_target_is_421():
    s = stage()
    with s.session() as session:
        for host, name in ((ODD, "host-mismatch"), (f"x.{PLAIN}", "host-mismatch"), (f"{PLAIN}:444", "port-mismatch")):
            refused_in_tunnel(s, session, request_bytes("GET", "/", {"Host": host}), 421, name)


def test_host_is_compared_without_case():
    with stage().session() as session, session.tls(PLAIN) as c:
        c.send(request_bytes("GET", "/", {"Host": PLAIN.upper()}))
        assert c.read_answer().status == 200


def test_an_absolute_target_in_a_tunnel_must_name_the_same_host():
    s = stage()
    with s.session() as session:
        refused_in_tunnel(s, session, request_bytes("GET", f"https://{ODD}/", {"Host": PLAIN}), 400, "host-mismatch")
        refused_in_tunnel(s, session, request_bytes("GET", f"http://{PLAIN}/", {"Host": PLAIN}), 421, "scheme-mismatch")


def test_connect_inside_a_tunnel_is_refused():
    s = stage()
    with s.session() as session:
        refused_in_tunnel(s, session, session.connect_bytes(f"{PLAIN}:443"), 400, "connect-in-tunnel")


def test_bytes_before_the_tunnel_is_open_are_refused():
    s = stage()
    with s.session() as session, session.proxy_connection() as c:
        c.send(session.connect_bytes(f"{PLAIN}:443") + b"GET / HTTP/1.1\r\nHost: plain.test\r\n\r\n")
        answer = c.read_answer()
        assert (answer.status, answer.problem) == (400, "early-data"), answer
        assert c.is_closed()


def test_a_guarded_host_in_the_clear_is_denied():
    s = stage()
    before = len(s.plain.requests)
    with s.session() as session:
        through_proxy = session.absolute("GET", f"http://{PLAIN}/")
        assert through_proxy.status == 403 and through_proxy.denied, through_proxy
        assert "TLS" in through_proxy.message
        with session.tunnel(PLAIN, 80) as c:  # the same without TLS inside a tunnel
            c.send(request_bytes("GET", "/", {"Host": f"{PLAIN}:80"}))
            answer = c.read_answer()
            assert answer.status == 403 and answer.denied, answer
        answer = session.absolute("POST", f"http://{API}{GRAPHQL}", {PROJECT: session.phantom}, b'{"query":"{projects{edges{node{id}}}}"}')
        assert answer.denied, answer
    assert len(s.plain.requests) == before


def test_https_in_absolute_form_is_refused():
    with stage().session() as session:
        answer = session.absolute("GET", f"https://{PLAIN}/")
        assert (answer.status, answer.problem) == (400, "https-without-connect"), answer


def test_origin_form_at_the_proxy_is_refused():
    with stage().session() as session, session.proxy_connection() as c:
        credentials = base64.b64encode(f"session:{session.token}".encode()).decode()
        c.send(f"GET / HTTP/1.1\r\nHost: {PLAIN}\r\nProxy-Authorization: Basic {credentials}\r\n\r\n")
        answer = c.read_answer()
        assert (answer.status, answer.problem) == (400, "not-a-proxy-request"), answer


def test_a_host_outside_egress_is_denied_without_a_hold():
    s = stage()
    with s.session() as session:
        holds = len(s.holds("all"))
        for method, host in (("GET", "example.com"), ("POST", "evil.example"), ("GET", "xplain.test"), ("GET", "plain.test.evil.example")):
            answer = session.request(method, host, "/")
            assert answer.status == 403 and answer.denied and not answer.hold, (host, answer)
            assert answer.message.startswith(f"INTERLOCK DENIED {answer.denied}: "), answer.message
            assert host in answer.message
        assert len(s.holds("all")) == holds


def test_a_connect_target_that_two_programs_read_differently_is_refused():
    with stage().session() as session:
        def refused(target, name, host=None):
            with session.proxy_connection() as c:
                c.send(session.connect_bytes(target, host))
                answer = c.read_answer()
                assert answer.status in (400, 403), f"status {answer.status}"
                assert answer.problem == name, f"{answer.problem}, wanted {name}"

        every([("attacker.example\0.plain.test:443", "nul-in-target", PLAIN), ("user@plain.test:443", "userinfo-in-host"),
               ("plain.test.:443", "trailing-dot-in-host"), ("plain%2etest:443", "percent-in-host"),
               ("plain.test", "bad-port"), ("plain.test:0", "bad-port"), ("plain.test:65536", "bad-port"),
               ("plain.test:+443", "bad-port"), ("2130706433:443", "ambiguous-ip"), ("0x7f.1:443", "ambiguous-ip"),
               ("127.1:443", "ambiguous-ip"), ("pl\xe4in.test:443", "non-ascii-in-target", PLAIN),
               ("plain.test:443\tx", "control-in-target", PLAIN)], refused)


def test_a_connect_whose_host_field_differs_is_refused():
    with stage().session() as session, session.proxy_connection() as c:
        c.send(session.connect_bytes(f"{PLAIN}:443", host=f"{ODD}:443"))
        answer = c.read_answer()
        assert (answer.status, answer.problem) == (400, "host-mismatch"), answer
