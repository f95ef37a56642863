"""Heads, chunks and paths that two programs could read differently: each is refused under its own name,
and not one byte of it reaches the provider.
"""
from harness import ODD, PLAIN, every, raw_head as head, refused_in_tunnel, shared, wide_stage
from wire import Ended, request_bytes


def stage():
    return shared(wide_stage)


SMUGGLING = [
    ("CL and TE", head("Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400, "transfer-encoding-and-content-length"),
    ("TE and CL", head("Transfer-Encoding: chunked", "Content-Length: 3") + b"0\r\n\r\n", 400, "transfer-encoding-and-content-length"),
    ("two CL", head("Content-Length: 3", "Content-Length: 4") + b"abcd", 400, "duplicate-content-length"),
    ("two equal CL", head("Content-Length: 3", "Content-Length: 3") + b"abc", 400, "duplicate-content-length"),
    ("CL list", head("Content-Length: 3, 3") + b"abc", 400, "bad-content-length"),
    ("CL sign", head("Content-Length: +3") + b"abc", 400, "bad-content-length"),
    ("CL negative", head("Content-Length: -1"), 400, "bad-content-length"),
    ("CL hex", head("Content-Length: 0x3") + b"abc", 400, "bad-content-length"),
    ("CL leading zero", head("Content-Length: 03") + b"abc", 400, "bad-content-length"),
    ("CL huge", head("Content-Length: 99999999999999999999"), 400, "bad-content-length"),
    ("CL with underscore", head("Content_Length: 3", "Content-Length: 0"), 400, "underscore-alias"),
    ("TE xchunked", head("Transfer-Encoding: xchunked"), 501, "transfer-encoding-unknown"),
    ("TE list", head("Transfer-Encoding: gzip, chunked"), 501, "transfer-encoding-unknown"),
    ("TE twice", head("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), 400, "duplicate-transfer-encoding"),
    ("TE in 1.0", head("Transfer-Encoding: chunked", start="POST /x HTTP/1.0"), 400, "transfer-encoding-in-http-1-0"),
    ("bare LF", f"POST /x HTTP/1.1\nHost: {PLAIN}\n\n".encode(), 400, "bare-lf"),
    ("bare LF in a field", f"GET /x HTTP/1.1\r\nHost: {PLAIN}\r\nA: b\nC: d\r\n\r\n".encode(), 400, "bare-lf"),
    ("bare CR in a field", head("A: b\rC: d"), 400, "bare-cr"),
    ("obs-fold", head("A: b", " c: d"), 400, "obs-fold"),
    ("obs-fold of TE", head("Transfer-Encoding:", "\tchunked"), 400, "obs-fold"),
    ("space before colon", head("Content-Length : 3") + b"abc", 400, "space-before-colon"),
    ("no colon", head("Contentlength3"), 400, "field-without-colon"),
    ("empty name", head(": x"), 400, "empty-field-name"),
    ("NUL in a field", head("A: b\0c"), 400, "nul-in-field"),
    ("NUL in the target", head(start="GET /\0 HTTP/1.1"), 400, "nul-in-target"),
    ("two Host", head(f"Host: {ODD}"), 400, "several-hosts"),
    ("two equal Host", head(f"Host: {PLAIN}"), 400, "several-hosts"),
    ("no Host", head(host=None), 400, "no-host"),
    ("HTTP/0.9", b"GET /x\r\n", 505, "http-0-9"),
    ("HTTP/2.0", head(start="GET /x HTTP/2.0"), 505, "http-version"),
    ("HTTP/1.2", head(start="GET /x HTTP/1.2"), 505, "http-version"),
    ("preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http2-preface"),
    ("h2c", head("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), 400, "upgrade-h2c"),
    ("h2c alone", head("Connection: Upgrade", "Upgrade: h2c"), 400, "upgrade-h2c"),
    ("websocket", head("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==", "Sec-WebSocket-Version: 13", start="GET /x HTTP/1.1"), 501, "upgrade"),
    ("another upgrade", head("Connection: Upgrade", "Upgrade: TLS/1.0", start="GET /x HTTP/1.1"), 400, "upgrade-unknown"),
    ("method override", head("X-HTTP-Method-Override: DELETE"), 400, "method-override"),
    ("method override, short", head("X-Method-Override: DELETE"), 400, "method-override"),
    ("path override", head("X-Original-URL: /admin"), 400, "path-override"),
    ("host override", head(f"X-Forwarded-Host: {ODD}"), 400, "host-override"),
    ("Connection strips", head("Connection: close, Authorization", "Authorization: x"), 400, "connection-names-field"),
    ("expect", head("Expect: 200-ok"), 417, "expect-unknown"),
    ("method in lower case", head(start="dElEtE /x HTTP/1.1"), 400, "method-case"),
    ("WebDAV", head(start="PROPFIND /x HTTP/1.1"), 501, "method-unknown"),
    ("TRACE", head(start="TRACE /x HTTP/1.1"), 501, "method-unknown"),
    ("tab in the request line", head(start="GET\t/x HTTP/1.1"), 400, "bad-method"),
    ("two spaces", head(start="GET  /x HTTP/1.1"), 400, "bad-request-line"),
    ("fragment", head(start="GET /x#y HTTP/1.1"), 400, "fragment-in-target"),
    ("encoded body", head("Content-Encoding: gzip", "Content-Length: 3") + b"abc", 415, "content-encoding"),
    ("unknown encoding", head("Content-Encoding: x-rot13", "Content-Length: 3") + b"abc", 415, "content-encoding"),
    ("not HTTP", b"\x01\x02\x03\x04\r\n\r\n", 400, "not-http"),
    ("empty line first", b"\r\nGET / HTTP/1.1\r\n\r\n", 400, "empty-request-line"),
    ("TLS in TLS", b"\x16\x03\x01\x00\x05hello", 400, "tls-not-http"),
]

CHUNKS = [
    ("extension", b"3;a=b\r\nabc\r\n0\r\n\r\n", 400, "chunk-extension"),
    ("negative", b"-3\r\nabc\r\n0\r\n\r\n", 400, "bad-chunk-size"),
    ("overlong", b"00000000000000003\r\nabc\r\n0\r\n\r\n", 400, "bad-chunk-size"),
    ("over 2^63", b"ffffffffffffffff\r\nabc", 400, "bad-chunk-size"),
    ("0x", b"0x3\r\nabc\r\n0\r\n\r\n", 400, "bad-chunk-size"),
    ("space", b"3 \r\nabc\r\n0\r\n\r\n", 400, "bad-chunk-size"),
    ("empty", b"\r\nabc\r\n0\r\n\r\n", 400, "bad-chunk-size"),
    ("LF alone", b"3\nabc\r\n0\r\n\r\n", 400, "bare-lf"),
    ("longer than said", b"3\r\nabcd\r\n0\r\n\r\n", 400, "bad-chunk-end"),
    ("trailer", b"3\r\nabc\r\n0\r\nAuthorization: x\r\n\r\n", 400, "trailers"),
]

PATHS = [
    ("dot segment", "/a/../b", "dot-segment"),
    ("single dot", "/./a", "dot-segment"),
    ("encoded dots", "/a/%2e%2e/b", "dot-segment"),
    ("double encoding", "/a/%252e%252e/b", "double-encoding"),
    ("encoded slash", "/a%2fb", "encoded-slash"),
    ("encoded NUL", "/a%00b", "nul-in-path"),
    ("backslash", "/a\\b", "backslash-in-path"),
    ("encoded backslash", "/a%5cb", "backslash-in-path"),
    ("parameter", "/a;jsessionid=1", "path-parameter"),
    ("overlong UTF-8", "/%c0%ae%c0%ae/", "bad-utf8-in-path"),
    ("needless encoding", "/%61dmin", "encoded-unreserved"),
    ("trailing dot", "/admin./x", "trailing-dot-segment"),
    ("broken escape", "/%zz", "bad-escape"),
    ("override in the query", "/a?_method=DELETE", "method-override"),
]


def test_every_ambiguous_head_is_refused_by_name_and_never_sent():
    s = stage()
    with s.session() as session:
        every(SMUGGLING, lambda label, data, status, name: refused_in_tunnel(s, session, data, status, name))


def test_every_ambiguous_chunk_is_refused_by_name_and_never_sent():
    s = stage()
    with s.session() as session:
        every(CHUNKS, lambda label, body, status, name: refused_in_tunnel(
            s, session, head("Transfer-Encoding: chunked") + body, status, name))


def test_every_ambiguous_path_is_refused_by_name_and_never_sent():
    s = stage()
    with s.session() as session:
        every(PATHS, lambda label, path, name: refused_in_tunnel(
            s, session, request_bytes("GET", path, {"Host": PLAIN}), 400, name))


def test_a_body_on_get_is_refused():
    s = stage()
    with s.session() as session:
        for method in ("GET", "HEAD", "OPTIONS"):
            refused_in_tunnel(s, session, request_bytes(method, "/x", {"Host": PLAIN, "Content-Length": "3"}, b"abc"), 400, "body-on-get")
        assert session.get(PLAIN, "/x", {"Content-Length": "0"}).status == 200
        refused_in_tunnel(s, session, head("Transfer-Encoding: chunked", start="GET /x HTTP/1.1") + b"3\r\nabc\r\n0\r\n\r\n", 400, "body-on-get")


def test_the_refusal_is_the_same_however_the_bytes_are_cut():
    s = stage()
    with s.session() as session:
        data = head("Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n"
        before = len(s.plain.requests)
        for cut in range(1, len(data), 7):
            with session.tls(PLAIN) as c:
                c.send(data[:cut])
                try:
                    c.send(data[cut:])
                except OSError:
                    pass
                assert c.read_answer().problem == "transfer-encoding-and-content-length", cut
        assert len(s.plain.requests) == before


def test_what_follows_a_refused_head_is_never_a_request():
    s = stage()
    with s.session() as session, session.tls(PLAIN) as c:
        before = len(s.plain.requests)
        c.send(head("Content-Length: 3", "Transfer-Encoding: chunked") + request_bytes("GET", "/smuggled", {"Host": PLAIN}))
        assert c.read_answer().status == 400
        assert c.is_closed()
        assert len(s.plain.requests) == before


def test_the_body_of_a_denied_request_is_never_read_as_a_request():
    s = stage()
    with s.session() as session, session.tls("example.com") as c:
        inner = request_bytes("GET", "/inner", {"Host": "example.com"})
        c.send(request_bytes("POST", "/x", {"Host": "example.com"}, inner))
        first = c.read_answer()
        assert first.status == 403 and first.denied
        try:
            c.send(request_bytes("GET", "/second", {"Host": "example.com"}))
            second = c.read_answer()
        except (Ended, OSError):
            return  # closed: as good
        assert second.status == 403 and second.denied != first.denied
        assert not c.buffer, "one more answer came than requests were sent"
