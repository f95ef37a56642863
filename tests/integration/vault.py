"""The vault: where its key is kept, values that it doesn't keep itself, lends that end, wide ones."""
import contextlib
import datetime
import json
import os
import pathlib
import pty
import resource
import select
import shutil
import subprocess
import threading

from harness import API, BIN, DEADLINE, INTERLOCK, ODD, PROJECT, Skip, Stage, shared, wait_until

READ = "query { projects { edges { node { id } } } }"
PASSPHRASE = "correct horse battery"


def bare_stage():
    """No provider, no credentials: for what concerns the gateway and its key alone."""
    return Stage(railsim=False, vault=False, approver=False)


def make_stage():
    s = Stage(vault=False, odd=None)
    s.vault("scope", "scope-reader", "production", "account", "--for", "scope")
    s.secrets = s.dir / "secrets"
    s.secrets.mkdir(mode=0o700)
    return s


def stage():
    return shared(make_stage)


def add(s, name, *words, **more):
    return s.interlock("vault", "add", name, "--provider", "railway", "--environment", "staging", *words, **more)


def must_add(s, name, *words, **more):
    reply = add(s, name, *words, **more)
    assert reply.status == 0, reply
    return reply


@contextlib.contextmanager
def lent(s, name, *words, **more):
    """The only lend of staging, for as long as the test lasts."""
    must_add(s, name, *words, **more)
    try:
        yield
    finally:
        s.must("vault", "remove", name)


def ask(session):
    """A read that goes to a provider which records what it is sent."""
    return session.graphql(READ, headers={PROJECT: session.phantom}, host=ODD)


def arrived(s):
    return s.odd.requests[-1].headers.get(PROJECT)


def entries(s, kind, name):
    return [e for e in s.ledger() if e["type"] == kind and e.get("entry") == name]


def weakness(s, name):
    return [w for w in s.status()["weaknesses"] if w["name"] == name]


def script(s, name, text):
    path = s.secrets / name
    path.write_text(text)
    return f"/bin/sh {path}"


# --- the key ---

def stop(s):
    s.must("gateway", "stop")


@contextlib.contextmanager
def gateway(s, *words):
    """A gateway in the foreground, once it answers."""
    process = subprocess.Popen([str(INTERLOCK), "--state", str(s.state), "--config", str(s.config), "gateway", *words],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                               env={**os.environ, **s.env}, start_new_session=True)
    try:
        line = process.stderr.readline().decode()
        yield process, line
    finally:
        process.terminate()
        process.wait(timeout=DEADLINE)
        process.stderr.close()


def test_a_second_gateway_is_told_which_process_has_the_state():
    with bare_stage() as s:
        pid = s.note_gateway()
        done = s.interlock("gateway")
        assert done.status == 1 and f"process {pid}" in done.err, done
        # The same by another way in: the vault itself says who has it.
        moved = s.interlock("vault", "key", "--keep", "file")
        assert moved.status == 1 and f"process {pid}" in moved.err, moved


def test_a_passphrase_opens_the_vault_and_a_wrong_one_changes_nothing():
    with bare_stage() as s:
        right, wrong = s.dir / "right", s.dir / "wrong"
        right.write_text(PASSPHRASE + "\n")
        wrong.write_text("incorrect horse\n")
        assert s.must("vault", "key").out == "the vault's key is kept: file\n"
        stop(s)
        s.must("vault", "key", "--keep", "passphrase", "--new-passphrase-file", right)
        assert s.must("vault", "key", "--json").json == {"kept": "passphrase"}
        assert not (s.state / "vault.key").exists()
        before = {p.name: p.read_bytes() for p in s.state.iterdir() if p.name.startswith("vault.k")}
        with gateway(s, "--passphrase-file", str(wrong)) as (process, line):
            assert "passphrase is wrong; nothing was changed" in line, line
            assert process.wait(timeout=DEADLINE) == 5
        refused = s.interlock("vault", "key", "--keep", "file", "--passphrase-file", wrong)
        assert refused.status == 5, refused
        assert {p.name: p.read_bytes() for p in s.state.iterdir() if p.name.startswith("vault.k")} == before
        with gateway(s, "--passphrase-file", str(right)) as (_, line):
            assert "gateway ready" in line, line
            assert s.interlock("vault", "list").status == 0
        s.must("vault", "key", "--keep", "file", "--passphrase-file", right)
        assert s.must("vault", "key").out == "the vault's key is kept: file\n"


def on_terminal(s, words, answers):
    """Runs a command on a terminal of its own and answers what it asks; what it printed, and its status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(s.env)
        os.execv(str(INTERLOCK), [str(INTERLOCK), "--state", str(s.state), "--config", str(s.config), *words])
    said, waiting = b"", list(answers)
    try:
        while select.select([terminal], [], [], 60)[0]:
            try:
                piece = os.read(terminal, 4096)
            except OSError:
                break
            if not piece:
                break
            said += piece
            if waiting and said.endswith(b": "):
                os.write(terminal, waiting.pop(0).encode() + b"\n")
    finally:
        os.close(terminal)
    return said.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_passphrase_is_asked_for_on_the_terminal_and_not_shown():
    with bare_stage() as s:
        stop(s)
        said, status = on_terminal(s, ["vault", "key", "--keep", "passphrase"], [PASSPHRASE, "something else"])
        assert status == 1 and "differ; nothing was changed" in said, said
        said, status = on_terminal(s, ["vault", "key", "--keep", "passphrase"], [PASSPHRASE, PASSPHRASE])
        assert status == 0, said
        assert PASSPHRASE not in said
        # Without a terminal a command can't start the gateway, and says what can.
        done = s.interlock("status", "--json", start_new_session=True)
        assert done.status == 4 and "--passphrase-file" in done.err, done
        said, status = on_terminal(s, ["vault", "list"], [PASSPHRASE])
        assert status == 0 and "NAME" in said, said
        s.note_gateway()
        assert not s.find_secrets([PASSPHRASE], said)


def test_the_desktops_keyring_keeps_the_key():
    for program in ("dbus-run-session", "gnome-keyring-daemon"):
        if shutil.which(program) is None:
            raise Skip(f"{program} is not installed")
    if not (BIN / "interlock-keyring").exists():
        raise Skip("this build has no interlock-keyring")
    with bare_stage() as s:
        stop(s)
        (s.state / "vault.key").unlink()
        (s.state / "ca.key").unlink()
        (s.state / "ledger.key").unlink()
        shutil.rmtree(s.state / "ledger")
        home = s.dir / "home"
        home.mkdir(mode=0o700)
        i = f"{INTERLOCK} --state {s.state} --config {s.config}"
        done = subprocess.run(
            ["dbus-run-session", "--", "/bin/sh", "-c",
             "printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; "
             f"{i} vault list && {i} vault key && {i} gateway stop && {i} vault list && {i} gateway stop && "
             f"{i} vault key --keep file && {i} vault key && {i} vault key --keep keyring && {i} vault key"],
            env={"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}, capture_output=True,
            check=False, timeout=110)
        out = done.stdout.decode()
        assert done.returncode == 0, (out, done.stderr.decode())
        kept = [line.rsplit(" ", 1)[1] for line in out.splitlines() if line.startswith("the vault's key")]
        # Said by the commands that moved it, too.
        assert kept == ["keyring", "file", "file", "keyring", "keyring"], out
        assert not (s.state / "vault.key").exists()
        # Outside that session nothing opens it, and the error says so.
        refused = s.interlock("vault", "list")
        assert refused.status == 1 and "no desktop session is reached" in refused.err, refused


def test_the_gateway_writes_no_core_and_locks_what_is_secret():
    with bare_stage() as s:
        pid = s.note_gateway()
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert any(line.split()[4:6] == ["1", "1"] for line in limits.splitlines() if line.startswith("Max core file size")), limits
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        locked = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmLck"))
        assert locked > 0, status
        # Not dumpable: the kernel gives its files in /proc to root.
        assert os.stat(f"/proc/{pid}/environ").st_uid == 0


def test_a_gateway_whose_caller_allows_no_core_files_starts_and_keeps_that():
    with bare_stage() as s:
        s.must("gateway", "stop")
        reply = s.interlock("status", "--json", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
        assert reply.status == 0, reply
        limits = pathlib.Path(f"/proc/{s.note_gateway()}/limits").read_text()
        assert any(line.split()[4:6] == ["0", "0"] for line in limits.splitlines() if line.startswith("Max core file size")), limits


# --- sources ---

def test_a_commands_token_is_used_and_seen_by_nobody():
    s = stage()
    real = "11111111-2222-4333-8444-555555555555"
    command = script(s, "print", 'printf \'{"value":"%s","expires_in":3600}\' ' + real + '\n')
    with lent(s, "printed", "--from-command", command), s.session() as session:
        assert session.phantom != real and len(session.phantom) == len(real)
        answer = ask(session)
        assert answer.status == 200, answer
        assert arrived(s) == real
        renewed = entries(s, "credential-renewed", "printed")
        assert len(renewed) == 1 and renewed[0]["source"] == "command" and renewed[0]["expires"], renewed
        assert not s.find_secrets([real], *session.received)
        listed = s.must("vault", "list", "--json").json
        assert [e["source"] for e in listed if e["name"] == "printed"] == ["command"]


def test_a_command_is_run_once_for_everybody_who_waits():
    s = stage()
    log, go = s.secrets / "runs", s.secrets / "go"
    go.write_text("")
    command = script(s, "slow", f"echo run >> {log}\nwhile ! test -e {go}; do sleep 0.05; done\n"
                     "printf '{\"value\":\"11111111-2222-4333-8444-aaaaaaaaaaaa\",\"expires_in\":3600}'\n")
    with lent(s, "slow", "--from-command", command), s.session() as session:
        assert ask(session).status == 200
        # Added again: the value is gone, and the same phantom stands for the new one.
        go.unlink()
        must_add(s, "slow", "--from-command", command)
        runs = len(log.read_text().splitlines())
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(ask(session).status)) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(log.read_text().splitlines()) > runs, "the command's start")
        go.write_text("")
        for thread in threads:
            thread.join(DEADLINE)
        assert answers == [200] * 8, answers
        assert len(log.read_text().splitlines()) == runs + 1


def test_a_source_that_fails_is_named_to_the_agent_the_record_and_the_human():
    s = stage()
    works = s.secrets / "works"
    works.write_text("")
    command = script(s, "fails", f"test -e {works} || exit 3\nprintf '11111111-2222-4333-8444-bbbbbbbbbbbb'\n")
    with lent(s, "flaky", "--from-command", command), s.session() as session:
        assert ask(session).status == 200
        works.unlink()
        must_add(s, "flaky", "--from-command", command)
        before = len(s.odd.requests)
        answer = ask(session)
        assert answer.denied and "the lend flaky has no value" in answer.message and "status 3" in answer.message, answer.message
        assert len(s.odd.requests) == before, "something was sent without its credential"
        assert "status 3" in entries(s, "lend-failed", "flaky")[-1]["why"]
        assert weakness(s, "lend-flaky"), s.status()["weaknesses"]
        works.write_text("")
        wait_until(lambda: ask(session).status == 200 and not ask(session).denied, "the source's recovery")
        assert not weakness(s, "lend-flaky")


def test_a_value_is_not_used_beyond_its_expiry():
    s = stage()
    first = s.secrets / "first"
    first.write_text("")
    command = script(s, "once", f"test -e {first} || exit 3\nrm {first}\n"
                     "printf '{\"value\":\"11111111-2222-4333-8444-cccccccccccc\",\"expires_in\":2}'\n")
    with lent(s, "brief", "--from-command", command), s.session() as session:
        assert ask(session).status == 200
        refused = []

        def is_over():
            refused.append(ask(session))
            return refused[-1].denied

        wait_until(is_over, "the expiry")
        assert "the credential of the lend brief expired at" in refused[-1].message, refused[-1].message


def test_a_lend_that_fails_at_the_start_leaves_the_session_its_other_work():
    s = stage()
    with lent(s, "absent", "--from-env", "NO_SUCH_VARIABLE_OF_THE_GATEWAY"), s.session() as session:
        assert "RAILWAY_TOKEN" not in session.variables
        assert session.get("plain.test", "/").status == 200
        record = [e for e in s.ledger() if e["type"] == "not-lent" and e["session"] == session.id]
        assert record and "NO_SUCH_VARIABLE_OF_THE_GATEWAY" in record[0]["why"], record


def test_a_file_that_is_renewed_is_used_at_once_and_the_phantom_stays():
    s = stage()
    path = s.secrets / "token"
    values = ["11111111-2222-4333-8444-dddddddddddd", "11111111-2222-4333-8444-eeeeeeeeeeee"]
    path.write_text(values[0] + "\n")
    path.chmod(0o600)
    with lent(s, "filed", "--from-file", path), s.session() as session:
        for value in values:
            path.write_text(value + "\n")
            assert ask(session).status == 200
            assert arrived(s) == value
            # Both values are known for what they are, wherever they stand.
            assert session.get("plain.test", "/x", {"X-Note": value}).denied
        # A file that others could have written to, or that is gone, lends nothing any more.
        path.chmod(0o666)
        answer = ask(session)
        assert answer.denied and "others may write to it" in answer.message, answer
        assert weakness(s, "lend-filed")


def test_a_file_in_reach_of_an_agent_is_no_source():
    s = stage()
    work = s.dir / "reachable"
    work.mkdir(exist_ok=True)
    path = work / "token"
    path.write_text("11111111-2222-4333-8444-ffffffffffff\n")
    path.chmod(0o600)
    with s.session(workspace=work), lent(s, "reachable", "--from-file", path), s.session() as session:
        assert "RAILWAY_TOKEN" not in session.variables
        assert "where an agent may write" in entries(s, "lend-failed", "reachable")[-1]["why"]


# --- times ---

def test_a_lend_ends_when_its_time_is_over_and_says_which():
    s = stage()
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    with lent(s, "short", "--until", until.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
              input=s.seed.tokens["staging-deploy"].encode()), s.session() as session:
        assert ask(session).status == 200
        refused = []

        def is_over():
            refused.append(ask(session))
            return refused[-1].denied

        wait_until(is_over, "the lend's end")
        assert "the lend short ended at" in refused[-1].message, refused[-1].message
        before = len(s.odd.requests)
        ask(session)
        assert len(s.odd.requests) == before
        assert weakness(s, "ended-short")
        # What would be held is not held for a lend that is over.
        assert session.delete_volume("11111111-2222-4333-8444-000000000000").denied
        with s.session() as later:
            assert "RAILWAY_TOKEN" not in later.variables


def test_an_end_that_is_none_is_refused():
    s = stage()
    for text in ("yesterday", "0h", "8", "2020-01-01T00:00:00Z", "-1h"):
        done = add(s, "x", "--until", text, input=b"some-long-value")
        assert done.status in (1, 2), (text, done)
    assert not [e for e in s.must("vault", "list", "--json").json if e["name"] == "x"]


# --- wide ---

def test_a_wide_credential_is_lent_only_by_name_and_shows_everywhere():
    with Stage(vault=False) as s:
        s.vault("scope", "scope-reader", "production", "account", "--for", "scope")
        token = s.seed.tokens["domains-cli"].encode()
        refused = add(s, "everything", "--kind", "account", input=token)
        assert refused.status == 4 and "--wide" in refused.err and "project" in refused.err, refused
        must_add(s, "everything", "--kind", "account", "--wide", input=token)
        assert weakness(s, "wide-everything")
        volume = s.new_volume()
        with s.session() as session:
            answer = session.graphql('mutation { volumeDelete(volumeId: "%s") }' % volume,
                                     headers={"authorization": "Bearer " + session.variables["RAILWAY_API_TOKEN"]})
            assert answer.hold, answer
            shown = s.show(answer.hold)
            said = "executed with everything, a WIDE credential"
            assert said in shown["reason"], shown
            assert said in " ".join(s.must("show", answer.hold).out.split())
            assert said.encode() in s.must("show", answer.hold, "--statement").raw


def test_a_source_is_named_once_and_wholly():
    s = stage()
    for words in (["--from-env", "A", "--from-file", "/x"], ["--field", "a.b"], ["--term", "a=b"], ["--from-file", "relative"],
                  ["--from-command", "x", "--term", "a=b"], ["--until", "soon"]):
        done = add(s, "x", *words, input=b"some-long-value")
        assert done.status == 2, (words, done)
