"""`interlock run --mode live|review` and `interlock workspace`: what an agent leaves in a workspace, and how it is taken back."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

from harness import INTERLOCK, Skip, Stage, shared
from wire import wait_until

STRIPE = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dcAbCdEf"


def make_stage():
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")
    s = Stage()
    s.home = s.dir / "home"
    s.home.mkdir()
    return s


def stage():
    return shared(make_stage)


def project(name):
    """A fresh workspace: a repository with one commit and a credential file."""
    work = stage().dir / name
    work.mkdir()
    (work / "README").write_text("one\ntwo\n")
    (work / ".gitignore").write_text(".env\n")
    (work / ".env").write_text(f"PORT=8080\nSTRIPE_KEY={STRIPE}\nRAILWAY_TOKEN={stage().seed.tokens['staging-deploy']}\n")
    git = ["git", "-C", work, "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    return work


def run(work, script, *words, env=None, quiet=False):
    s = stage()
    reply = s.interlock("run", "--workspace", work, *(["--quiet"] if quiet else []), *words, "--", "sh", "-c",
                        "echo $INTERLOCK_SESSION; " + script, cwd=work, env={"HOME": str(s.home), **(env or {})})
    reply.session = reply.out.split("\n", 1)[0].strip()
    return reply


def needs_restic():
    if shutil.which("restic") is None:
        raise Skip("restic is not installed")


def names(work):
    return sorted(p.name for p in work.iterdir())


def test_live_edits_are_counted_shown_and_undone():
    needs_restic()
    work = project("undo")
    before = names(work)
    reply = run(work, "echo new > made; echo changed > README; mkdir -p d; echo all: > d/Makefile; rm .gitignore")
    assert reply.status == 0 and "recovery point taken" in reply.err, reply
    assert "2 added, 1 changed, 1 removed (1 file that tools run)" in reply.err, reply.err
    diff = stage().must("workspace", "diff", reply.session).out
    assert re.search(r"added +made", diff) and re.search(r"changed +README", diff) and re.search(r"removed +\.gitignore", diff), diff
    assert re.search(r"d/Makefile +! runs at a build", diff), diff
    refused = stage().interlock("workspace", "undo", reply.session)
    assert refused.status == 4 and (work / "made").exists(), refused
    stage().must("workspace", "undo", reply.session, "--yes")
    assert names(work) == before and (work / "README").read_text() == "one\ntwo\n"


def test_undo_follows_no_link_out_of_the_workspace():
    needs_restic()
    work = project("links")
    (work / "conf").mkdir()
    (work / "conf" / "a").write_text("before\n")
    outside = stage().dir / "outside"
    outside.mkdir()
    (outside / "a").write_text("mine\n")
    reply = run(work, f"rm -r conf; ln -s {outside} conf")
    assert reply.status == 0, reply
    assert "leads out of the workspace" in stage().must("workspace", "diff", reply.session).out
    stage().must("workspace", "undo", reply.session, "--yes")
    assert (outside / "a").read_text() == "mine\n" and not (work / "conf").is_symlink()
    assert (work / "conf" / "a").read_text() == "before\n"


def test_without_a_recovery_point_it_says_so():
    work = project("none")
    reply = run(work, "echo x > y", "--no-recovery-point")
    assert "NO recovery point" in reply.err, reply.err
    refused = stage().interlock("workspace", "undo", reply.session, "--yes")
    assert refused.status == 1 and "no recovery point" in refused.err and (work / "y").exists(), refused
    bare = stage().dir / "bare-path"
    bare.mkdir(exist_ok=True)
    reply = run(work, "true", env={"PATH": str(bare)})
    assert "restic is not installed" in reply.err or reply.status != 0, reply


def test_reserved_names_are_gone_afterwards():
    work = project("reserved")
    before = names(work)
    reply = run(work, "mkdir .vscode; echo x > .vscode/tasks.json; echo x > .envrc; echo x > .git/hooks/pre-commit; git status --short", "--no-recovery-point")
    assert names(work) == before, names(work)
    assert not (work / ".git" / "hooks" / "pre-commit").exists() and not (work / ".git" / "commondir").exists()
    assert "??" not in reply.out, reply.out


def test_git_works_in_live_mode():
    work = project("git")
    script = ("export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; "
              "echo three >> README && git commit -qam second && git checkout -q -b topic && echo four >> README && git stash -q && "
              "git stash pop -q && git checkout -q -- README && git checkout -q main && git log --format=%s")
    reply = run(work, script, "--no-recovery-point")
    assert reply.status == 0 and "second\nfirst\n" in reply.out, reply
    assert subprocess.run(["git", "-C", work, "fsck"], capture_output=True, check=False).returncode == 0


def test_a_killed_launcher_leaves_nothing_for_long():
    work = project("killed")
    before = names(work)
    s = stage()
    process = subprocess.Popen([INTERLOCK, "--state", s.state, "--config", s.config, "run", "--quiet", "--no-recovery-point", "--workspace", work, "--",
                                "sh", "-c", "echo here > mark; sleep 600"], cwd=work, env={**os.environ, **s.env, "HOME": str(s.home)},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: (work / "mark").exists(), "the command's first line")
    assert (work / ".vscode").is_dir()
    process.send_signal(signal.SIGKILL)
    process.wait()
    (work / "mark").unlink()
    run(project("next"), "true", "--no-recovery-point")
    assert names(work) == before, names(work)


def test_credentials_appear_as_phantoms_in_live_mode():
    work = project("phantoms")
    text = (work / ".env").read_text()
    reply = run(work, "cat .env; echo x >> .env; rm .env; printf '%s' \"$RAILWAY_TOKEN\"", "--no-recovery-point")
    assert STRIPE not in reply.out and stage().seed.tokens["staging-deploy"] not in reply.out, "a real value was shown"
    assert "PORT=8080" in reply.out and re.search(r"STRIPE_KEY=sk_live_\w{30}", reply.out), reply.out
    phantom = re.search(r"(?m)^RAILWAY_TOKEN=(\S+)$", reply.out).group(1)
    assert reply.out.endswith(phantom), "what was lent stands in the file as in the variable"
    assert (work / ".env").read_text() == text and "credential file" in reply.err


def test_review_changes_nothing_until_applied():
    work = project("review")
    before = {p: p.read_bytes() for p in work.rglob("*") if p.is_file()}
    reply = run(work, "echo new > made; echo changed > README; rm .gitignore; mkdir .vscode; echo {} > .vscode/tasks.json", "--mode", "review")
    assert reply.status == 0 and "workspace diff|apply|discard" in reply.err, reply
    assert {p: p.read_bytes() for p in work.rglob("*") if p.is_file()} == before
    listed = json.loads(stage().must("--json", "workspace", "diff", reply.session).out)["changes"]
    assert {(c["path"], c["change"]) for c in listed if not c["directory"]} == {
        ("made", "added"), ("README", "changed"), (".gitignore", "removed"), (".vscode/tasks.json", "added")}, listed
    refused = stage().interlock("workspace", "apply", reply.session)
    assert refused.status == 4 and ".vscode/tasks.json" in refused.err and not (work / "made").exists(), refused
    stage().must("workspace", "apply", reply.session, "--accept", ".vscode/tasks.json")
    assert (work / "made").read_text() == "new\n" and (work / "README").read_text() == "changed\n"
    assert not (work / ".gitignore").exists() and (work / ".vscode" / "tasks.json").exists()
    again = stage().interlock("workspace", "apply", reply.session)
    assert again.status == 1 and "already applied" in again.err, again


def test_apply_refuses_what_changed_meanwhile():
    work = project("conflict")
    reply = run(work, "echo agent > README; echo agent > other", "--mode", "review")
    (work / "README").write_text("human\n")
    refused = stage().interlock("workspace", "apply", reply.session)
    assert refused.status == 1 and "README" in refused.err and "changed meanwhile" in refused.err, refused
    assert (work / "README").read_text() == "human\n" and not (work / "other").exists()
    stage().must("workspace", "discard", reply.session)
    assert stage().interlock("workspace", "apply", reply.session).status == 1


def test_credentials_come_back_when_review_is_applied():
    work = project("secrets")
    reply = run(work, "cat .env; sed -i 's/8080/9090/' .env; echo NEW=1 >> .env", "--mode", "review")
    assert STRIPE not in reply.out, "a real value was shown"
    stage().must("workspace", "apply", reply.session)
    text = (work / ".env").read_text()
    assert f"PORT=9090\nSTRIPE_KEY={STRIPE}\n" in text and text.endswith("NEW=1\n"), "the original value must be back"
    reply = run(work, "sed -i 's/STRIPE_KEY=/MOVED=x/' .env", "--mode", "review")
    refused = stage().interlock("workspace", "apply", reply.session)
    assert refused.status == 1 and ".env:2" in refused.err and STRIPE in (work / ".env").read_text(), refused


def test_an_untouched_credential_file_is_no_change():
    work = project("untouched")
    reply = run(work, "true", "--mode", "review")
    assert json.loads(stage().must("--json", "workspace", "diff", reply.session).out)["changes"] == []


def test_a_socket_in_the_workspace_cannot_be_dialled():
    work = project("socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(work / "s"))
        listener.listen()
        for mode in ("live", "review"):
            reply = run(work, "/usr/bin/python3 -c \"import socket; socket.socket(socket.AF_UNIX).connect('s')\" 2>&1 | tail -1", "--mode", mode, "--no-recovery-point")
            assert "ConnectionRefused" in reply.out or "PermissionError" in reply.out, (mode, reply)


def test_a_socket_in_opt_cannot_be_dialled():
    work = project("opt")
    place = pathlib.Path(f"/opt/interlock-test-{os.getpid()}")
    try:
        place.mkdir()
    except OSError as error:
        raise Skip("nothing can be made in /opt") from error
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(place / "s"))
            listener.listen()
            (place / "tool").write_text("shown\n")
            reply = run(work, f"cat {place}/tool; /usr/bin/python3 -c \"import socket; socket.socket(socket.AF_UNIX).connect('{place}/s')\" 2>&1 | tail -1",
                        "--no-recovery-point")
            assert "shown" in reply.out and "ConnectionRefused" in reply.out, reply
    finally:
        shutil.rmtree(place)


def test_a_link_in_place_of_a_guarded_name_is_refused():
    work = project("guardlink")
    (work / ".vscode").symlink_to("elsewhere")
    reply = run(work, "echo ran", "--no-recovery-point")
    assert reply.status == 4 and ".vscode" in reply.err and "ran" not in reply.out, reply


def test_an_unknown_mode_or_session_is_said_so():
    work = project("words")
    assert run(work, "true", "--mode", "sideways").status == 2
    for session in ("s-00000000", "../x", "nonsense"):
        reply = stage().interlock("workspace", "diff", session)
        assert reply.status == 1 and reply.err, reply
