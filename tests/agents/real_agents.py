"""Real agents from npm at work in rooms, driven by a scripted model that they reach through the gateway as they
reach their real one. tests/agents/run installs them.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

from harness import API, HERE, PLAIN, Skip, Stage, run_as_normal_user, shared

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from npm_registry import NpmRegistry  # noqa: E402  (after the path is set)
from scripted_model import ScriptedModel  # noqa: E402

AGENTS = pathlib.Path(os.environ.get("INTERLOCK_AGENTS_DIR", HERE.parent.parent / "build" / "agents"))
ANTHROPIC, OPENAI, GEMINI = "api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com"
REGISTRY = "registry.plain.test"
PACKAGE = "greeting-of-the-test"
KEYS = {  # the real ones: they exist in the vault and at the model's API alone
    "anthropic-key": "sk-ant-api03-" + "aNthr0picKeyOfTheVault" * 4,
    "openai-key": "sk-proj-" + "0penAiKeyOfTheVault" * 4,
    "gemini-key": "AIzaSy" + "GeminiKeyOfTheVault0123456789abcd"[:33],
}
PROMPT = "Bring the notes up to date, commit them, and clean up."


def make_stage():
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")
    s = Stage(egress=(PLAIN, REGISTRY, "model-apis"), names=(ANTHROPIC, OPENAI, GEMINI),
              upstreams=[*(f'host: {host}, connect: "{{odd}}", ca: ca/ca.pem' for host in (ANTHROPIC, OPENAI, GEMINI)),
                         f'host: {REGISTRY}, connect: "{{plain}}", ca: ca/ca.pem'])
    s.registry = NpmRegistry(REGISTRY, PACKAGE, {"index.js": "module.exports = () => 'hello from the package';\n"})
    s.plain.answer = s.registry.answer
    for kind, key in KEYS.items():
        s.must("vault", "add", f"test-{kind}", "--provider", "model-apis", "--environment", "staging", "--kind", kind, input=key.encode())
    return s


def stage():
    return shared(make_stage)


def make_work(s, name):
    """A repository as a person has it."""
    work = s.dir / f"work-{name}"
    work.mkdir()
    (work / "notes.md").write_text("# Notes\nstatus: draft\n")
    (work / "package.json").write_text('{"name": "work", "private": true}\n')
    (work / ".gitignore").write_text("node_modules/\n")
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "begin"]):
        git(work, *words)
    return work


def git(work, *words):
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@plain.test", "-c", f"safe.directory={work}"]
    return subprocess.run(["git", *identity, *words], cwd=work, capture_output=True, text=True, check=True).stdout


def deletion(s):
    document = json.dumps({"query": 'mutation { volumeDelete(volumeId: "%s") }' % s.seed.volumes["pg-data"]})
    return (f"curl -sS https://{API}/graphql/v2 -H \"project-access-token: $RAILWAY_TOKEN\" "
            f"-H 'content-type: application/json' --data '{document}'")


def steps(s, work):
    identity = "-c user.name=Agent -c user.email=agent@plain.test"
    return [
        ("read", str(work / "notes.md")),
        ("edit", str(work / "notes.md"), "status: draft", "status: reviewed"),
        ("run", f"npm install --no-audit --no-fund --registry=https://{REGISTRY}/ {PACKAGE} && node -p \"require('{PACKAGE}')()\""),
        ("run", f"git add -A && git {identity} commit -q -m 'review the notes' && git log --format=%s%n%an -n 1"),
        ("run", "git init -q -b main part && echo part > part/part.txt && git -C part add . && "
                f"git -C part {identity} commit -q -m 'a part' && git -C part log --format=%s"),
        ("run", "env > seen.txt; cat /proc/[0-9]*/environ | tr '\\0' '\\n' >> seen.txt; wc -l seen.txt"),
        ("run", deletion(s)),
        ("say", "All done."),
    ]


def drive(agent, words, kind, host, header, prefix="", home=None, env=None):
    """Runs one agent through the script, and checks all that is the same for each."""
    if not (AGENTS / "node_modules" / ".bin" / agent).exists():
        raise Skip(f"{agent} is not installed in {AGENTS}; tests/agents/run does that")
    s = stage()
    work = make_work(s, agent)
    person = s.dir / f"home-{agent}"
    for name, text in (home or {}).items():
        (person / name).parent.mkdir(parents=True, exist_ok=True)
        (person / name).write_text(text)
    person.mkdir(exist_ok=True)
    model = ScriptedModel(steps(s, work))
    s.odd.answer = model.answer
    before, state = len(s.odd.requests), s.railsim.state()
    reply = s.interlock("run", "--workspace", work, "--", agent, *words, cwd=work, timeout=300,
                        env={"HOME": str(person), "PATH": f"{AGENTS}/node_modules/.bin:/usr/local/bin:/usr/bin:/bin", **(env or {})})
    seen = s.odd.requests[before:]
    explain = f"{reply}\nresults: {json.dumps(model.results, indent=1)}\nasked: {[(r.method, r.target) for r in seen]}"
    if os.environ.get("INTERLOCK_TEST_KEEP"):
        print(explain, "\ntools:", model.tools)
        (s.dir / f"asked-{agent}.jsonl").write_text("\n".join(json.dumps([r.target, r.headers, r.body.decode("utf-8", "replace")]) for r in seen))
    assert reply.status == 0, explain
    assert len(model.tools) >= 5 and len(model.results) == len(model.steps) - 1, explain
    check_work(s, work, model, explain)
    check_key(s, kind, seen, host, header, prefix, work, explain)
    check_hold(s, model, state, explain)
    return model


def check_work(s, work, model, explain):
    assert "status: draft" in model.results[0], explain
    assert (work / "notes.md").read_text() == "# Notes\nstatus: reviewed\n", explain
    assert "hello from the package" in model.results[2] and (work / "node_modules" / PACKAGE / "index.js").exists(), explain
    assert f"/{PACKAGE}" in s.registry.fetched, explain
    assert git(work, "log", "--format=%s") == "review the notes\nbegin\n" and "Agent" in model.results[3], explain
    assert git(work, "show", "HEAD:notes.md") == "# Notes\nstatus: reviewed\n", explain
    assert (work / "part" / ".git").is_dir() and "a part" in model.results[4], explain


def check_key(s, kind, seen, host, header, prefix, work, explain):
    """The provider was asked with the real key; the room held a phantom of it."""
    asked = [r for r in seen if r.headers["host"] == host and r.method == "POST"]
    assert asked and all(r.headers.get(header) == prefix + KEYS[kind] for r in asked), explain
    inside = (work / "seen.txt").read_text(errors="replace")
    assert "INTERLOCK_SESSION=" in inside, explain
    bodies = b"\n".join(r.body for r in seen).decode("utf-8", "replace")
    for key in KEYS.values():
        assert key not in inside and key not in bodies, "a real key was in the room"
    assert not [t for t in s.seed.tokens.values() if t in inside], "a real token was in the room"
    assert s.find_secrets(KEYS.values()) == []


def check_hold(s, model, state, explain):
    match = re.search(r"INTERLOCK HOLD (h-[0-9a-z]+)", model.results[-1])
    assert match, explain
    assert match[1] in [h["id"] for h in s.holds()], (s.holds(), explain)
    assert s.railsim.requests("volumeDelete") == [] and s.railsim.state()["projects"] == state["projects"], explain
    assert s.must("ledger", "verify").status == 0


def test_claude_code_works_in_a_room_and_its_deletion_is_held():
    model = drive("claude", ["-p", PROMPT, "--dangerously-skip-permissions"], "anthropic-key", ANTHROPIC, "x-api-key")
    assert {"Read", "Edit", "Bash"} <= set(model.tools), model.tools


def test_codex_works_in_a_room_and_its_deletion_is_held():
    model = drive("codex", ["exec", "--skip-git-repo-check", PROMPT], "openai-key", OPENAI, "authorization", "Bearer ")
    assert {"exec"} == set(model.tools), model.tools


def test_gemini_cli_works_in_a_room_and_its_deletion_is_held():
    settings = json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}})
    model = drive("gemini", ["-p", PROMPT, "--yolo", "--skip-trust"], "gemini-key", GEMINI, "x-goog-api-key", home={".gemini/settings.json": settings})
    assert {"read_file", "replace", "run_shell_command"} <= set(model.tools), model.tools


def test_opencode_works_in_a_room_and_its_deletion_is_held():
    own = json.dumps({"permission": {"external_directory": "allow"}})  # it would ask about /proc, and nobody is there
    model = drive("opencode", ["run", "-m", "anthropic/claude-sonnet-4-5", PROMPT], "anthropic-key", ANTHROPIC, "x-api-key",
                  home={".config/opencode/opencode.json": own})
    assert {"read", "edit", "bash"} <= set(model.tools), model.tools


AS_ANYBODY = [name for name in list(globals()) if name.startswith("test_")]


def test_they_work_as_a_normal_user():
    run_as_normal_user(__file__, AS_ANYBODY)
