"""One session uses lent credentials in every way there is; then everything on the agent's side, and
everything that Interlock itself keeps, is searched for the real values in every encoding.
"""
import base64
import gzip
import json
import os
import pathlib
import re
import subprocess
import uuid

from answers import FORMS
from fake_upstream import ok
from harness import API, INTERLOCK, ODD, PROJECT, Skip, Stage
from websocket import TEXT, Provider, frame
from wire import wait_until

# What runs inside: it does whatever its lines say, and keeps every byte it is given.
AGENT = r'''
import json, os, socket, ssl, sys, urllib.error, urllib.request

phantom = os.environ["RAILWAY_TOKEN"]
kept = [phantom]
home, work = os.environ["HOME"], os.getcwd()

def keep(text):
    kept.append(text)
    for path in (home + "/seen.txt", work + "/seen.txt", "/tmp/seen.txt"):
        with open(path, "a") as f:
            f.write(text + "\n")

def ask(host, query, token=phantom, headers=()):
    request = urllib.request.Request(f"https://{host}/graphql/v2", json.dumps({"query": query}).encode(),
                                     {"content-type": "application/json", "project-access-token": token, **dict(headers)})
    try:
        answer = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    text = str(answer.headers) + answer.read().decode("latin-1")
    keep(text)
    return {name.lower(): value for name, value in answer.headers.items()}, text

def websocket(host):
    raw = ssl.create_default_context().wrap_socket(socket.create_connection((host, 443), 20), server_hostname=host)
    raw.sendall((f"GET /graphql/v2 HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\nProject-Access-Token: {phantom}\r\n\r\n").encode())
    got = b""
    while b"ended" not in got:
        more = raw.recv(4096)
        if not more:
            break
        got += more
    keep(got.decode("latin-1"))

for line in sys.stdin:
    order = json.loads(line)
    said = {}
    if order["do"] == "ask":
        headers, text = ask(order["host"], order["query"], order.get("token", phantom))
        said = {"hold": headers.get("interlock-hold", ""), "text": text[-400:]}
    elif order["do"] == "fetch":
        text = urllib.request.urlopen("http://interlock.internal" + order["path"], timeout=20).read().decode()
        keep(text)
        said = {"text": text}
    elif order["do"] == "websocket":
        websocket(order["host"])
    elif order["do"] == "keep":
        keep(order["text"])
    print(json.dumps(said), flush=True)
'''


def needles(secret):
    raw = secret.encode()
    out = {raw, raw[::-1], raw.hex().encode(), raw.hex().upper().encode(), secret.encode("utf-16-le"),
           "".join(f"%{b:02X}" for b in raw).encode(), "".join(f"\\u{b:04x}" for b in raw).encode()}
    for shift in range(3):
        digits = base64.b64encode(b"x" * shift + raw)[4 if shift else 0:]
        core = digits[:len(digits) - 4]
        out |= {core, core.replace(b"+", b"-").replace(b"/", b"_"), base64.b64encode(core)[:-4]}
    return out


def descendants(pid):
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def memory_of(pid):
    """Every readable page, page range by page range."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            where, rights = line.split()[:2]
            if not rights.startswith("r") or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            begin, end = (int(x, 16) for x in where.split("-"))
            try:
                memory.seek(begin)
                yield memory.read(end - begin)
            except (OSError, ValueError, OverflowError):
                continue


def places_of_room(launcher, work):
    """(name, bytes) of everything an agent has: memory, environment, files."""
    searched = 0
    roots = set()
    for pid in descendants(launcher):
        try:
            for part in memory_of(pid):
                yield f"memory of {pid}", part
            searched += 1
            yield f"environment of {pid}", pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            yield f"command line of {pid}", pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            environment = dict(e.split(b"=", 1) for e in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if b"=" in e)
            home = environment.get(b"HOME", b"/nowhere").decode()
            roots |= {f"/proc/{pid}/root{path}" for path in ("/tmp", home)}
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue
    assert searched >= 1, "no process of the room could be searched"
    for root in [str(work), *sorted(roots)]:
        for directory, names, files in os.walk(root):
            for name in files:
                path = os.path.join(directory, name)
                if os.path.isfile(path) and os.path.getsize(path) < 32 << 20:
                    yield path, pathlib.Path(path).read_bytes()


def search(places, secrets):
    wanted = [(secret, needle) for secret in secrets for needle in needles(secret)]
    return sorted({f"{where}: …{secret[-4:]}" for where, data in places for secret, needle in wanted if needle in data})


class Room:
    def __init__(self, s):
        self.s = s
        self.process = subprocess.Popen(
            [str(INTERLOCK), "--state", str(s.state), "--config", str(s.config), "run", "--quiet", "--no-recovery-point", "--workspace", str(s.work),
             "--", "/usr/bin/python3", "-c", AGENT], cwd=s.work, env={**os.environ, "HOME": str(s.home)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out = b""

    def __call__(self, do, **more):
        self.process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.out += line
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.out += self.process.stdout.read()
        self.out += self.process.stderr.read()
        assert self.process.wait(30) == 0, self.out


def provider_of(s):
    """Says the real token in the form that the operation's name asks for."""
    websocket = Provider()
    websocket.greeting = frame(TEXT, s.real, masked=False) + frame(TEXT, "ended", masked=False)

    def answer(connection, request):
        if request.method != "POST":
            return websocket(connection, request)
        token = request.headers.get(PROJECT, "")
        name = json.loads(request.body).get("operationName", "")
        if name == "Refused":
            connection.send(f"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm={token}\r\nContent-Length: {len(token)}\r\n\r\n{token}")
        elif name == "Redirect":
            connection.send(f"HTTP/1.1 302 Found\r\nLocation: https://{API}/?t={token}\r\nSet-Cookie: t={token}\r\nContent-Length: 0\r\n\r\n")
        elif name == "Packed":
            packed = gzip.compress(token.encode())
            connection.send(f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode() + packed)
        elif name == "Chunks":
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + "".join(f"1\r\n{c}\r\n" for c in token) + "0\r\n\r\n")
        else:
            connection.send(ok("\n".join(form(t) for _, form in FORMS for t in (token, s.other))))
        return True

    return answer


def make_stage():
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")
    s = Stage()
    s.vault("production", "production-deploy", "production", "project")
    s.real, s.other = s.seed.tokens["staging-deploy"], s.seed.tokens["production-deploy"]
    s.work, s.home = s.dir / "work", s.dir / "home"
    s.work.mkdir()
    s.home.mkdir()
    s.odd.answer = provider_of(s)
    return s


def execute(s, room, query):
    hold = room("ask", host=API, query=query)["hold"]
    assert hold, "it should have been held"
    done = s.approve(hold)
    assert done.status == 0, done
    return room("fetch", path=f"/holds/{hold}")["text"]


def test_no_real_credential_is_found_anywhere_after_every_use():
    with make_stage() as s:
        room = Room(s)
        try:
            read = "{ projects { edges { node { id } } } }"
            room("ask", host=API, query="query " + read)
            for name in ("Reflect", "Refused", "Redirect", "Packed", "Chunks"):
                room("ask", host=ODD, query=f"query {name} {read}")
            room("websocket", host=ODD)
            room("ask", host=API, query="query " + read, token="3d2c42fb-77a0-4c1e-9f00-1234567890ab")
            execute(s, room, 'mutation { volumeDelete(volumeId: "%s") }' % s.new_volume())
            place = (s.seed.project, s.seed.environments["staging"])
            execute(s, room, 'query { variables(projectId: "%s", environmentId: "%s", serviceId: "%s") }' % (*place, s.seed.services["web"]))
            minted = execute(s, room, 'mutation { projectTokenCreate(input: {name: "minted", projectId: "%s", environmentId: "%s"}) }' % place)
            phantom = json.loads(json.loads(minted)["answer"]["body"])["data"]["projectTokenCreate"]
            assert "projects" in room("ask", host=API, query="query " + read, token=phantom)["text"]

            values = [row[0] for row in s.railsim.query("SELECT value FROM variables WHERE environmentId = ? AND name IN ('POSTGRES_PASSWORD', 'SESSION_SECRET')",
                                                        s.seed.environments["staging"])]
            token = s.railsim.query("SELECT value FROM tokens WHERE name = 'minted'")[0][0]
            secrets = [s.real, s.other, s.seed.tokens["scope-reader"], token, *values]
            for words in (("status",), ("holds", "--state", "all"), ("vault", "list"), ("ledger", "export")):
                s.must(*words)

            # The control: what the agent does hold is found, in memory and in files, in each encoding.
            control = str(uuid.uuid4())
            for _, form in FORMS:
                room("keep", text=form(control))
            inside = list(places_of_room(room.process.pid, s.work))
            for needle in (control.encode(), control.encode().hex().encode(), phantom.encode()):
                for kind in ("memory of", str(s.work), "/tmp/seen.txt"):
                    assert any(needle in data for where, data in inside if kind in where), (needle, kind)
            assert any(phantom.encode() in data for where, data in inside)

            found = search(inside, secrets)
            assert not found, found
        finally:
            room.close()
        kept = [(str(p.relative_to(s.dir)), p.read_bytes()) for p in sorted(s.state.rglob("*")) if p.is_file()]
        kept += [("what commands printed", b"\n".join(s.transcript)), ("what the room printed", room.out)]
        assert any(b"minted" in data or b"projectTokenCreate" in data for _, data in kept)
        found = search(kept, secrets)
        assert not found, found


def test_a_gateway_that_crashes_leaves_no_core_file():
    with Stage() as s:
        pid = s.note_gateway()
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"(?m)^Max core file size +1 +1 ", limits), limits
        before = {p for d in (s.dir, s.state, pathlib.Path.cwd()) for p in d.glob("*core*")}
        os.kill(pid, 6)
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists() or "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][:3],
                   "the gateway's end")
        assert {p for d in (s.dir, s.state, pathlib.Path.cwd()) for p in d.glob("*core*")} == before
