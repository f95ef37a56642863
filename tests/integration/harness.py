"""The stage of every end-to-end test: an imitation provider, a gateway, people's commands, agents.

A Stage owns one temporary directory and every process it starts; all of it goes with it. Nothing uses a
fixed port or a fixed path, so any number of tests can run beside each other.
"""
import atexit
import base64
import contextlib
import fcntl
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading

from certificates import Authority
from fake_upstream import FakeUpstream
from wire import DEADLINE, Connection, dial, request_bytes, wait_until

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BIN = pathlib.Path(os.environ.get("INTERLOCK_BIN_DIR", ROOT / "build" / "release"))
INTERLOCK = BIN / "interlock"
RAILSIM = BIN / "railsim"

API = "backboard.railway.com"        # answered by railsim
ODD = "backboard.railway-staging.com"  # the same pack, answered by a FakeUpstream
PLAIN = "plain.test"                 # no pack knows it; `upstreams` does
GRAPHQL = "/graphql/v2"
ACCOUNT = "authorization"            # where the pack's two kinds of credential stand
PROJECT = "project-access-token"


class Skip(Exception):
    """This machine, or this build, can't run the test; the text says why."""


class Seed:
    """The names and ids of railsim's deterministic world."""

    def __init__(self, railsim):
        self.project = railsim.query("SELECT id FROM projects")[0][0]
        self.environments = dict(railsim.query("SELECT name, id FROM environments"))
        self.services = dict(railsim.query("SELECT name, id FROM services"))
        self.volumes = dict(railsim.query("SELECT name, id FROM volumes"))
        self.tokens = dict(railsim.query("SELECT name, value FROM tokens"))


class Reply:
    """What a command said: exit status, stdout, stderr."""

    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.raw = done.stdout
        self.err = done.stderr.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"<exit {self.status}\n{self.out}{self.err}>"


def lay_world(directory):
    """A freshly seeded world in `directory`. Seeding writes a hundred thousand rows, so it is done once for
    this build of railsim and copied from beside it afterwards."""
    stat = RAILSIM.stat()
    kept = BIN / "test-world" / f"{stat.st_mtime_ns}-{stat.st_size}"
    done = kept / "done"
    if not done.exists():
        try:
            kept.mkdir(parents=True, exist_ok=True)
            with open(kept / "lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not done.exists():
                    for other in kept.parent.iterdir():  # of earlier builds
                        if other != kept:
                            shutil.rmtree(other, ignore_errors=True)
                    shutil.rmtree(kept / "world", ignore_errors=True)
                    subprocess.run([RAILSIM, "--list-state", "--state", kept / "world", "--seed", "pocketos"],
                                   capture_output=True, check=True)
                    done.write_text("")
        except PermissionError:
            return  # somebody else's build: railsim seeds it where it is needed
    if not os.access(kept / "world", os.R_OK):
        return
    shutil.copytree(kept / "world", directory)


class Railsim:
    """The imitation provider, in its own directory; survives restarts of itself."""

    def __init__(self, directory, chain, key, faults=()):
        self.dir = pathlib.Path(directory)
        self.chain, self.key, self.faults = chain, key, list(faults)
        self.process = None
        self.address = None
        lay_world(self.dir)
        self.start()

    def start(self):
        words = [RAILSIM, "--listen", self.address or "127.0.0.1:0", "--state", self.dir, "--tls-cert", self.chain,
                 "--tls-key", self.key, "--mode", "legacy", "--seed", "pocketos"]
        for fault in self.faults:
            words += ["--fault", fault]
        self.process = subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        assert line, "railsim ended before it listened"
        self.address = json.loads(line)["listening"]

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def restart(self, faults=()):
        """The same world at the same address, behaving otherwise."""
        self.stop()
        self.faults = list(faults)
        self.start()

    def state(self):
        done = subprocess.run([RAILSIM, "--list-state", "--state", self.dir], capture_output=True, check=True)
        return json.loads(done.stdout)

    def query(self, sql, *parameters):
        """Straight from the table behind --list-state, which counts every row of every volume each time."""
        with contextlib.closing(sqlite3.connect(f"file:{self.dir}/world.db?mode=ro", uri=True, timeout=DEADLINE)) as db:
            return db.execute(sql, parameters).fetchall()

    def requests(self, operation=None):
        rows = self.query("SELECT seq, operation, token, applied FROM requests ORDER BY seq")
        return [{"seq": q, "operation": o, "token": t, "applied": bool(a)} for q, o, t, a in rows if operation in (None, o)]

    def applied(self, operation=None):
        return [r for r in self.requests(operation) if r["applied"]]

    def is_deleted(self, volume):
        return self.query("SELECT deletedAt IS NOT NULL FROM volumes WHERE id = ?", volume) == [(1,)]

    def instances(self, volume):
        for v in self.state()["projects"][0]["volumes"]:
            if v["name"] == volume:
                return {i["environment"]: i for i in v["instances"]}
        return {}

    def rows(self, volume, environment):
        return self.instances(volume)[environment]["rows"]

    def ask(self, authority, query, header, token, variables=None):
        """Straight to the provider, past the gateway: somebody else who works there."""
        context = ssl.create_default_context(cafile=authority.pem)
        with Connection(context.wrap_socket(dial(self.address), server_hostname=API)) as c:
            value = f"Bearer {token}" if header == ACCOUNT else token
            body = json.dumps({"query": query, "variables": variables or {}}).encode()
            c.send(request_bytes("POST", GRAPHQL, {"Host": API, header: value, "Content-Type": "application/json"}, body))
            return c.read_answer("POST").json


def relay_to(stage):
    """A FakeUpstream's answer that is railsim's own: for tests that watch what the provider is sent."""

    def relay(connection, request):
        context = ssl.create_default_context(cafile=stage.authority.pem)
        with Connection(context.wrap_socket(dial(stage.railsim.address), server_hostname=API)) as c:
            skipped = ("host", "content-length", "connection")
            fields = [("Host", API)] + [(n, v) for n, v in request.headers.items() if n not in skipped]
            c.send(request_bytes(request.method, request.target, fields, request.body))
            answer = c.read_answer(request.method)
        connection.send(f"HTTP/1.1 {answer.status} Relayed\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {len(answer.body)}\r\n\r\n".encode() + answer.body)
        return True

    return relay


class Session:
    """One agent's session, started over the control socket; it lives as long as the connection."""

    def __init__(self, stage, environment="staging", workspace=None, agent="test", **more):
        self.stage = stage
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(str(stage.state / "gateway.sock"))
        self.file = self.sock.makefile("rb")
        answer = self.call({"op": "session.start", "environment": environment, "agent": agent,
                            "workspace": str(workspace) if workspace else "", **more})
        if "result" not in answer:
            self.close()
            raise AssertionError(f"no session: {answer}")
        result = answer["result"]
        self.id = result["session"]
        self.token = result["token"]
        self.variables = result["variables"]
        self.environment = result["environment"]
        self.ca = result["ca_certificate"]
        self.proxy = result["proxy"]
        self.received = []  # every byte any client of this session was sent
        self.context = ssl.create_default_context(cadata=self.ca)
        self.context.set_alpn_protocols(["http/1.1"])

    def call(self, request):
        self.sock.sendall(json.dumps(request).encode() + b"\n")
        line = self.file.readline()
        assert line, f"the gateway closed the session's connection; its log ends: {self.stage.log_end()}"
        return json.loads(line)

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def phantom(self):
        """The phantom of the project token that this session was lent."""
        return self.variables["RAILWAY_TOKEN"]

    # --- connections ---

    def proxy_connection(self):
        connection = Connection(dial(self.proxy), self.received)
        self.stage.connections.append(connection)
        return connection

    def connect_bytes(self, target, host=None, token=None, more=""):
        credentials = base64.b64encode(f"session:{token or self.token}".encode()).decode()
        return (f"CONNECT {target} HTTP/1.1\r\nHost: {host or target}\r\n"
                f"Proxy-Authorization: Basic {credentials}\r\n{more}\r\n").encode("latin-1")

    def tunnel(self, host, port=443):
        """A CONNECT tunnel, before any byte of its content."""
        connection = self.proxy_connection()
        connection.send(self.connect_bytes(f"{host}:{port}"))
        status, _, head = connection.read_head()
        assert status == 200, head
        return connection

    def tls(self, host, server_name=None, port=443, context=None):
        """A TLS connection to `host` through the proxy."""
        connection = self.tunnel(host, port)
        connection.sock = (context or self.context).wrap_socket(connection.sock, server_hostname=server_name or host)
        return connection

    # --- requests ---

    def request(self, method, host, target, headers=(), body=b"", connection=None):
        pairs = [("Host", host)] + (list(headers.items()) if isinstance(headers, dict) else list(headers))
        own = connection is None
        connection = connection or self.tls(host)
        try:
            connection.send(request_bytes(method, target, pairs, body))
            return connection.read_answer(method)
        finally:
            if own:
                connection.close()

    def get(self, host, target="/", headers=(), **more):
        return self.request("GET", host, target, headers, **more)

    def delete_volume(self, volume):
        return self.graphql('mutation { volumeDelete(volumeId: "%s") }' % volume)

    def hold_on(self, volume):
        """Asks for a volume's deletion; the id of the hold it must end in."""
        answer = self.delete_volume(volume)
        assert answer.hold, answer
        return answer.hold

    def raw(self, host, data):
        """Sends bytes in a fresh tunnel and reads the one answer."""
        with self.tls(host) as connection:
            connection.send(data)
            return connection.read_answer()

    def graphql(self, query, variables=None, headers=None, host=API, connection=None, **more):
        """POSTs a document, by default with the lent credential where it belongs."""
        fields = {PROJECT: self.phantom} if headers is None else dict(headers)
        fields.setdefault("Content-Type", "application/json")
        payload = {"query": query, **more}
        if variables is not None:
            payload["variables"] = variables
        return self.request("POST", host, GRAPHQL, fields, json.dumps(payload).encode(), connection)

    def absolute(self, method, url, headers=(), body=b"", token=None):
        """A request in absolute form, as clients send http:// through a proxy."""
        host = url.split("/")[2]
        credentials = base64.b64encode(f"session:{token or self.token}".encode()).decode()
        pairs = [("Host", host), ("Proxy-Authorization", f"Basic {credentials}")] + list(dict(headers).items())
        with self.proxy_connection() as connection:
            connection.send(request_bytes(method, url, pairs, body))
            return connection.read_answer(method)

    def own(self, path):
        """GET at the gateway's own host."""
        return self.absolute("GET", f"http://interlock.internal{path}")


class Stage:
    """railsim and a gateway with a vault, an approver and a configuration for both."""

    def __init__(self, *, egress=(PLAIN,), limits=None, times=None, upstreams=(), extra="", faults=(), railsim=True,
                 vault=True, approver=True, odd=None, plain=None, environments=None, names=(), hosted=(), providers=(),
                 program=INTERLOCK):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="interlock-test-"))
        self.state = self.dir / "state"
        self.config = self.dir / "interlock.yaml"
        self.key = self.dir / "alice"
        self.connections = []
        self.transcript = []  # everything any command printed
        self.gateway_pids = []
        self.railsim = None
        self.closed = False
        self.program = program
        # How long the gateway waits for peers and humans, in milliseconds; only ever shorter than usual.
        self.env = {"ILK_TIMES": ",".join(f"{k}={v}" for k, v in times.items())} if times else {}
        # A stage's vault keeps its key in a file: whoever runs the tests has a keyring of their own.
        self.env["DBUS_SESSION_BUS_ADDRESS"] = "disabled:"
        atexit.register(self.close)
        try:
            self.authority = Authority(self.dir / "ca")
            chain, key = self.authority.issue("provider", [API, "backboard.railway.app", ODD, PLAIN, "*.plain.test", *names])
            self.chain, self.chain_key = chain, key
            if railsim:
                self.railsim = Railsim(self.dir / "railway", chain, key, faults)
                self.seed = Seed(self.railsim)
            self.odd = FakeUpstream(chain, key, odd)
            self.plain = FakeUpstream(chain, key, plain)
            self.fakes = [self.odd, self.plain]
            self.hosted = hosted
            self.providers = providers  # further lines of `providers`
            self.write_config(egress, limits, upstreams, extra, environments)
            if approver:
                self.make_key("alice")
                self.must("approver", "add", "alice", "--ssh-key", f"{self.key}.pub")
            if vault and railsim:
                self.vault("scope", "scope-reader", "production", "account", "--for", "scope")
                self.vault("staging", "staging-deploy", "staging", "project")
            self.note_gateway()
        except BaseException:
            self.close()
            raise

    # --- setting the stage ---

    def write_config(self, egress, limits, upstreams, extra, environments):
        places = [(ODD, self.odd.address), (PLAIN, self.plain.address)]
        if self.railsim is not None:
            places += [(API, self.railsim.address), ("backboard.railway.app", self.railsim.address)]
        lines = ["version: 1", "gateway:", "  proxy: 127.0.0.1:0"]
        if limits:
            lines.append("  limits: { " + ", ".join(f"{k}: {v}" for k, v in limits.items()) + " }")
        lines.append("  upstreams:")
        lines += [f'    - {{ host: {host}, connect: "{address}", ca: ca/ca.pem }}' for host, address in places]
        where = {"plain": self.plain.address, "odd": self.odd.address}
        lines += ["    - { " + text.format(**where) + " }" for text in upstreams]
        if environments:
            lines.append("environments:")
            lines += [f"  {name}: {value}" for name, value in environments.items()]
        lines += ["providers:", "  railway:",
                  '    environments: { production: production, staging: staging, "pr-*": scratch }',
                  *self.providers,
                  "sessions:",
                  "  default: { environment: staging, egress: ["
                  + ", ".join(json.dumps(e) for e in ["railway", *egress]) + "]"
                  + (f", hosted_tools: {json.dumps(list(self.hosted))}" if self.hosted else "") + " }",
                  # Tests ask for more destruction than any agent should; the breaker has tests of its own.
                  "breakers:",
                  "  - { when: { effect: irreversible, within: 10m, count: 100000 }, then: halt }"]
        self.config.write_text("\n".join(lines) + "\n" + extra)

    def make_key(self, name, *words):
        path = self.dir / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path, *words], check=True)
        return path

    def vault(self, name, token, environment, kind, *words):
        self.must("vault", "add", name, "--provider", "railway", "--environment", environment, "--kind", kind, *words,
                  input=self.seed.tokens[token].encode())

    # --- commands ---

    def interlock(self, *words, input=b"", env=None, cwd=None, timeout=60, **more):
        command = [str(self.program), "--state", str(self.state), "--config", str(self.config), *map(str, words)]
        done = subprocess.run(command, input=input, capture_output=True, env={**os.environ, **self.env, **(env or {})},
                              cwd=cwd or self.dir, timeout=timeout, check=False, **more)
        self.transcript += [done.stdout, done.stderr]
        return Reply(done)

    def must(self, *words, **more):
        reply = self.interlock(*words, **more)
        assert reply.status == 0, f"interlock {' '.join(map(str, words))}: {reply}"
        return reply

    def new_volume(self, environment="staging"):
        """A volume of one environment, made at the provider past the gateway: something to delete."""
        made = self.railsim.ask(self.authority, "mutation M($i: VolumeCreateInput!) { volumeCreate(input: $i) { id } }", ACCOUNT,
                                self.seed.tokens["domains-cli"],
                                {"i": {"projectId": self.seed.project, "environmentId": self.seed.environments[environment],
                                       "mountPath": "/data"}})
        return made["data"]["volumeCreate"]["id"]

    def is_deleted(self, volume):
        return self.railsim.is_deleted(volume)

    def status(self):
        return self.must("status", "--json").json

    def session(self, **more):
        return Session(self, **more)

    def holds(self, state="pending"):
        return self.must("holds", "--state", state, "--json").json

    def show(self, hold):
        return self.must("show", hold, "--json").json

    def state_of(self, hold):
        return self.show(hold)["state"]

    def approve(self, hold, key=None, digest=None, **more):
        digest = digest or self.show(hold)["digest"]
        return self.interlock("approve", hold, "--key", key or self.key, "--digest", digest, "--json", **more)

    def sign(self, statement, key=None, namespace="approval@interlock"):
        """A stock OpenSSH signature over bytes."""
        done = subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-f", key or self.key, "-n", namespace],
                              input=statement, capture_output=True, check=True)
        return done.stdout.decode()

    def ledger(self):
        """Every entry, decoded, in order."""
        return [json.loads(line) for line in self.must("ledger", "export").out.splitlines()]

    # --- the gateway's process ---

    def note_gateway(self):
        pid = self.status()["gateway"]["pid"]
        if pid not in self.gateway_pids:
            self.gateway_pids.append(pid)
        return pid

    def kill_gateway(self):
        """SIGKILL; returns when the process is gone. The next command starts another one."""
        pid = self.note_gateway()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), "the gateway's end")

    def is_usable(self):
        return is_alive(self.gateway_pids[-1])

    def log_end(self):
        log = self.state / "gateway.log"
        return log.read_text(errors="replace")[-500:] if log.exists() else "(there is none)"

    # --- what must not be seen anywhere ---

    def find_secrets(self, secrets, *texts):
        """Places in STATE, in what commands printed and in `texts` where a secret stands, in the clear or
        in an encoding. The vault and other sealed files hold none of them readably, so they are searched
        as well."""
        places = [("what commands printed", b"\n".join(self.transcript))]
        places += [(f"text {i}", t if isinstance(t, bytes) else t.encode()) for i, t in enumerate(texts)]
        for path in sorted(self.state.rglob("*")):
            if path.is_file():
                places.append((str(path.relative_to(self.state)), path.read_bytes()))
        needles = []
        for secret in secrets:
            raw = secret.encode()
            needles += [raw, raw.hex().encode(), raw[::-1]]
            needles += [base64.b64encode(b"x" * shift + raw)[4 if shift else 0:-4] for shift in range(3)]
        return [where for where, data in places for needle in needles if needle in data]

    # --- the end ---

    def close(self):
        if self.closed:
            return
        self.closed = True
        atexit.unregister(self.close)
        for connection in self.connections:
            connection.close()
        if (self.state / "gateway.sock").exists():
            try:
                self.interlock("gateway", "stop", timeout=20)
            except subprocess.TimeoutExpired:
                pass
        for pid in self.gateway_pids:
            try:
                wait_until(lambda: not is_alive(pid), "the gateway's end", timeout=10)
            except AssertionError:
                if _is_ours(pid, self.state):
                    os.kill(pid, signal.SIGKILL)
        for fake in getattr(self, "fakes", []):
            fake.close()
        if self.railsim is not None:
            self.railsim.stop()
        if os.environ.get("INTERLOCK_TEST_KEEP"):
            print(f"kept: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def is_alive(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rsplit(")", 1)[1].split()[0] != "Z"


def _is_ours(pid, state):
    try:
        return str(state) in pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return False


def control(s, request):
    """One request on the control socket, as a command would send it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(DEADLINE)
        sock.connect(str(s.state / "gateway.sock"))
        sock.sendall(json.dumps(request).encode() + b"\n")
        line = sock.makefile("rb").readline()
        return json.loads(line) if line else {"error": "closed"}


def statement(s, hold):
    return s.must("show", hold, "--statement").raw


_shared = {}
_shared_lock = threading.Lock()


def shared(make):
    """The stage that the tests of one file share: made by `make` when the first of them asks, and again after
    its gateway died; closed when the process ends. Tests bring their own sessions."""
    with _shared_lock:
        stage = _shared.get(make)
        if stage is not None and not stage.is_usable():
            stage.close()
            stage = None
        if stage is None:
            stage = _shared[make] = make()
        return stage


def wide_stage():
    """The stage of the tests about the proxy: hosts below plain.test are in reach too."""
    return Stage(egress=(PLAIN, "*.plain.test"), upstreams=('host: "*.plain.test", connect: "{plain}", ca: ca/ca.pem',))


def close_shared():
    for stage in _shared.values():
        stage.close()
    _shared.clear()


def every(cases, check):
    """Runs `check` over all cases and reports every failure, not the first alone."""
    failures = []
    for case in cases:
        label = case[0] if isinstance(case, tuple) else case
        try:
            check(*case) if isinstance(case, tuple) else check(case)
        except Exception as error:  # a table names each of its failures
            failures.append(f"{label}: {type(error).__name__}: {error}")
    assert not failures, f"{len(failures)} of {len(cases)} cases:\n  " + "\n  ".join(failures)


def refused_in_tunnel(s, session, data, status, name, host=PLAIN):
    """`data` in a fresh TLS connection is answered with a problem of that name, the connection ends, and
    the provider has received nothing."""
    fake = {PLAIN: s.plain, ODD: s.odd}[host]
    before = len(fake.requests), fake.bytes_received
    with session.tls(host) as connection:
        connection.send(data)
        method = data.split(b" ", 1)[0].decode("latin-1")
        answer = connection.read_answer(method)
        assert answer.status == status, f"status {answer.status}, wanted {status}: {answer.text}"
        assert answer.problem == name, f"problem {answer.problem!r}, wanted {name!r}"
        assert method == "HEAD" or "not sent, nothing changed" in answer.json["detail"], answer.text
        assert answer.closed and connection.is_closed(), "the connection stayed open"
    assert (len(fake.requests), fake.bytes_received) == before, "something reached the provider"


def raw_head(*lines, start="POST /x HTTP/1.1", host=f"Host: {PLAIN}", end="\r\n\r\n"):
    rows = [start] + ([host] if host else []) + list(lines)
    return ("\r\n".join(rows) + end).encode("latin-1")


class answering:
    """Lets a fake behave in some way within a `with`."""

    def __init__(self, fake, answer):
        self.fake, self.answer = fake, answer

    def __enter__(self):
        self.before = self.fake.answer
        self.fake.answer = self.answer
        return self.fake

    def __exit__(self, *_):
        self.fake.answer = self.before


# --- as whom ---

NORMAL_USER = "nobody"


@contextlib.contextmanager
def normal_user():
    """What subprocess needs to start something as a normal user with a home of its own; for root alone."""
    if os.geteuid() != 0:
        raise Skip("everything here runs as a normal user already")
    user = pwd.getpwnam(NORMAL_USER)
    home = tempfile.mkdtemp(prefix="interlock-user-")
    try:
        os.chown(home, user.pw_uid, user.pw_gid)
        yield {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/",
               "env": {**os.environ, "HOME": home, "TMPDIR": home, "USER": NORMAL_USER, "LOGNAME": NORMAL_USER}}
    finally:
        shutil.rmtree(home, ignore_errors=True)


def run_as_normal_user(file, names, at_least=None, env=None):
    """Runs these tests of the file once more as a normal user. All of them pass, or `at_least` so many and the others skip."""
    with normal_user() as user:
        # An interpreter that everybody may run, wherever this one lies.
        python3 = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
        user["env"].update(env or {})
        done = subprocess.run([python3, HERE / "run.py", *[f"{file}::{name}" for name in names]], capture_output=True, text=True,
                              check=False, **user)
        passed = done.stdout.count(f"ok    {pathlib.Path(file).stem}.")
        assert done.returncode == 0, done.stdout + done.stderr
        assert passed == len(names) if at_least is None else passed >= at_least, done.stdout
