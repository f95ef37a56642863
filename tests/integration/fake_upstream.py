"""Providers that behave as no provider should: TLS servers in threads that do what a test says."""
import socket
import ssl
import struct
import threading

from wire import DEADLINE, Connection, Ended


class Request:
    def __init__(self, head, body):
        self.head = head
        self.body = body
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ")
        self.headers = {}
        for line in lines[1:]:
            if line:
                name, value = line.split(":", 1)
                self.headers.setdefault(name.lower(), value.strip())


def ok(body=b"fine\n", extra=""):
    body = body if isinstance(body, bytes) else body.encode()
    return f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


class FakeUpstream:
    """Answers every request with `answer`: bytes, or a function of (connection, request) that sends what
    it likes and returns True to keep the connection. Everything that arrives is recorded.

    `chain` and `key` are PEM files; without them it speaks plain TCP.
    """

    def __init__(self, chain=None, key=None, answer=None, on_accept=None):
        self.answer = answer if answer is not None else ok()
        self.on_accept = on_accept
        self.requests = []
        self.connections = 0
        self.bytes_received = 0
        self.handshake_failures = 0
        self.release = threading.Event()  # a scripted answer may wait for it
        self._context = None
        if chain:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(chain, key)
            self._context.set_alpn_protocols(["http/1.1"])
        self._lock = threading.Lock()
        self._open = set()
        self._stopping = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._stopping:
                    sock.close()
                    return
                self.connections += 1
                self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, raw):
        sock = raw
        try:
            raw.settimeout(DEADLINE * 3)
            if self.on_accept is not None and not self.on_accept(raw):
                return
            if self._context:
                try:
                    sock = self._context.wrap_socket(raw, server_side=True)
                except (ssl.SSLError, OSError):
                    self.handshake_failures += 1
                    return
                with self._lock:
                    self._open.discard(raw)
                    self._open.add(sock)
            connection = Connection(sock)
            while self._one(connection):
                pass
        except (Ended, OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._open.discard(sock)
                self._open.discard(raw)
            try:
                sock.close()
            except OSError:
                pass

    def _one(self, connection):
        head = connection.until(b"\r\n\r\n")
        self.bytes_received += len(head)
        request = Request(head, b"")
        if request.headers.get("transfer-encoding", "").lower() == "chunked":
            request.body = connection.read_chunks()
        elif "content-length" in request.headers:
            request.body = connection.exactly(int(request.headers["content-length"]))
        self.bytes_received += len(request.body)
        self.requests.append(request)
        answer = self.answer
        if callable(answer):
            return answer(connection, request)
        connection.send(answer)
        return True

    def close(self):
        self.release.set()
        with self._lock:
            self._stopping = True
            open_sockets = list(self._open)
        # shutdown() wakes the accepting thread, which close() alone would not.
        for sock in [self._listener, *open_sockets]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def reset(connection):
    """Ends a connection with RST."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sock.close()
    return False


def finish(connection):
    """Ends a TLS connection properly, with close_notify, so that what came before is whole."""
    try:
        connection.sock.settimeout(2)
        connection.sock.unwrap()
    except (OSError, ssl.SSLError, ValueError):
        pass
    return False
