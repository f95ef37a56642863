"""Every limit for header, body, connections and time, reached."""
import threading
import time

from harness import GRAPHQL, ODD, PLAIN, PROJECT, Stage, raw_head as head, refused_in_tunnel, shared, wide_stage
from wire import DEADLINE, Ended, request_bytes, wait_until


def stage():
    return shared(wide_stage)


# --- limits ---


def test_a_head_of_64_kib_passes_and_a_larger_one_is_431():
    s = stage()
    with s.session() as session:
        room = 64 * 1024 - len(request_bytes("GET", "/", {"Host": PLAIN})) - len("X-Fill-0: \r\n") * 8
        fill = [(f"X-Fill-{i}", "f" * (room // 8 - 1)) for i in range(8)]
        assert session.get(PLAIN, headers=fill).status == 200
        refused_in_tunnel(s, session, request_bytes("GET", "/", [("Host", PLAIN), *fill, ("X-More", "m" * 64)]), 431, "head-too-large")


def test_a_head_that_never_ends_is_431():
    s = stage()
    with s.session() as session, session.tls(PLAIN) as c:
        c.send(head(end="\r\n"))
        try:
            for i in range(80):
                c.send(f"X-{i}: {'y' * 1000}\r\n")
        except OSError:
            pass
        answer = c.read_answer()
        assert (answer.status, answer.problem) == (431, "head-too-large"), answer


def test_too_many_fields_are_431():
    s = stage()
    with s.session() as session:
        fields = [("Host", PLAIN)] + [(f"X-{i}", "1") for i in range(300)]
        refused_in_tunnel(s, session, request_bytes("GET", "/", fields), 431, "too-many-fields")


def test_a_target_over_the_limit_is_414():
    s = stage()
    with s.session() as session:
        refused_in_tunnel(s, session, request_bytes("GET", "/" + "a" * 20000, {"Host": PLAIN}), 414, "target-too-long")


def test_the_header_limit_is_configurable():
    with Stage(limits={"header": "2KiB"}, railsim=False, approver=False) as s, s.session() as session:
        assert session.get(PLAIN, headers={"X-Fill": "f" * 1000}).status == 200
        refused_in_tunnel(s, session, request_bytes("GET", "/", {"Host": PLAIN, "X-Fill": "f" * 2100}), 431, "head-too-large")


def test_a_body_over_the_inspection_limit_is_413():
    s = stage()
    with s.session() as session:
        before = len(s.odd.requests)
        with session.tls(ODD) as c:
            fields = {"Host": ODD, PROJECT: session.phantom, "Content-Type": "application/json", "Content-Length": str((8 << 20) + 1)}
            c.send(request_bytes("POST", GRAPHQL, fields))
            try:
                for _ in range(8 * 16 + 1):
                    c.send(b" " * 65536)
            except OSError:
                pass
            answer = c.read_answer("POST")
            assert (answer.status, answer.problem) == (413, "body-over-inspection-limit"), answer
        assert len(s.odd.requests) == before


def test_a_chunked_body_over_the_inspection_limit_is_413():
    with Stage(limits={"inspect": "4KiB"}, railsim=False, approver=False) as s, s.session() as session:
        before = len(s.plain.requests)
        data = head("Transfer-Encoding: chunked") + b"1000\r\n" + b"a" * 4096 + b"\r\n" + b"1\r\na\r\n0\r\n\r\n"
        answer = session.raw(PLAIN, data)
        assert (answer.status, answer.problem) == (413, "body-over-inspection-limit"), answer
        assert len(s.plain.requests) == before


def test_connections_over_the_limit_are_turned_away_and_served_again_later():
    with Stage(limits={"connections": 4}, railsim=False, approver=False) as s, s.session() as session:
        kept = [session.tls(PLAIN) for _ in range(4)]
        try:
            extra = session.proxy_connection()
            extra.send(session.connect_bytes(f"{PLAIN}:443"))
            try:
                extra.read_head()
                raise AssertionError("a fifth connection was served")
            except Ended:
                pass
            for c in kept:  # those that are served are not disturbed
                assert session.get(PLAIN, connection=c).status == 200
        finally:
            for c in kept:
                c.close()

        def served():
            try:
                return session.get(PLAIN).status == 200
            except (Ended, OSError):
                return False

        wait_until(served, "a connection being served again")


def test_256_connections_at_once_are_all_served():
    s = stage()
    with s.session() as session:
        results = []

        def one():
            try:
                with session.tls(PLAIN) as c:
                    results.append(all(session.get(PLAIN, connection=c).status == 200 for _ in range(2)))
            except Exception as error:  # counted below
                results.append(error)

        threads = [threading.Thread(target=one) for _ in range(256)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        bad = [r for r in results if r is not True]
        assert len(results) == 256 and not bad, f"{len(bad)} of {len(results)} failed, first: {bad[:1]}"


# --- time ---


def times_stage():
    return Stage(times={"header": 600, "idle": 600, "body": 600}, railsim=False, approver=False)


def closes_by_itself(connection):
    started = time.monotonic()
    connection.rest()
    return time.monotonic() - started


def test_a_head_that_does_not_come_ends_the_connection():
    s = shared(times_stage)
    with s.session() as session, session.proxy_connection() as c:
        closes_by_itself(c)
    with s.session() as session, session.tls(PLAIN) as c:
        c.send(b"GET / HTT")
        assert closes_by_itself(c) < DEADLINE


def test_a_tunnel_without_a_handshake_ends():
    # The handshake has a time of its own; what is claimed is that it ends, not when.
    with shared(times_stage).session() as session, session.tunnel(PLAIN) as c:
        c.send(b"\x16\x03\x01\x02\x00")
        c.sock.settimeout(15)
        closes_by_itself(c)


def test_an_idle_connection_ends():
    with shared(times_stage).session() as session, session.tls(PLAIN) as c:
        assert session.get(PLAIN, connection=c).status == 200
        closes_by_itself(c)


def test_a_body_that_does_not_come_ends_the_connection_and_is_not_sent():
    s = shared(times_stage)
    with s.session() as session, session.tls(PLAIN) as c:
        before = len(s.plain.requests)
        c.send(request_bytes("POST", "/x", {"Host": PLAIN, "Content-Length": "100"}) + b"some")
        closes_by_itself(c)
        assert len(s.plain.requests) == before
