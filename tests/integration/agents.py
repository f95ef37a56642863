"""Agent profiles: what of a person's home, programs, keys and logins an agent finds in its room."""
import json
import os
import pwd
import shutil
import stat
import subprocess
import tempfile

from harness import INTERLOCK, Skip, Stage, run_as_normal_user, shared

KEY = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789"
ACCESS = "sk-ant-oat01-ACCESSabcdefghijklmnop0123456789"
REFRESH = "sk-ant-ort01-REFRESHabcdefghijklmnop0123456789"

# What the test's agent is: it reports what it sees, or runs what it is told.
AGENT = """#!/usr/bin/env agent-interpreter
import json, os, pathlib, subprocess, sys
home = pathlib.Path(os.environ["HOME"])
if len(sys.argv) > 1:
    sys.exit(subprocess.call(["sh", "-c", sys.argv[1]]))
files = {}
for directory, _, names in os.walk(home):
    for name in names:
        path = pathlib.Path(directory) / name
        try:
            files[str(path.relative_to(home))] = path.read_text(errors="replace")
        except OSError as error:
            files[str(path.relative_to(home))] = f"({error.strerror})"
print(json.dumps({"environment": dict(os.environ), "files": files}))
"""


def write(path, text, mode=0o600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def make_stage():
    if subprocess.run(["unshare", "-Urnmp", "--fork", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("this machine allows no user namespaces")
    s = Stage()
    s.work = s.dir / "work"
    s.work.mkdir()
    s.home = s.dir / "home"
    s.home.mkdir()
    furnish(s.home, s.work)
    return s


def furnish(home, work):
    """A person's home: secrets, settings, an agent installed as npm does, below a version manager."""
    for name in (".ssh/id_ed25519", ".aws/credentials", ".config/gh/hosts.yml", ".railway/config.json", ".kube/config", ".gnupg/private",
                 ".docker/config.json", ".netrc", ".npmrc", "diary.txt", ".claude/projects/other/private.jsonl"):
        write(home / name, "private-of-the-person\n")
    node = home / ".nvm/versions/node/v22"
    write(node / "lib/node_modules/@anthropic-ai/claude-code/cli.js", AGENT, 0o755)
    (node / "bin").mkdir()
    (node / "bin/claude").symlink_to("../lib/node_modules/@anthropic-ai/claude-code/cli.js")
    write(node / "bin/agent-interpreter", '#!/bin/sh\nexec /usr/bin/python3 "$@"\n', 0o755)
    write(home / ".claude/CLAUDE.md", "memory of the person\n")
    write(home / ".claude/commands/ship.md", "how to ship\n")
    write(home / ".claude/commands/.env", "private-of-the-person\n")
    (home / ".claude/commands/link.md").symlink_to(home / "diary.txt")
    write(home / ".claude/agents/leaky.md", f"use the token {KEY}\n")
    write(home / ".claude/settings.json", json.dumps({"model": "opus", "env": {"X": "private-of-the-person"}, "apiKeyHelper": "cat key"}))
    write(home / ".claude.json", json.dumps({"hasCompletedOnboarding": True, "mcpServers": {"x": {"env": {"K": "private-of-the-person"}}},
                                             "projects": {str(work): {"hasTrustDialogAccepted": True}, "/other": {"x": "private-of-the-person"}}}))
    write(home / ".gitconfig", "[user]\n\tname = Ada\n")


def stage():
    return shared(make_stage)


def run(*command, words=(), env=None, workspace=None, cwd=None, quiet=True):
    s = stage()
    path = f"{s.home}/.nvm/versions/node/v22/bin:/usr/local/bin:/usr/bin:/bin"
    where = workspace or s.work
    return s.interlock("run", *(["--quiet"] if quiet else []), "--workspace", where, *words, "--", *command, cwd=cwd or s.work, timeout=60,
                       env={"HOME": str(s.home), "PATH": path, **(env or {})})


def seen(**more):
    reply = run("claude", **more)
    assert reply.status == 0, reply
    return reply.json, reply


# --- the program ---


def test_an_agent_below_a_version_manager_runs_and_its_installation_is_read_only():
    s = stage()
    node = s.home / ".nvm/versions/node/v22"
    reply = run("claude", f"command -v claude; echo x > {node}/lib/node_modules/@anthropic-ai/claude-code/cli.js; rm {node}/bin/claude")
    assert reply.out.strip() == str(node / "bin/claude"), reply
    assert reply.err.count("Read-only file system") == 2, reply
    assert (node / "bin/claude").is_symlink()


def test_an_agent_is_found_by_its_path_by_a_link_and_through_a_starter():
    s = stage()
    cli = s.home / ".nvm/versions/node/v22/bin/claude"
    tools = s.dir / "tools dir"
    tools.mkdir(exist_ok=True)
    (tools / "my agent").unlink(missing_ok=True)
    (tools / "my agent").symlink_to(cli)
    for command in ([cli], [tools / "my agent"], ["env", "A=b", "claude"]):
        reply = run(*command)
        assert reply.status == 0 and "IS_SANDBOX" in reply.json["environment"], (command, reply)
    reply = run("my agent", env={"PATH": f"{tools}:{cli.parent}:/usr/bin:/bin"})
    assert reply.status == 0 and "IS_SANDBOX" in reply.json["environment"], reply


def test_a_program_among_credentials_is_refused():
    s = stage()
    write(s.home / ".ssh/tool", "#!/bin/sh\necho ran\n", 0o755)
    reply = run(s.home / ".ssh/tool")
    assert reply.status == 4 and "credentials lie there" in reply.err and "ran" not in reply.out, reply


# --- the home ---


def test_settings_and_memory_enter_and_nothing_private_does():
    s = stage()
    report, reply = seen()
    files = report["files"]
    assert files[".claude/CLAUDE.md"] == "memory of the person\n" and files[".claude/commands/ship.md"] == "how to ship\n"
    assert json.loads(files[".claude/settings.json"]) == {"model": "opus"}
    assert json.loads(files[".claude.json"]) == {"hasCompletedOnboarding": True,
                                                 "projects": {str(s.work): {"hasTrustDialogAccepted": True}}}
    assert "Ada" in files[".gitconfig"]
    assert "private-of-the-person" not in reply.out and KEY not in reply.out
    for absent in (".ssh", ".aws", ".config/gh", ".railway", ".kube", ".gnupg", ".docker", ".netrc", ".npmrc", "diary.txt"):
        assert not [f for f in files if f.startswith(absent)], absent
    for absent in (".claude/commands/.env", ".claude/commands/link.md", ".claude/agents/leaky.md", ".claude/projects/other/private.jsonl"):
        assert absent not in files, absent


def test_what_was_left_out_is_said():
    reply = run("claude", "true", quiet=False)
    for name in ("~/.claude/agents/leaky.md: line 1", "~/.claude/commands/link.md: a link", "~/.claude/commands/.env: "):
        assert name in reply.err, (name, reply)
    assert KEY not in reply.err


def test_the_copy_can_be_changed_and_the_original_does_not():
    s = stage()
    reply = run("claude", "echo changed > ~/.claude/CLAUDE.md && cat ~/.claude/CLAUDE.md && ls -ld ~/.claude/CLAUDE.md ~")
    lines = reply.out.splitlines()
    assert lines[0] == "changed" and lines[1].startswith("drwx------") and lines[2].startswith("-rw-------"), reply
    assert (s.home / ".claude/CLAUDE.md").read_text() == "memory of the person\n"
    assert not (s.home / ".claude/todos").exists()


def test_transcripts_are_kept_for_one_workspace_and_out_of_everybodys_way():
    s = stage()
    assert run("claude", "echo said > ~/.claude/projects/talk.jsonl").status == 0
    assert run("claude", "cat ~/.claude/projects/talk.jsonl").out == "said\n"
    other = s.dir / "other work"
    other.mkdir(exist_ok=True)
    assert "said" not in run("claude", "cat ~/.claude/projects/talk.jsonl", workspace=other, cwd=other).out
    assert not (s.home / ".claude/projects/talk.jsonl").exists()
    rooms = s.home / ".local/share/interlock/rooms"
    kept = list(rooms.glob("claude-code/*/*/talk.jsonl"))
    assert len(kept) == 1, kept
    for directory in [kept[0].parent, *kept[0].parent.parents]:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700, directory
        if directory == rooms:
            break
    assert "talk" not in run("sh", "-c", f"ls -R {rooms} 2>&1").out


def test_a_link_that_an_agent_keeps_leads_the_next_room_nowhere():
    s = stage()
    assert run("claude", f"ln -s {s.home}/.ssh ~/.claude/projects/keys && ln -s {s.home}/diary.txt ~/.claude/todos/x").status == 0
    reply = run("claude", "cat ~/.claude/projects/keys/id_ed25519 ~/.claude/todos/x; echo done")
    assert "private-of-the-person" not in reply.out and "done" in reply.out, reply


def test_a_plain_command_gets_no_agents_part():
    reply = run("sh", "-c", "ls -A ~ ; env")
    assert ".claude" not in reply.out and "IS_SANDBOX" not in reply.out, reply
    reply = run("sh", "-c", "cat ~/.claude/CLAUDE.md; env", words=("--agent", "claude-code"))
    assert "memory of the person" in reply.out and "IS_SANDBOX=1" in reply.out, reply
    reply = run("true", words=("--agent", "nobody"))
    assert reply.status == 1 and "claude-code" in reply.err, reply


# --- keys and logins ---


def test_the_key_itself_is_never_inside_nor_printed():
    s = stage()
    report, reply = seen(env={"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_MODEL": "some-model", "OPENAI_API_KEY": KEY + "x"})
    assert KEY not in reply.out + reply.err
    assert report["environment"]["ANTHROPIC_MODEL"] == "some-model" and "OPENAI_API_KEY" not in report["environment"]
    plan = s.interlock("run", "--print-plan", "--workspace", s.work, "--", "claude", cwd=s.work,
                       env={"HOME": str(s.home), "ANTHROPIC_API_KEY": KEY, "PATH": f"{s.home}/.nvm/versions/node/v22/bin:/usr/bin"})
    assert KEY not in plan.out + plan.err
    assert plan.json["agent"] == "claude-code"
    assert plan.json["keys"] == [{"variable": "ANTHROPIC_API_KEY", "provider": "model-apis", "kind": "anthropic-key"}], plan.json["keys"]


def test_an_address_with_a_password_is_not_passed():
    report, reply = seen(env={"ANTHROPIC_BASE_URL": "https://ada:pass-of-ada@proxy.example/"})
    assert "ANTHROPIC_BASE_URL" not in report["environment"] and "pass-of-ada" not in reply.out


def test_the_agents_own_login_enters_reduced_to_its_tokens():
    s = stage()
    login = s.home / ".claude/.credentials.json"
    write(login, json.dumps({"claudeAiOauth": {"accessToken": ACCESS, "refreshToken": REFRESH, "expiresAt": 1, "scopes": ["a"], "x": "private-of-the-person"},
                             "mcpOAuth": {"server": {"accessToken": "private-of-the-person"}}}))
    try:
        plan = s.interlock("run", "--print-plan", "--workspace", s.work, "--", "claude", cwd=s.work,
                           env={"HOME": str(s.home), "PATH": f"{s.home}/.nvm/versions/node/v22/bin:/usr/bin"})
        assert ACCESS not in plan.out and len(plan.json["logins"]) == 2, plan
        assert "api.anthropic.com" in plan.json["logins"][0]["hosts"]
        reply = run("claude", "cat ~/.claude/.credentials.json")
        if reply.status != 0 and "login" in reply.err:
            raise Skip("this gateway's packs take no logins: " + reply.err.strip())
        assert json.loads(reply.out) == {"claudeAiOauth": {"accessToken": ACCESS, "refreshToken": REFRESH, "expiresAt": 1, "scopes": ["a"]}}, reply
    finally:
        login.unlink()


# --- odd places ---


def test_every_odd_workspace_has_a_definite_answer():
    s = stage()
    names = ["with space", "quo'te", 'dou"ble', "new\nline", "ünïcode-\U0001f600", "$(touch x)", "-dash", "x" * 250, "a/" * 100 + "deep"]
    for name in names:
        work = s.dir / "odd" / name
        work.mkdir(parents=True, exist_ok=True)
        reply = run("sh", "-c", "pwd; echo made > made.txt", workspace=work, cwd=work)
        assert reply.status == 0 and reply.out == f"{work}\n" and (work / "made.txt").exists(), (name, reply)
    link = s.dir / "linked"
    link.unlink(missing_ok=True)
    link.symlink_to(s.work)
    assert run("pwd", workspace=link).out == f"{s.work}\n"
    for workspace, status, word in [("/", 4, "more than one project"), (s.home, 4, "home directory"), (s.home / ".claude", 4, "dot directories"),
                                    (s.dir / "nowhere", 1, "nowhere"), (s.work / "README-none", 1, "none"), ("/" + "x" * 5000, 1, "long"),
                                    (s.dir, 4, "home directory")]:
        reply = run("echo", "ran", workspace=workspace)
        assert reply.status == status and word in reply.err and "ran" not in reply.out, (workspace, reply)


def test_a_workspace_on_a_tmpfs_works():
    if not os.access("/dev/shm", os.W_OK):
        raise Skip("/dev/shm can't be written")
    work = tempfile.mkdtemp(dir="/dev/shm")
    try:
        reply = run("echo", "ran", workspace=work)
        assert reply.status == 4 and "/dev belongs to the system" in reply.err, reply
    finally:
        os.rmdir(work)


def test_a_workspace_that_cannot_be_written_has_a_definite_answer():
    s = stage()
    work = s.dir / "read-only"
    work.mkdir(exist_ok=True)
    (work / "file").write_text("content\n")
    work.chmod(0o500)
    try:
        reply = run("sh", "-c", "cat file; echo x > new && echo wrote", workspace=work, cwd=work)
        if os.geteuid() == 0:
            assert reply.out.startswith("content\n"), reply
        else:
            # Its owner can make it writable again, from inside too, so what is reserved must be reserved.
            assert reply.status != 0 and "cannot keep" in reply.err and not reply.out, reply
    finally:
        work.chmod(0o700)


def test_every_odd_home_has_a_definite_answer():
    s = stage()
    for home in ("", "/", "relative", "/nonexistent", str(s.dir / "no such home")):
        reply = run("sh", "-c", "echo $HOME; touch ~/x && echo private", env={"HOME": home})
        assert reply.status == 0 and reply.out.splitlines()[-1] == "private", (home, reply)
        assert reply.out.startswith("/") and reply.out.splitlines()[0] != "/", (home, reply)
    link = s.dir / "home link"
    link.unlink(missing_ok=True)
    link.symlink_to(s.home)
    reply = run("claude", "cat ~/.claude/CLAUDE.md; ls -A ~/.ssh", env={"HOME": str(link)})
    assert "memory of the person" in reply.out and "id_ed25519" not in reply.out, reply
    reply = run("echo", "ran", workspace=s.work, env={"HOME": str(s.work / "home")})
    assert reply.status == 4 and "home directory lies in it" in reply.err, reply


def test_a_home_without_a_variable_is_looked_up():
    s = stage()
    env = {k: v for k, v in os.environ.items() if k != "HOME"}
    done = subprocess.run([INTERLOCK, "--state", s.state, "--config", s.config, "run", "--print-plan", "--workspace", s.work, "--", "true"],
                          capture_output=True, text=True, env=env, cwd=s.work, check=False)
    plan = json.loads(done.stdout)
    home = [v["value"] for v in plan["environment"] if v["name"] == "HOME"][0]
    assert home in (os.path.realpath(pwd.getpwuid(os.geteuid()).pw_dir), "/home/interlock"), home


def test_a_room_in_a_room_is_refused_clearly():
    s = stage()
    inner = s.work / "interlock"
    shutil.copy2(INTERLOCK, inner)
    try:
        reply = run(inner, "run", "--", "true")
        assert reply.status == 4 and "rooms don't nest" in reply.err and len(reply.err.strip().splitlines()) == 1, reply
    finally:
        inner.unlink()


# --- profiles as data ---


def test_pack_check_reads_the_profiles():
    s = stage()
    reply = s.interlock("pack", "check", "--json")
    agents = {x["agent"] for x in reply.json if "agent" in x}
    assert reply.status == 0 and {"shell", "claude-code", "codex", "gemini-cli", "opencode", "copilot-cli", "cursor-cli"} <= agents, reply


# --- as whom ---

AS_ANYBODY = ["test_an_agent_below_a_version_manager_runs_and_its_installation_is_read_only", "test_settings_and_memory_enter_and_nothing_private_does",
              "test_transcripts_are_kept_for_one_workspace_and_out_of_everybodys_way", "test_every_odd_home_has_a_definite_answer",
              "test_a_workspace_that_cannot_be_written_has_a_definite_answer"]


def test_it_works_as_a_normal_user():
    run_as_normal_user("agents.py", AS_ANYBODY)
