"""Every runtime trusts the gateway in a room, with nothing changed in the program: each asks an origin that is known to
the gateway alone, and gets its answer.
"""
import json
import os
import pathlib
import shutil
import subprocess

from fake_upstream import ok
from harness import PLAIN, ROOT, Skip, Stage, run_as_normal_user, shared

AGENTS = pathlib.Path(os.environ.get("INTERLOCK_AGENTS_DIR", ROOT / "build" / "agents")) / "node_modules" / ".bin"
ANSWER = "the origin's own answer\n"
URL = f"https://{PLAIN}/page"
CRATES = {"crates": [{"name": "greeting", "max_version": "1.0.0", "description": ANSWER.strip()}], "meta": {"total": 1}}
PATH = "/usr/local/bin:/usr/bin:/bin"


def answer(s):
    """A page, a git repository by the dumb protocol, and an index of crates."""

    def one(connection, request):
        path = request.target.split("?")[0]
        file = s.served / path.lstrip("/")
        if path == "/page":
            connection.send(ok(ANSWER))
        elif path == "/config.json":
            connection.send(ok(json.dumps({"dl": f"https://{PLAIN}/crates", "api": f"https://{PLAIN}"})))
        elif path == "/api/v1/crates":
            connection.send(ok(json.dumps(CRATES)))
        elif ".." not in path and file.is_file():
            connection.send(ok(file.read_bytes()))
        else:
            connection.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        return True

    return one


def make_stage():
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")
    s = Stage(railsim=False)
    s.work, s.home, s.served = s.dir / "work", s.dir / "home", s.dir / "served"
    for directory in (s.work, s.home, s.served):
        directory.mkdir()
    s.plain.answer = answer(s)
    return s


def stage():
    return shared(make_stage)


def room(*command, path=PATH):
    s = stage()
    return s.interlock("run", "--quiet", "--no-recovery-point", "--workspace", s.work, "--", *command, cwd=s.work, timeout=100,
                       env={"HOME": str(s.home), "PATH": path})


def need(program, path=PATH):
    found = shutil.which(program, path=path)
    if found is None:
        raise Skip(f"{program} is not installed")
    return found


def gets_the_answer(*command, path=PATH):
    before = len(stage().plain.requests)
    reply = room(*command, path=path)
    assert reply.status == 0 and ANSWER.strip() in reply.out, reply
    assert len(stage().plain.requests) > before, "the origin was not asked"
    return reply


def python(program, module=None):
    need("python3")
    if module and subprocess.run(["/usr/bin/python3", "-c", f"import {module}"], capture_output=True, check=False).returncode != 0:
        raise Skip(f"python3 has no {module}")
    gets_the_answer("/usr/bin/python3", "-c", program)


def write(name, text):
    (stage().work / name).write_text(text)
    return name


# --- commands ---


def test_curl_trusts_the_gateway():
    need("curl")
    gets_the_answer("curl", "-sS", "--max-time", "60", URL)


def test_wget_trusts_the_gateway():
    need("wget")
    gets_the_answer("wget", "-q", "-O", "-", "--timeout=60", "--tries=1", URL)


def test_openssl_trusts_the_gateway():
    need("openssl")
    reply = room("sh", "-c", f"openssl s_client -connect {PLAIN}:443 -servername {PLAIN} -verify_return_error </dev/null")
    assert "Verify return code: 0 (ok)" in reply.out, reply


def test_git_trusts_the_gateway():
    s = stage()
    bare = s.served / "repository.git"
    if not bare.exists():
        source = s.dir / "source"
        script = ("git init -q -b main source && cd source && echo \"$1\" > page && git add page && git -c user.name=a -c user.email=a@b "
                  "commit -q -m first && git clone -q --bare . ../served/repository.git && cd ../served/repository.git && git update-server-info")
        subprocess.run(["sh", "-c", script, "sh", ANSWER.strip()], cwd=s.dir, capture_output=True, check=True)
        assert source.exists()
    shutil.rmtree(s.work / "cloned", ignore_errors=True)
    gets_the_answer("sh", "-c", f"git clone -q https://{PLAIN}/repository.git cloned && cat cloned/page")


# --- JavaScript ---

NODE_FETCH = f"const r = await fetch('{URL}'); process.stdout.write(await r.text());"
NODE_HTTPS = f"import https from 'node:https'; https.get('{URL}', r => r.pipe(process.stdout));"


def test_node_trusts_the_gateway_in_fetch_and_in_https():
    need("node")
    for name, program in (("fetch.mjs", NODE_FETCH), ("https.mjs", NODE_HTTPS)):
        gets_the_answer("node", write(name, program))


def test_node_22_trusts_the_gateway_in_fetch_and_in_https():
    if not (AGENTS / "node").exists():
        raise Skip("Node 22 is not installed; make test-agents does that")
    for name, program in (("fetch.mjs", NODE_FETCH), ("https.mjs", NODE_HTTPS)):
        gets_the_answer(AGENTS / "node", write(name, program))
    assert room(AGENTS / "node", "--version").out.startswith("v22.")


def test_bun_trusts_the_gateway_in_fetch_and_in_https():
    if not (AGENTS / "bun").exists():
        raise Skip("Bun is not installed; make test-agents does that")
    for name, program in (("fetch.mjs", NODE_FETCH), ("https.mjs", NODE_HTTPS)):
        gets_the_answer(AGENTS / "bun", write(name, program))


# --- Python ---


def test_pythons_own_client_trusts_the_gateway():
    python(f"import urllib.request; print(urllib.request.urlopen('{URL}', timeout=60).read().decode())")


def test_requests_trusts_the_gateway():
    python(f"import requests; print(requests.get('{URL}', timeout=60).text)", "requests, certifi")


def test_requests_with_roots_of_its_own_trusts_the_gateway():
    # What pip carries with it is requests as it comes from its makers, with certifi's own file.
    python(f"from pip._vendor import requests; print(requests.get('{URL}', timeout=60).text)", "pip._vendor.requests, pip._vendor.certifi")


def test_httpx_trusts_the_gateway():
    python(f"import httpx; print(httpx.get('{URL}', timeout=60).text)", "httpx")


# --- compiled ---

GO = """package main

import ("fmt"; "io"; "net/http")

func main() {
	r, err := http.Get("%s")
	if err != nil { panic(err) }
	text, _ := io.ReadAll(r.Body)
	fmt.Print(string(text))
}
""" % URL


def test_go_trusts_the_gateway():
    path = PATH + ":/usr/local/go/bin"
    need("go", path)
    s = stage()
    write("page.go", GO)
    subprocess.run(["go", "build", "-o", "page-in-go", "page.go"], cwd=s.work, check=True, capture_output=True,
                   env={**os.environ, "PATH": path, "GOCACHE": str(s.dir / "go-cache"), "GO111MODULE": "off"})
    gets_the_answer("./page-in-go")


def test_a_program_written_in_go_trusts_the_gateway():
    # restic, which is one, asks a server for a repository that isn't there.
    need("restic")
    s = stage()
    before = len(s.plain.requests)
    reply = room("sh", "-c", f"echo x > password; restic -p password --no-cache -r rest:https://{PLAIN}/store/ cat config")
    asked = s.plain.requests[before:]
    assert [r for r in asked if r.target.startswith("/store/") and r.headers.get("user-agent", "").startswith("Go-http-client")], reply
    assert "x509" not in reply.err and "certificate" not in reply.err, reply


JAVA = """import java.net.URI;
import java.net.http.*;

public class Page {
  public static void main(String[] arguments) throws Exception {
    URI page = URI.create("%s");
    var request = HttpRequest.newBuilder(page).build();
    System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
    System.out.println(new String(page.toURL().openStream().readAllBytes()));
  }
}
""" % URL


def test_java_trusts_the_gateway():
    need("javac")
    reply = gets_the_answer("java", write("Page.java", JAVA))
    assert reply.out.count(ANSWER.strip()) == 2, reply


def test_cargo_trusts_the_gateway():
    rustc = shutil.which("rustc")
    sysroot = rustc and subprocess.run([rustc, "--print", "sysroot"], capture_output=True, text=True, check=False).stdout.strip()
    cargo = pathlib.Path(sysroot or "/nonexistent") / "bin" / "cargo"
    if not os.access(cargo, os.X_OK):
        raise Skip("no Rust toolchain that this user may run")
    gets_the_answer(cargo, "search", "--index", f"sparse+https://{PLAIN}/", "greeting")


# --- the gateway's own name ---


def test_the_gateways_own_name_is_answered_for_every_resolver():
    own = "http://interlock.internal/holds/h-000000"
    cases = [("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", own)]
    if shutil.which("node", path=PATH):
        cases.append(("node", "-e", f"fetch('{own}').then(r => process.stdout.write(String(r.status)))"))
        cases.append(("node", "-e", "require('dns').resolve4('interlock.internal', (e, a) => process.stdout.write(e ? String(e) : a.length ? '404' : 'none'))"))
    program = f"import urllib.request, urllib.error\ntry: urllib.request.urlopen('{own}')\nexcept urllib.error.HTTPError as e: print(e.code, end='')"
    cases.append(("/usr/bin/python3", "-c", program))
    for command in cases:
        reply = room(*command)
        assert reply.out == "404", (command, reply)


# --- as whom ---

AS_ANYBODY = [name for name in list(globals()) if name.startswith("test_")]


def test_they_do_so_for_a_normal_user():
    run_as_normal_user("runtimes.py", AS_ANYBODY, at_least=8, env={"PATH": PATH})
