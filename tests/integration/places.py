"""A lent credential works in every place in which its provider takes one, with real clients, and nowhere else: the
real value arrives at the provider and is seen by nobody on the agent's side.
"""
import base64
import gzip
import json
import os
import shutil
import subprocess
import urllib.parse

from fake_upstream import ok
from harness import API, PLAIN, Skip, Stage, every, shared

GITHUB, GIT, GITLAB, BITBUCKET, NEON, CLOUDFLARE = ("api.github.com", "github.com", "gitlab.com", "api.bitbucket.org",
                                                    "console.neon.tech", "api.cloudflare.com")
CLUSTER, REGISTRY = "cluster.plain.test", "registry.plain.test"
HOSTS = (GITHUB, GIT, GITLAB, BITBUCKET, NEON, CLOUDFLARE, CLUSTER, REGISTRY)
REAL = {  # by vault entry: they exist in the vault and at the imitation alone
    "github-token": ("github", "token", "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"),
    "github-app": ("github", "oauth-app", "0123456789abcdef0123456789abcdef01234567"),
    "gitlab-token": ("gitlab", "token", "glpat-Zq7wXy2Vb9Kd4Mn1Pf6R"),
    "bitbucket-login": ("bitbucket", "login", "ada@plain.test:ATBBq7wXy2Vb9Kd4Mn1Pf6R/+=Zt"),
    "neon-key": ("neon", "api-key", "napi_q7wxy2vb9kd4mn1pf6rzt8cj3hg5sl0aeq7wxy2vb9kd4mn1pf6rzt8cj3hg5sl0"),
    "cloudflare-token": ("cloudflare", "api-token", "Zq7wXy2Vb9Kd4Mn1Pf6RZq7wXy2Vb9Kd4Mn1Pf6R"),
    "cluster-token": ("kubernetes", "token", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.Zq7wXy2Vb9Kd4Mn1Pf6RZq7wXy2Vb9Kd"),
    "registry-token": ("package-registries", "registry-token", "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"),
}
VALUES = {name: value for name, (_, _, value) in REAL.items()}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


def b64(text):
    return base64.b64encode(text.encode()).decode()


def echo(connection, request):
    """Says what it was sent, as a provider does that reflects."""
    said = {"target": request.target, "headers": request.headers, "body": request.body.decode("latin-1")}
    connection.send(ok(json.dumps(said)).replace(b"text/plain", b"application/json"))
    return True


def make_stage():
    s = Stage(egress=(PLAIN, "github", "gitlab", "bitbucket", "neon", "cloudflare", "kubernetes", "package-registries"), names=HOSTS,
              upstreams=[f'host: {host}, connect: "{{odd}}", ca: ca/ca.pem' for host in HOSTS], odd=echo,
              providers=(f"  kubernetes: {{ hosts: [{CLUSTER}] }}", f"  package-registries: {{ hosts: [{REGISTRY}] }}"))
    for name, (provider, kind, value) in REAL.items():
        wide = ["--wide"] if name == "bitbucket-login" else []
        s.must("vault", "add", name, "--provider", provider, "--environment", "staging", "--kind", kind, *wide, input=value.encode())
    return s


def stage():
    return shared(make_stage)


def places(session):
    """(what, host, method, target, headers, body, what the provider must find)"""
    v = session.variables
    github, app, gitlab, login = v["GH_TOKEN"], v["GITHUB_CLIENT_SECRET"], v["GITLAB_TOKEN"], v["BITBUCKET_LOGIN"]
    del app
    real = VALUES
    return [
        ("bearer", GITHUB, "/user", {"Authorization": f"Bearer {github}"}, ("authorization", f"Bearer {real['github-token']}")),
        ("token scheme", GITHUB, "/user", {"Authorization": f"token {github}"}, ("authorization", f"token {real['github-token']}")),
        ("basic password", GITHUB, "/user", {"Authorization": f"Basic {b64('ada:' + github)}"},
         ("authorization", f"Basic {b64('ada:' + real['github-token'])}")),
        ("basic user", GITHUB, "/user", {"Authorization": f"Basic {b64(github + ':x-oauth-basic')}"},
         ("authorization", f"Basic {b64(real['github-token'] + ':x-oauth-basic')}")),
        ("basic pair", BITBUCKET, "/2.0/user", {"Authorization": f"Basic {b64(login)}"},
         ("authorization", f"Basic {b64(real['bitbucket-login'])}")),
        ("custom header", GITLAB, "/api/v4/version", {"Private-Token": gitlab}, ("private-token", real["gitlab-token"])),
        ("query", GITLAB, f"/api/v4/version?private_token={gitlab}&a=1", {}, ("target", f"/api/v4/version?private_token={real['gitlab-token']}&a=1")),
        ("bound host", CLUSTER, "/api/v1/namespaces/default/pods", {"Authorization": f"Bearer {v['KUBE_TOKEN']}"},
         ("authorization", f"Bearer {real['cluster-token']}")),
        ("registry", REGISTRY, "/left-pad", {"Authorization": f"Bearer {v['NPM_TOKEN']}"}, ("authorization", f"Bearer {real['registry-token']}")),
        ("neon", NEON, "/api/v2/projects", {"Authorization": f"Bearer {v['NEON_API_KEY']}"}, ("authorization", f"Bearer {real['neon-key']}")),
        ("cloudflare", CLOUDFLARE, "/client/v4/zones", {"Authorization": f"Bearer {v['CLOUDFLARE_API_TOKEN']}"},
         ("authorization", f"Bearer {real['cloudflare-token']}")),
    ]


def found(request, name):
    return request.target if name == "target" else request.headers.get(name)


def assert_unseen(s, session, *texts):
    seen = b"".join(session.received)
    assert not s.find_secrets(VALUES.values(), seen, *texts), s.find_secrets(VALUES.values(), seen, *texts)
    for value in VALUES.values():
        assert urllib.parse.quote(value, safe="").encode() not in seen


def test_every_place_takes_the_phantom_and_the_provider_gets_the_real_one():
    s = stage()
    with s.session() as session:
        def works(what, host, target, headers, wanted):
            answer = session.get(host, target, headers)
            assert answer.status == 200, answer
            assert found(s.odd.requests[-1], wanted[0]) == wanted[1], s.odd.requests[-1].head

        every(places(session), works)
        # It echoed all of them.
        assert_unseen(s, session)


def test_every_place_refuses_a_foreign_credential():
    s = stage()
    with s.session() as session:
        before = len(s.odd.requests)

        def refused(what, host, target, headers, wanted):
            for phantom in session.variables.values():
                foreign = "9" + phantom[1:-1] + "9"
                target = target.replace(phantom, foreign)
                for name, value in list(headers.items()):
                    scheme, _, rest = value.rpartition(" ")
                    if scheme == "Basic":
                        rest = b64(base64.b64decode(rest).decode().replace(phantom, foreign))
                    headers[name] = f"{scheme} {rest.replace(phantom, foreign)}".strip()
            answer = session.get(host, target, headers)
            assert answer.denied and answer.status in (200, 403), answer

        every(places(session), refused)
        assert len(s.odd.requests) == before, "a foreign credential reached the provider"


def test_a_phantom_in_another_place_host_or_encoding_is_refused():
    s = stage()
    with s.session() as session:
        before = len(s.odd.requests)
        github, neon = session.variables["GH_TOKEN"], session.variables["NEON_API_KEY"]
        bearer = {"Authorization": f"Bearer {github}"}
        document = {"query": "query Q($a: String!) { user(login: $a) { id } }", "variables": {"a": github}}
        cases = [
            ("another host", "GET", NEON, "/api/v2/projects", bearer, b""),
            ("another host's", "GET", GITHUB, "/user", {"Authorization": f"Bearer {neon}"}, b""),
            ("a host without a pack", "GET", PLAIN, "/x", bearer, b""),
            ("a query where none is", "GET", GITHUB, f"/user?access_token={github}", {}, b""),
            ("a path", "GET", GITHUB, f"/users/{github}", {}, b""),
            ("another header", "GET", GITHUB, "/user", {"X-Note": github}, b""),
            ("another header beside", "GET", GITHUB, "/user", {**bearer, "X-Note": github}, b""),
            ("base64 in a place", "GET", GITHUB, "/user", {"Authorization": f"Bearer {b64(github)}"}, b""),
            ("both halves of basic", "GET", GITHUB, "/user", {"Authorization": f"Basic {b64(github + ':' + github)}"}, b""),
            ("a cookie", "GET", GITHUB, "/user", {"Cookie": f"t={github}"}, b""),
            ("a GraphQL variable", "POST", GITHUB, "/graphql", {**bearer, **JSON}, json.dumps(document).encode()),
            ("a body", "POST", GITHUB, "/repos/o/r/issues", {**bearer, **JSON}, json.dumps({"title": github}).encode()),
            ("base64 in a body", "POST", GITHUB, "/gists", {**bearer, **JSON}, json.dumps({"c": b64("x" + github)}).encode()),
            ("a form where none is", "POST", GITHUB, "/repos/o/r/issues", FORM, f"client_secret={github}".encode()),
            ("a query twice", "GET", GITLAB, "/api/v4/version?private_token={0}&private_token={0}".format(session.variables["GITLAB_TOKEN"]), {}, b""),
            ("a query and a header", "GET", GITLAB, f"/api/v4/version?private_token={session.variables['GITLAB_TOKEN']}",
             {"Private-Token": session.variables["GITLAB_TOKEN"]}, b""),
            ("Interlock's own mark", "GET", GITLAB, "/api/v4/version?a=__interlock_credential__", {"Private-Token": session.variables["GITLAB_TOKEN"]}, b""),
        ]

        def refused(what, method, host, target, headers, body):
            answer = session.request(method, host, target, headers, body)
            assert answer.status in (200, 400, 403) and (answer.denied or answer.problem), answer

        every(cases, refused)
        assert len(s.odd.requests) == before, s.odd.requests[-1].head
        assert_unseen(s, session)


def test_a_phantom_split_over_writes_is_found():
    s = stage()
    with s.session() as session:
        before = len(s.odd.requests)
        github = session.variables["GH_TOKEN"]
        with session.tls(GITHUB) as connection:
            connection.send(f"POST /repos/o/r/issues HTTP/1.1\r\nHost: {GITHUB}\r\nContent-Type: text/plain\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n")
            for piece in (github[:7], github[7:19], github[19:]):
                connection.send(f"{len(piece):x}\r\n{piece}\r\n")
            connection.send("0\r\n\r\n")
            assert connection.read_answer("POST").denied
        assert len(s.odd.requests) == before


def test_what_is_held_keeps_a_reference_and_is_sent_with_the_value():
    s = stage()
    value = VALUES["github-app"]
    with s.session() as session:
        secret = session.variables["GITHUB_CLIENT_SECRET"]
        bodies = [
            ("form", FORM, f"client_id=a&client_secret={secret}&code=b", f"client_id=a&client_secret={value}&code=b"),
            ("json", JSON, json.dumps({"code": "c", "client_secret": secret}), '{"client_secret":"%s","code":"c"}' % value),
        ]

        def held(what, headers, body, sent):
            answer = session.request("POST", GIT, "/login/oauth/access_token", headers, body.encode())
            assert answer.hold, answer
            shown = s.must("show", answer.hold).out
            assert secret not in shown and value not in shown and "__interlock_credential__" in shown, shown
            reply = s.approve(answer.hold)
            assert reply.status == 0 and reply.json["state"] == "executed", reply
            request = s.odd.requests[-1]
            assert request.body.decode() == sent, request.body
            assert request.headers["content-length"] == str(len(sent)), request.head
            answers = session.own(f"/holds/{answer.hold}")
            assert value not in answers.text, answers

        every(bodies, held)
        assert_unseen(s, session)


def test_a_foreign_secret_in_a_body_that_is_a_place_is_refused():
    s = stage()
    with s.session() as session:
        before = len(s.odd.requests)
        for headers, body in ((FORM, "client_secret=ffffffffffffffff"), (JSON, '{"client_secret":"ffffffffffffffff"}')):
            answer = session.request("POST", GIT, "/login/oauth/access_token", headers, body.encode())
            assert answer.denied and not answer.hold, answer
        assert len(s.odd.requests) == before


def test_a_credential_is_never_sent_in_the_clear():
    s = stage()
    with s.session() as session:
        before = len(s.odd.requests), s.odd.bytes_received
        answer = session.absolute("GET", f"http://{GITHUB}/user", {"Authorization": f"Bearer {session.variables['GH_TOKEN']}"})
        assert answer.denied and "TLS" in answer.message, answer
        assert (len(s.odd.requests), s.odd.bytes_received) == before


def test_a_redirect_is_the_agents_to_follow_and_its_phantom_opens_nothing_there():
    s = stage()
    with s.session() as session:
        phantom = session.variables["GH_TOKEN"]
        s.odd.answer = (f"HTTP/1.1 302 Found\r\nLocation: https://{PLAIN}/next?t={VALUES['github-token']}\r\nContent-Length: 0\r\n"
                        f"Set-Cookie: session={VALUES['github-token']}\r\n\r\n").encode()
        try:
            before = len(s.plain.requests)
            answer = session.get(GITHUB, "/user", {"Authorization": f"Bearer {phantom}"})
        finally:
            s.odd.answer = echo
        assert answer.status == 302 and answer.headers["location"] == f"https://{PLAIN}/next?t={phantom}", answer
        assert answer.headers["set-cookie"] == f"session={phantom}", answer
        assert session.get(PLAIN, f"/next?t={phantom}").denied
        assert session.get(PLAIN, "/next", {"Authorization": f"Bearer {phantom}"}).denied
        # What the provider set is a credential too, and no pack has a place for it here.
        assert session.get(GITHUB, "/user", {"Cookie": f"session={phantom}"}).denied
        assert len(s.plain.requests) == before
        assert_unseen(s, session)


def test_a_refusal_names_the_variable_that_is_right_for_the_host():
    s = stage()
    foreign = {"Authorization": "Bearer not-one-of-yours"}
    with s.session() as session:
        for host, target, names in ((GITHUB, "/user", ("GH_TOKEN", "GITHUB_TOKEN")), (NEON, "/api/v2/projects", ("NEON_API_KEY",)),
                                    (API, "/graphql/v2", ("RAILWAY_TOKEN",))):
            message = session.get(host, target, foreign).message
            if host == API:
                message = session.graphql("query { me { id } }", headers={"Authorization": "Bearer not-one-of-yours"}).message
            assert f"For {host} use what is in" in message and all(name in message for name in names), message
    with s.session(environment="production") as session:
        message = session.get(NEON, "/api/v2/projects", foreign).message
        assert f"was lent nothing for {NEON}" in message and "--provider neon --environment production" in message, message


# --- real clients, in rooms ---


def room(*command, env=None):
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")
    s = stage()
    work, home = s.dir / "work", s.dir / "home"
    work.mkdir(exist_ok=True)
    home.mkdir(exist_ok=True)
    reply = s.interlock("run", "--quiet", "--no-recovery-point", "--workspace", work, "--", *command, cwd=work, timeout=100,
                        env={"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", **(env or {})})
    for value in VALUES.values():
        assert value not in reply.out and value not in reply.err and b64(value) not in reply.out, "the room saw a real credential"
    return reply


def need(program):
    if shutil.which(program, path="/usr/local/bin:/usr/bin:/bin") is None:
        raise Skip(f"{program} is not installed")


def test_curl_sends_the_phantom_and_reads_it_back():
    need("curl")
    s = stage()
    reply = room("sh", "-c", f'curl -sS -u "ada:$GH_TOKEN" https://{GITHUB}/user && curl -sS -H "Private-Token: $GITLAB_TOKEN" '
                             f'https://{GITLAB}/api/v4/version && env | grep -c -e ^GH_TOKEN=ghp_ -e ^GITLAB_TOKEN=glpat-')
    assert reply.status == 0 and reply.out.strip().endswith("2"), reply
    assert [r.headers.get("authorization", r.headers.get("private-token")) for r in s.odd.requests[-2:]] == [
        f"Basic {b64('ada:' + VALUES['github-token'])}", VALUES["gitlab-token"]]


def test_curl_with_a_foreign_credential_is_refused():
    need("curl")
    s = stage()
    before = len(s.odd.requests)
    reply = room("curl", "-sS", "-H", "Authorization: Bearer ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX", f"https://{GITHUB}/user")
    assert "INTERLOCK DENIED" in reply.out and "GH_TOKEN" in reply.out, reply
    assert len(s.odd.requests) == before


def serve_git(s, root):
    """github.com as git sees it: smart HTTP behind Basic, by git's own CGI."""
    wanted = f"Basic {b64('x-access-token:' + VALUES['github-token'])}"

    def answer(connection, request):
        if request.headers.get("authorization") != wanted:
            connection.send(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\n\r\n")
            return True
        path, _, query = request.target.partition("?")
        body = request.body
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        done = subprocess.run(["git", "-c", "safe.directory=*", "http-backend"], input=body, capture_output=True, check=False, env={
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
            "QUERY_STRING": query, "REQUEST_METHOD": request.method, "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)), "GIT_PROTOCOL": request.headers.get("git-protocol", ""), "HOME": str(s.dir)})
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line for line in head.decode("latin-1").split("\r\n") if line]
        status = next((line.split(":", 1)[1].strip() for line in lines if line.lower().startswith("status:")), "200 OK")
        fields = "".join(f"{line}\r\n" for line in lines if not line.lower().startswith("status:"))
        connection.send(f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(content)}\r\n\r\n".encode("latin-1") + content)
        return True

    return answer


def make_repository(s):
    root = s.dir / "repositories"
    bare, work = root / "o" / "r.git", s.dir / "authored"
    if not bare.exists():
        work.mkdir()
        (work / "README").write_text("hello from the repository\n")
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@plain.test", "-C", str(work)]
        for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "begin"]):
            subprocess.run(["git", *identity, *words], check=True, capture_output=True)
        subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True, capture_output=True)
    return root


def test_git_clones_over_https_whatever_the_remote_is_called():
    need("git")
    s = stage()
    s.odd.answer = serve_git(s, make_repository(s))
    try:
        for number, remote in enumerate(("https://github.com/o/r.git", "git@github.com:o/r.git", "ssh://git@github.com/o/r.git")):
            reply = room("sh", "-c", f"git clone -q {remote} r{number} && cat r{number}/README && git -C r{number} fetch -q && "
                                     f"git -C r{number} remote get-url origin")
            assert reply.status == 0 and "hello from the repository" in reply.out, reply
        text = "".join(p.read_text(errors="replace") for p in (s.dir / "work").rglob("*") if p.is_file())
        assert not [v for v in VALUES.values() if v in text]
    finally:
        s.odd.answer = echo


def test_git_pushes_are_held():
    need("git")
    s = stage()
    s.odd.answer = serve_git(s, make_repository(s))
    try:
        reply = room("sh", "-c", "git clone -q git@github.com:o/r.git pushing && cd pushing && git config user.name A && "
                                 "git config user.email a@plain.test && git commit -q --allow-empty -m more && git push -q origin HEAD:more")
        assert reply.status != 0, reply
        refs = subprocess.run(["git", "-C", s.dir / "repositories" / "o" / "r.git", "branch"], capture_output=True, text=True, check=True)
        assert "more" not in refs.stdout, refs.stdout
    finally:
        s.odd.answer = echo


def test_ssh_itself_stays_closed():
    need("ssh")
    reply = room("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "StrictHostKeyChecking=no", "git@github.com")
    assert reply.status == 255, reply


def test_gh_asks_with_the_phantom():
    need("gh")
    s = stage()

    def answer(connection, request):
        said = {"login": "ada", "data": {"viewer": {"login": "ada"}}}
        connection.send(ok(json.dumps(said)).replace(b"text/plain", b"application/json"))
        return True

    s.odd.answer = answer
    try:
        before = len(s.odd.requests)
        reply = room("gh", "api", "user", env={"GH_NO_UPDATE_NOTIFIER": "1"})
        assert reply.status == 0 and '"login"' in reply.out, reply
        reply = room("gh", "api", "graphql", "-f", "query=query { viewer { login } }")
        assert reply.status == 0 and "ada" in reply.out, reply
        sent = s.odd.requests[before:]
        assert {r.headers["authorization"] for r in sent} == {f"token {VALUES['github-token']}"}, [r.head for r in sent]
    finally:
        s.odd.answer = echo


def test_kubectl_asks_with_the_phantom():
    need("kubectl")
    s = stage()

    def answer(connection, request):
        path = request.target.partition("?")[0]
        said = {"/api": {"kind": "APIVersions", "versions": ["v1"]},
                "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
                "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                    {"name": "pods", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"], "shortNames": ["po"]}]},
                "/api/v1/namespaces/default/pods": {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [
                    {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web-0", "namespace": "default"}}]}}.get(path)
        if said is None:
            connection.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        else:
            connection.send(ok(json.dumps(said)).replace(b"text/plain", b"application/json"))
        return True

    s.odd.answer = answer
    try:
        before = len(s.odd.requests)
        command = f'kubectl --server https://{CLUSTER} --token "$KUBE_TOKEN" get pods -o name'
        reply = room("sh", "-c", command)
        assert reply.status == 0 and "pod/web-0" in reply.out, reply
        assert {r.headers["authorization"] for r in s.odd.requests[before:]} == {f"Bearer {VALUES['cluster-token']}"}
        reply = room("sh", "-c", command.replace("get pods -o name", "delete pod web-0"))
        assert reply.status != 0 and not [r for r in s.odd.requests[before:] if r.method == "DELETE"], reply
    finally:
        s.odd.answer = echo
