"""Raw HTTP/1.1 over sockets, for tests that must send what no library would.

Nothing here repairs or normalises: bytes go out as given, answers are read by their framing.
"""
import json
import socket
import ssl
import time

DEADLINE = 20.0  # seconds any single wait may take before the test fails: nothing may hang


class Ended(Exception):
    """The peer closed the connection before a whole answer was there."""


class Answer:
    """One HTTP answer: status, headers (names in lower case, values joined), body."""

    def __init__(self, status, headers, body, head, closed):
        self.status = status
        self.headers = headers
        self.body = body
        self.head = head
        self.closed = closed  # the connection ended with this answer

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def problem(self):
        """The name that ends the RFC 9457 type, "" when this is none."""
        if not self.headers.get("content-type", "").startswith("application/problem+json"):
            return ""
        if not self.body:  # to a HEAD
            return self.headers.get("interlock-denied", "")
        return self.json["type"].rsplit("/", 1)[-1]

    @property
    def hold(self):
        return self.headers.get("interlock-hold", "")

    @property
    def denied(self):
        return self.headers.get("interlock-denied", "")

    @property
    def message(self):
        """What the agent is told, in whichever protocol."""
        body = self.json
        return body["errors"][0]["message"] if "errors" in body else body.get("detail", "")

    def __repr__(self):
        return f"<Answer {self.status} {self.headers} {self.body[:400]!r}>"


class Connection:
    """A socket with a buffer. `log` collects every byte received, for searches for secrets."""

    def __init__(self, sock, log=None):
        self.sock = sock
        self.sock.settimeout(DEADLINE)
        self.buffer = bytearray()
        self.log = log if log is not None else []

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def fill(self):
        """Reads more; False at the end of the stream."""
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            data = b""
        except ssl.SSLError as error:
            if "closed" not in str(error) and "EOF" not in str(error):
                raise
            data = b""
        if data:
            self.log.append(data)
        self.buffer += data
        return bool(data)

    def take(self, count):
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def until(self, mark):
        while mark not in self.buffer:
            if not self.fill():
                raise Ended(bytes(self.buffer[:300]))
        return self.take(self.buffer.index(mark) + len(mark))

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self.fill():
                raise Ended(bytes(self.buffer[:300]))
        return self.take(count)

    def rest(self):
        while self.fill():
            pass
        return self.take(len(self.buffer))

    def is_closed(self):
        """Waits until the peer closes; False when it sends something instead."""
        return not self.buffer and not self.fill()

    def read_head(self):
        head = self.until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            if line:
                name, value = line.split(":", 1)
                name, value = name.lower(), value.strip()
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return status, headers, head

    def read_answer(self, method="GET"):
        status, headers, head = self.read_head()
        while 100 <= status < 200:
            status, headers, head = self.read_head()
        closed = headers.get("connection", "").lower() == "close"
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            body = self.read_chunks()
        elif "content-length" in headers:
            body = self.exactly(int(headers["content-length"]))
        else:
            body = self.rest()
            closed = True
        return Answer(status, headers, body, head, closed)

    def read_chunks(self):
        body = bytearray()
        while True:
            size = int(self.until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while self.until(b"\r\n") != b"\r\n":
                    pass
                return bytes(body)
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def dial(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout=DEADLINE)


def request_bytes(method, target, headers, body=b""):
    """A request as any decent client writes it. `headers` is a dict or a list of pairs."""
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    names = {name.lower() for name, _ in pairs}
    if (body or method in ("POST", "PUT", "PATCH")) and not names & {"content-length", "transfer-encoding"}:
        pairs.append(("Content-Length", str(len(body))))
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in pairs)
    return head.encode("latin-1") + b"\r\n" + body


def wait_until(condition, what, timeout=DEADLINE):
    """Polls; returns the condition's value once it is true."""
    end = time.monotonic() + timeout
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {timeout:.0f} s: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
