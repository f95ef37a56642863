"""Narrower credentials that are minted for one session, each against an imitation of its provider, and taken
back when the session is over, whatever ends it.
"""
import base64
import contextlib
import datetime
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

from harness import BIN, PROJECT, Stage, wait_until

READ = "query { projects { edges { node { id } } } }"

# One provider with two APIs, as packs describe them: installation tokens of an app that shows itself by a JWT,
# and tokens of service accounts.
PACK = """
pack: imitation
apis:
  - hosts: [api.imitation.test]
    forward: [accept, user-agent]
    credentials:
      - { kind: installation, header: authorization, prefix: "Bearer ", variables: [IMITATION_TOKEN] }
    mint:
      - kind: installation
        with: app
        proof: jwt
        issuer: "${app}"
        terms:
          - { name: app, what: the app's id }
          - { name: installation, what: the installation's id }
          - { name: permissions, what: "what it may do, as JSON", form: json }
          - { name: repositories, what: names of repositories, form: list, optional: true }
        ask:
          route: POST /app/installations/${installation}/access_tokens
          json: '{"permissions": "${permissions}", "repositories": "${repositories}"}'
        token: token
        expires: expires_at
        revoke: { route: DELETE /installation/token, with_token: true }
    rest:
      - { route: GET /repos/*/*, effect: read, because: reads a repository }
  - hosts: [cluster.imitation.test]
    forward: [accept, user-agent]
    credentials:
      - { kind: admin, header: authorization, prefix: "Bearer ", narrower: service-account }
      - { kind: service-account, header: authorization, prefix: "Bearer ", variables: [IMITATION_CLUSTER_TOKEN] }
    mint:
      - kind: service-account
        with: admin
        terms:
          - { name: namespace, what: the account's namespace }
          - { name: account, what: the service account }
          - { name: seconds, what: how long it lasts, form: number, otherwise: "3600" }
        ask:
          route: POST /api/v1/namespaces/${namespace}/serviceaccounts/${account}/token
          json: >-
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": "${seconds}"}}
        token: status.token
        expires: status.expirationTimestamp
    rest:
      - { route: GET /api/v1/**, effect: read, because: reads }
"""
HOSTS = ["api.imitation.test", "cluster.imitation.test"]


def later(**how_long):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**how_long)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def answer_json(connection, status, value):
    body = json.dumps(value).encode() if value is not None else b""
    connection.send(f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                    + body)
    return True


class Imitation:
    """Mints what it is asked for, and remembers what it was asked with."""

    def __init__(self):
        self.minted = []   # (host, target, body, bearer)
        self.revoked = []  # bearers
        self.used = []     # bearers of ordinary requests
        self.lasts = {"hours": 1}

    def __call__(self, connection, request):
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        host = request.headers["host"]
        if request.method == "POST":
            number = len(self.minted)
            self.minted.append((host, request.target, json.loads(request.body), bearer))
            token, expires = f"minted-token-number-{number:08}", later(**self.lasts)
            if host.startswith("api."):
                return answer_json(connection, 201, {"token": token, "expires_at": expires})
            return answer_json(connection, 201, {"kind": "TokenRequest",
                                                 "status": {"token": token, "expirationTimestamp": expires}})
        if request.method == "DELETE":
            self.revoked.append(bearer)
            return answer_json(connection, 204, None)
        self.used.append(bearer)
        return answer_json(connection, 200, {"fine": True})


@contextlib.contextmanager
def imitation_stage():
    """A gateway that knows the pack, and its provider."""
    imitation = Imitation()
    programs = pathlib.Path(tempfile.mkdtemp(prefix="interlock-programs-"))
    try:
        for name in ("interlock", "interlock-core"):
            shutil.copy2(BIN / name, programs / name)
        shutil.copytree(BIN / "packs", programs / "packs")
        (programs / "packs" / "imitation").mkdir()
        (programs / "packs" / "imitation" / "pack.yaml").write_text(PACK)
        with Stage(railsim=False, vault=False, approver=False, names=HOSTS, egress=("imitation",), plain=imitation,
                   program=programs / "interlock",
                   upstreams=tuple('host: %s, connect: "{plain}", ca: ca/ca.pem' % h for h in HOSTS)) as s:
            yield s, imitation
    finally:
        shutil.rmtree(programs, ignore_errors=True)


def entries(s, kind):
    return [e for e in s.ledger() if e["type"] == kind]


def segment(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


# --- Railway: project tokens ---

@contextlib.contextmanager
def railway_stage():
    with Stage(vault=False) as s:
        s.vault("scope", "scope-reader", "production", "account", "--for", "scope")
        s.vault("admin", "domains-cli", "production", "account", "--for", "mint")
        s.must("vault", "add", "deploys", "--provider", "railway", "--environment", "staging", "--kind", "project",
               "--mint-with", "admin", "--term", f"project={s.seed.project}",
               "--term", f"environment={s.seed.environments['staging']}")
        yield s


def tokens_of(s):
    return [n for (n,) in s.railsim.query("SELECT name FROM tokens WHERE name LIKE 'interlock-%'")]


def test_a_project_token_is_minted_for_a_session_and_revoked_at_its_end():
    with railway_stage() as s:
        with s.session() as session:
            minted = tokens_of(s)
            assert len(minted) == 1 and minted[0].startswith(f"interlock-{session.id}.deploys-"), minted
            real = s.railsim.query("SELECT value FROM tokens WHERE name = ?", minted[0])[0][0]
            assert session.phantom != real and len(session.phantom) == len(real)
            answer = session.graphql(READ)
            assert answer.status == 200 and "errors" not in answer.json, answer
            assert s.railsim.requests()[-1]["token"] == minted[0], s.railsim.requests()[-1]
            # The wide one was lent to nobody, and the minted one is seen by nobody.
            assert "RAILWAY_API_TOKEN" not in session.variables
            assert not s.find_secrets([real, s.seed.tokens["domains-cli"]], *session.received)
        wait_until(lambda: not tokens_of(s), "the token's revocation")
        mint = entries(s, "mint")
        assert [e["with"] for e in mint] == ["admin"] and mint[0]["name"] == minted[0], mint
        assert [e["name"] for e in entries(s, "mint-revoked")] == minted
        assert not (s.state / "minted").read_text().count("interlock-")


def test_each_session_has_a_token_of_its_own():
    with railway_stage() as s, s.session() as first, s.session() as second:
        assert len(tokens_of(s)) == 2
        assert first.phantom != second.phantom
        assert second.graphql(READ, headers={PROJECT: first.phantom}).denied


def test_removing_the_entry_ends_what_was_minted_under_it():
    with railway_stage() as s, s.session() as session:
        assert session.graphql(READ).status == 200
        s.must("vault", "remove", "deploys")
        assert session.graphql(READ).denied
        wait_until(lambda: not tokens_of(s), "the token's revocation")


def test_a_gateway_that_dies_leaves_no_token_behind():
    with railway_stage() as s:
        with s.session():
            assert len(tokens_of(s)) == 1
            s.kill_gateway()
        s.note_gateway()
        wait_until(lambda: not tokens_of(s), "the revocation by the next gateway", timeout=60)
        wait_until(lambda: len(entries(s, "mint-revoked")) == 1, "the record")


def test_what_could_not_be_revoked_is_shown():
    with railway_stage() as s:
        with s.session():
            s.railsim.stop()
        wait_until(lambda: [w for w in s.status()["weaknesses"] if w["name"].startswith("minted-")], "the weakness")
        s.railsim.start()


def test_a_provider_that_refuses_to_mint_is_quoted():
    with railway_stage() as s:
        s.must("vault", "add", "nowhere", "--provider", "railway", "--environment", "staging", "--kind", "project",
               "--mint-with", "admin", "--term", f"project={s.seed.project}", "--term", "environment=no-such-environment")
        s.must("vault", "remove", "deploys")
        with s.session() as session:
            assert "RAILWAY_TOKEN" not in session.variables
            failed = entries(s, "not-lent")
            assert failed[-1]["entry"] == "nowhere" and "minting it with admin: the provider refused" in failed[-1]["why"], failed


def test_terms_that_can_not_be_minted_are_refused_when_they_are_added():
    with railway_stage() as s:
        def add(*words):
            return s.interlock("vault", "add", "x", "--provider", "railway", "--environment", "staging", "--kind", "project", *words)

        cases = [(["--mint-with", "nobody"], "nobody"),
                 (["--mint-with", "scope", "--term", "project=p", "--term", "environment=e"], "not kept for minting"),
                 (["--mint-with", "admin"], "--term project="),
                 (["--mint-with", "admin", "--term", "project=p", "--term", "environment=e", "--term", "more=m"], 'no term "more"')]
        for words, said in cases:
            done = add(*words)
            assert done.status == 1 and said in done.err, (words, done)
        done = s.interlock("vault", "add", "x", "--provider", "railway", "--environment", "staging", "--kind", "project",
                           "--for", "mint", input=b"some-long-value")
        assert done.status == 1 and "mints nothing" in done.err, done


# --- an app's installation tokens ---

def test_an_app_shows_itself_by_a_jwt_and_the_token_has_what_was_asked_for():
    with imitation_stage() as (s, imitation):
        key, public = s.dir / "app.pem", s.dir / "app.pub"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
        s.must("vault", "add", "app", "--provider", "imitation", "--environment", "staging", "--kind", "app", "--for", "mint",
               input=key.read_bytes())
        s.must("vault", "add", "repo", "--provider", "imitation", "--environment", "staging", "--kind", "installation",
               "--mint-with", "app", "--term", "app=12345", "--term", "installation=678",
               "--term", 'permissions={"contents":"read"}', "--term", "repositories=one,two")
        with s.session() as session:
            (host, target, body, bearer), = imitation.minted
            assert (host, target) == (HOSTS[0], "/app/installations/678/access_tokens")
            assert body == {"permissions": {"contents": "read"}, "repositories": ["one", "two"]}, body
            head, payload, signature = bearer.split(".")
            assert segment(head) == {"alg": "RS256", "typ": "JWT"}
            claims = segment(payload)
            assert claims["iss"] == "12345" and 0 < claims["exp"] - claims["iat"] <= 600, claims
            (s.dir / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
            (s.dir / "signed").write_text(f"{head}.{payload}")
            subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature", s.dir / "signature",
                            s.dir / "signed"], check=True, capture_output=True)
            answer = session.get(HOSTS[0], "/repos/o/one", {"Authorization": f"Bearer {session.variables['IMITATION_TOKEN']}"})
            assert answer.status == 200, answer
            assert imitation.used == ["minted-token-number-00000000"]
            secrets = [re.sub(r"-----.*?-----|\s", "", key.read_text())[:64], "minted-token-number-00000000", bearer]
            assert not s.find_secrets(secrets, *session.received)
        wait_until(lambda: imitation.revoked == ["minted-token-number-00000000"], "the revocation")


def test_a_token_that_expires_is_minted_anew_and_the_phantom_stays():
    with imitation_stage() as (s, imitation):
        imitation.lasts = {"seconds": 2}
        s.must("vault", "add", "root", "--provider", "imitation", "--environment", "staging", "--kind", "admin", "--for", "mint",
               input=b"the-clusters-own-token")
        s.must("vault", "add", "pods", "--provider", "imitation", "--environment", "staging", "--kind", "service-account",
               "--mint-with", "root", "--term", "namespace=web", "--term", "account=agent/1", "--term", "seconds=600")
        with s.session() as session:
            host, target, body, bearer = imitation.minted[0]
            assert (host, bearer) == (HOSTS[1], "the-clusters-own-token")
            assert target == "/api/v1/namespaces/web/serviceaccounts/agent%2F1/token"
            assert body["spec"] == {"expirationSeconds": 600} and body["kind"] == "TokenRequest", body
            imitation.lasts = {"hours": 1}
            phantom = session.variables["IMITATION_CLUSTER_TOKEN"]

            def is_renewed():
                answer = session.get(HOSTS[1], "/api/v1/pods", {"Authorization": f"Bearer {phantom}"})
                assert answer.status == 200, answer
                return imitation.used[-1] == "minted-token-number-00000001"

            wait_until(is_renewed, "the next token")
            assert len(imitation.minted) == 2
            renewed = [e for e in entries(s, "credential-renewed") if e["source"] == "mint"]
            assert len(renewed) == 2 and renewed[0]["fingerprint"] != renewed[1]["fingerprint"], renewed
        # This provider takes nothing back, and the ledger doesn't say that it did.
        wait_until(lambda: [e["how"] for e in entries(s, "mint-ended")] == ["expires", "expires"], "the ends")
        assert not entries(s, "mint-revoked")
