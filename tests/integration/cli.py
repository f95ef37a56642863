"""The command line's contract: exit statuses, usage errors, JSON, help, configuration errors."""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess

from harness import BIN, INTERLOCK, RAILSIM, ROOT, Reply, Session, Stage, every, shared
from wire import wait_until


def stage():
    return shared(Stage)


def run(*words, env=None, input=b""):
    done = subprocess.run([INTERLOCK, *map(str, words)], input=input, capture_output=True, env={**os.environ, **(env or {})}, check=False)
    return Reply(done)


def commands():
    names = []
    for line in run("--help").out.splitlines():
        match = re.match(r"  ([a-z]+(?: [a-z]+)?)  ", line)
        if match:
            names.append(match[1])
    assert len(names) > 20, names
    return names


def one_line(reply):
    lines = reply.err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("interlock: "), reply.err
    return lines[0]


def test_every_command_has_help_with_an_example():
    def helps(name):
        reply = run(*name.split(), "--help")
        assert reply.status == 0 and not reply.err, reply
        assert reply.out.startswith(f"usage: interlock {name}"), reply.out[:80]
        assert "example:\n  interlock " in reply.out, reply.out

    every(commands(), helps)


def test_the_commands_of_this_version_are_all_there():
    names = commands()
    for name in ("run", "status", "holds", "show", "approve", "reject", "wait", "demo", "gateway", "gateway stop", "approver add",
                 "approver list", "vault add", "vault list", "policy check", "pack check", "pack list", "ledger verify", "ledger prove",
                 "ledger export", "ledger checkpoint"):
        assert name in names, name


def test_usage_errors_are_status_2_with_one_line():
    cases = [
        (("explode",), "explode"), (("stauts",), "status"), (("holds", "--sate", "x"), "--state"), (("show",), "show"),
        (("show", "a", "b"), "show"), (("approve",), "approve"), (("approve", "h", "--key"), "--key"), (("wait",), "wait"),
        (("wait", "h-1", "--timeout", "soon"), "--timeout"), (("reject", "h-1"), "--reason"), (("vault", "add"), "vault add"),
        (("vault", "add", "x"), "--provider"), (("approver", "add", "x"), "--ssh-key"), (("run",), "run"), (("run", "--"), "run"),
        (("ledger", "prove"), "prove"), (("--frobnicate",), "--frobnicate"), (("status", "--", "x"), "--"), (("completion", "fish"), "bash"),
    ]

    def usage(words, named):
        reply = run("--state", "/nonexistent/interlock", *words)
        assert reply.status == 2, reply
        assert named in one_line(reply), reply.err
        assert not reply.out

    every(cases, usage)


def test_a_misspelt_word_is_answered_with_the_nearest():
    assert 'did you mean "status"' in run("stauts").err
    assert 'did you mean "--state"' in run("holds", "--sate", "x").err


def test_version_and_completion_print():
    assert re.fullmatch(r"interlock \d+\.\d+\.\d+\n", run("--version").out)
    assert "complete" in run("completion", "bash").out
    assert run("completion", "man").out.startswith(".TH INTERLOCK 1")
    script = run("completion", "bash").out
    assert subprocess.run(["bash", "-n"], input=script.encode(), capture_output=True, check=False).returncode == 0


def test_global_options_stand_before_or_after_the_command():
    s = stage()
    where = ("--state", s.state, "--config", s.config)
    answers = [run("--json", *where, "status"), run("status", "--json", *where), run(*where, "status", "--json"),
               run("status", f"--state={s.state}", f"--config={s.config}", "--json")]
    assert {a.status for a in answers} == {0}, answers
    assert len({a.json["gateway"]["pid"] for a in answers}) == 1
    lists = [run("--json", *where, "vault", "list"), run("vault", "--json", "list", *where), run("vault", "list", *where, "--json")]
    assert {a.status for a in lists} == {0} and len({a.out for a in lists}) == 1, lists


def test_holds_keeps_its_own_state_option_apart_from_the_global_one():
    s = stage()
    with s.session() as session:
        hold = session.hold_on(s.seed.volumes["pg-data"])
        for words in (("holds", "--state", "pending", "--json"), ("--json", "holds", "--state", "all"), ("holds", "--json")):
            reply = s.interlock(*words)
            assert reply.status == 0 and hold in [h["id"] for h in reply.json], (words, reply)
        assert hold not in [h["id"] for h in s.must("holds", "--state", "executed", "--json").json]
        assert s.interlock("holds", "--state", "sleeping").status == 1


def test_status_names_every_weakness_with_a_remedy():
    status = stage().status()
    assert status["gateway"]["pid"] > 0 and re.fullmatch(r"\d+\.\d+\.\d+", status["gateway"]["version"])
    assert re.fullmatch(r"127\.0\.0\.1:\d+", status["gateway"]["proxy"])
    assert status["halted"] is False and isinstance(status["sessions"], list) and "pending" in status["holds"]
    names = {w["name"] for w in status["weaknesses"]}
    assert "no-witness" in names
    assert all(w["means"] and w["remedy"] for w in status["weaknesses"])


def test_status_lists_running_sessions():
    s = stage()
    with s.session(agent="claude") as session:
        mine = [x for x in s.status()["sessions"] if x["session"] == session.id]
        assert mine and mine[0]["environment"] == "staging" and mine[0]["agent"] == "claude"
    wait_until(lambda: session.id not in [x["session"] for x in s.status()["sessions"]], "the session's end")


def test_failures_are_status_1_with_one_line():
    s = stage()
    every([("show", ("show", "h-0000000000")), ("approve", ("approve", "h-0000000000", "--key", s.key)),
           ("reject", ("reject", "h-0000000000", "--reason", "x")), ("wait", ("wait", "h-0000000000")),
           ("vault", ("vault", "remove", "nobody")),
           ("key", ("approver", "add", "bob", "--ssh-key", s.dir / "nothing.pub"))], lambda label, words: _fails(s, words))


def _fails(s, words):
    reply = s.interlock(*words)
    assert reply.status == 1, reply
    one_line(reply)
    assert not reply.out


def test_wait_is_status_3_while_it_is_pending():
    s = stage()
    with s.session() as session:
        hold = session.hold_on(s.new_volume())
        reply = s.interlock("wait", hold, "--timeout", "50ms", "--json")
        assert reply.status == 3 and reply.json == {**reply.json, "hold": hold, "state": "pending"}, reply
        assert s.must("reject", hold, "--reason", "no").status == 0
        assert s.interlock("wait", hold, "--timeout", "1s").status == 4
        assert s.interlock("approve", hold, "--key", s.key, "--digest", "00").status == 4


def test_output_is_plain_where_nobody_looks():
    s = stage()
    with s.session() as session:
        session.hold_on(s.seed.volumes["pg-data"])
        for words in (("status",), ("holds",), ("vault", "list"), ("approver", "list"), ("ledger", "verify")):
            reply = s.must(*words)
            assert "\033" not in reply.out + reply.err and "\r" not in reply.out + reply.err, words


def test_commands_at_once_start_one_gateway():
    with Stage(railsim=False, approver=False) as s:
        s.must("gateway", "stop")
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            pids = list(pool.map(lambda _: s.must("status", "--json").json["gateway"]["pid"], range(6)))
        s.note_gateway()
        assert len(set(pids)) == 1, pids


def test_a_second_gateway_on_the_same_state_refuses():
    s = stage()
    reply = s.interlock("gateway")
    assert reply.status == 1 and "another gateway" in one_line(reply), reply


def test_a_gateway_that_is_not_there_cannot_be_stopped():
    with Stage(railsim=False, approver=False) as s:
        assert s.interlock("gateway", "stop").status == 0
        reply = s.interlock("gateway", "stop")
        assert reply.status == 1, reply
        one_line(reply)


def test_a_stale_socket_does_not_keep_a_gateway_from_starting():
    with Stage(railsim=False, approver=False) as s:
        s.kill_gateway()
        assert (s.state / "gateway.sock").exists()
        assert s.note_gateway() == s.gateway_pids[-1]
        assert len(s.gateway_pids) == 2


def test_a_state_with_a_foreign_or_missing_key_is_refused_and_left_alone():
    with Stage() as s:
        s.must("gateway", "stop")
        key = s.state / "vault.key"
        kept = key.read_bytes()
        key.unlink()
        reply = s.interlock("status")
        assert reply.status != 0 and "vault" in reply.err, reply
        assert not key.exists(), "a new key was made over an existing vault"
        key.write_bytes(bytes(len(kept)))
        key.chmod(0o600)
        assert s.interlock("status").status != 0
        key.write_bytes(kept)
        key.chmod(0o644)
        reply = s.interlock("status")
        assert reply.status != 0, "a key that everybody may read was accepted"
        key.chmod(0o600)
        assert {e["name"] for e in s.must("vault", "list", "--json").json} == {"scope", "staging"}
        s.note_gateway()


# --- configuration ---


def checked(text, name="interlock.yaml"):
    s = stage()
    path = s.dir / f"check-{os.getpid()}" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return run("policy", "check", path), path


def test_a_good_configuration_is_ok():
    reply, path = checked((stage().config.read_text()).replace("ca/ca.pem", str(stage().authority.pem)))
    assert reply.status == 0 and reply.out.startswith("ok"), reply
    assert run("policy", "check", path, "--json").json["ok"] is True


def test_every_mistake_is_named_by_line_and_column():
    cases = [
        ("version: 1\nenvironments:\n  staging: { aprovals: 1 }\n", 3, 14, 'did you mean "approvals"'),
        ("version: 1\ngatway: {}\n", 2, 1, 'did you mean "gateway"'),
        ("version: 1\nrules:\n  - { name: a, when: { effekt: read }, then: allow }\n", 3, 24, 'did you mean "effect"'),
        ("version: 1\nrules:\n  - { name: a, then: alow }\n", 3, 22, "allow"),
        ("version: 1\ngateway:\n  limits: { header: much }\n", 3, 21, "much"),
        ("version: 2\n", 1, 10, "version"),
        ("version: 1\nversion: 1\n", 2, 1, "version"),
        ("version: 1\nsessions:\n  default: { environment: nowhere }\n", 3, 27, "nowhere"),
        ("version: 1\nenvironments:\n  production: { disposable: true }\n", 3, None, "production"),
        ("version: 1\nrules: {\n", None, None, ""),
    ]

    def named(text, line, column, word):
        reply, path = checked(text)
        assert reply.status == 1, reply
        first = reply.err.splitlines()[0]
        if line and column:
            assert f"{path}:{line}:{column}: " in first, first
        elif line:
            assert f"{path}:{line}:" in first, first
        assert word in reply.err, reply.err

    every(cases, named)


def test_all_mistakes_of_a_file_are_reported_at_once():
    reply, _ = checked("version: 1\ngatway: {}\nenvironments:\n  staging: { aprovals: 1 }\nrulez: []\n")
    assert len(reply.err.splitlines()) == 3, reply.err
    report = checked("version: 1\ngatway: {}\nrulez: []\n")
    assert report[0].status == 1
    problems = run("policy", "check", report[1], "--json").json["problems"]
    assert [(p["line"], p["column"]) for p in problems] == [(2, 1), (3, 1)], problems


def test_a_gateway_does_not_start_on_a_bad_configuration():
    with Stage(railsim=False, approver=False) as s:
        s.must("gateway", "stop")
        good = s.config.read_text()
        s.config.write_text(good + "rulez: []\n")
        reply = s.interlock("status")
        assert reply.status == 1 and 'did you mean "rules"' in one_line(reply), reply
        s.config.write_text(good)
        s.note_gateway()


def test_a_reload_of_a_bad_configuration_keeps_the_old_one():
    import signal
    with Stage(railsim=False, approver=False) as s, s.session() as session:
        good = s.config.read_text()
        s.config.write_text(good.replace("egress: [", 'egres: ['))
        os.kill(s.note_gateway(), signal.SIGHUP)
        log = s.state / "gateway.log"
        wait_until(lambda: "not reloaded" in log.read_text(), "the refusal in the log")
        assert session.get("plain.test").status == 200
        with s.session() as another:
            assert another.get("plain.test").status == 200


def test_a_file_that_allows_more_than_the_standard_is_the_operators_choice_and_is_recorded():
    with Stage(railsim=False, approver=False) as s:
        first = next(e for e in s.ledger() if e["type"] == "gateway-start")["policy"]
        s.must("gateway", "stop")
        s.config.write_text(s.config.read_text() + "rules:\n  - { name: all, then: hold }\n")
        s.note_gateway()
        starts = [e for e in s.ledger() if e["type"] == "gateway-start"]
        assert starts[-1]["policy"] != first


# --- the workspace's own file ---


def workspace(text):
    s = stage()
    path = pathlib.Path(s.dir) / f"workspace-{os.getpid()}"
    path.mkdir(exist_ok=True)
    (path / "interlock.yaml").write_text(text)
    return s, path


def test_a_workspace_file_that_allows_is_refused():
    cases = [
        ("allow", "version: 1\nrules:\n  - { name: mine, when: { effect: irreversible }, then: allow }\n", ":3:"),
        ("egress", "version: 1\nsessions:\n  default: { egress: [evil.example] }\n", ":2:"),
        ("environments", "version: 1\nenvironments:\n  production: { approvals: 1 }\n", ":2:"),
        ("upstreams", "version: 1\ngateway: { upstreams: [] }\n", ":2:"),
        ("not YAML", "version: 1\nrules: [\n", ""),
    ]

    def refused(label, text, where):
        s, path = workspace(text)
        before = len(s.status()["sessions"])
        try:
            Session(s, workspace=path).close()
        except AssertionError as error:
            assert f"interlock.yaml{where}" in str(error), error
        else:
            raise AssertionError("a session was started")
        assert len(s.status()["sessions"]) == before

    every(cases, refused)


def test_a_workspace_file_can_make_things_stricter():
    s, path = workspace("version: 1\nrules:\n  - { name: no-variables, when: { operation: railway.variableUpsert }, then: deny }\n")
    mutation = 'mutation { variableUpsert(input: {projectId: "%s", environmentId: "%s", name: "LOG_LEVEL", value: "b"}) }' % (
        s.seed.project, s.seed.environments["staging"])
    before = len(s.railsim.applied("variableUpsert"))
    with s.session(workspace=path) as session:
        answer = session.graphql(mutation)
        assert answer.denied, answer
    assert len(s.railsim.applied("variableUpsert")) == before
    recorded = [e for e in s.ledger() if e["type"] == "workspace-policy" and e["session"] == session.id]
    assert len(recorded) == 1 and re.fullmatch(r"[0-9a-f]{64}", recorded[0]["sha256"])


def test_a_session_wants_an_environment_that_exists():
    s = stage()
    try:
        Session(s, environment="prodution").close()
    except AssertionError as error:
        assert "prodution" in str(error) and "production" in str(error), error
    else:
        raise AssertionError("a session was started")


# --- packs ---


def test_the_packs_that_are_shipped_pass_their_own_examples():
    every(sorted(p.parent.name for p in (ROOT / "packs").glob("*/pack.yaml")),
          lambda name: _checks(run("pack", "check", ROOT / "packs" / name, "--json"), name))


def _checks(reply, name):
    assert reply.status == 0, reply
    assert reply.json[0]["pack"] == name and reply.json[0]["ok"] and reply.json[0]["examples"] > 0, reply


def test_a_pack_whose_example_is_wrong_fails():
    s = stage()
    copy = s.dir / f"packs-{os.getpid()}" / "railway"
    shutil.copytree(ROOT / "packs" / "railway", copy, dirs_exist_ok=True)
    examples = copy / "examples.yaml"
    examples.write_text(examples.read_text().replace("effect: irreversible", "effect: read", 1))
    reply = run("pack", "check", copy)
    assert reply.status == 1 and "a volume is deleted" in reply.err, reply
    (copy / "pack.yaml").write_text("pack: railway\napis: 3\n")
    reply = run("pack", "check", copy)
    assert reply.status == 1 and "pack.yaml" in reply.err, reply


def test_packs_beside_the_binary_are_the_ones_in_use():
    assert run("pack", "check").status == 0
    listed = run("pack", "list", "--json").json
    railway = next(p for p in listed if p["pack"] == "railway")
    assert "backboard.railway.com" in railway["hosts"]


# --- railsim ---


def test_railsim_lists_a_seeded_world_without_a_server():
    s = stage()
    target = s.dir / f"rail-{os.getpid()}"
    shutil.copytree(s.railsim.dir, target)
    done = subprocess.run([RAILSIM, "--list-state", "--state", target], capture_output=True, check=False)
    world = json.loads(done.stdout)
    project = world["projects"][0]
    assert [e["name"] for e in project["environments"]] == ["production", "staging", "pr-17"]
    assert [e["ephemeral"] for e in project["environments"]] == [False, False, True]
    assert {v["name"] for v in project["volumes"]} >= {"pg-data", "uploads", "cache", "pr-data"}
    assert {t["name"]: t["kind"] for t in world["tokens"]} == {
        "domains-cli": "account", "scope-reader": "account", "staging-deploy": "project", "production-deploy": "project"}


def test_railsim_usage_errors_are_status_2():
    for words in ([], ["--listen", "nowhere"], ["--state"], ["--mode", "soft", "--state", "/x"], ["--seed", "other", "--state", "/x"], ["--frob", "x"]):
        done = subprocess.run([RAILSIM, *words], capture_output=True, check=False)
        assert done.returncode == 2 and done.stderr, (words, done)
    assert BIN == RAILSIM.parent
