"""interlock scan and classify, as people and scripts use them. Credentials are made anew for every run."""
import hashlib
import json
import os
import random
import secrets
import shutil
import string
import subprocess
import tempfile

from harness import INTERLOCK, Reply, shared, Stage

GIT = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
       "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}


def token():
    return "ghp_" + "".join(random.choice(string.ascii_letters + string.digits) for _ in range(35)) + "7"


def fingerprint(value):
    return hashlib.sha256(value.encode()).hexdigest()[:12]


def run(*words, input=b"", cwd=None):
    done = subprocess.run([INTERLOCK, *map(str, words)], input=input, capture_output=True, cwd=cwd, check=False)
    return Reply(done)


class Tree:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="scan-")
        return self

    def __exit__(self, *_):
        subprocess.run(["chmod", "-R", "u+rwx", self.path], check=False)
        shutil.rmtree(self.path)

    def write(self, name, content):
        full = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return full

    def git(self, *words):
        subprocess.run(["git", "-C", self.path, *words], check=True, capture_output=True, env={**os.environ, **GIT})

    def found(self, *words):
        reply = run("scan", "--json", *words, self.path)
        return json.loads(reply.out), reply


def test_a_find_is_told_by_place_and_fingerprint_and_never_by_value():
    with Tree() as tree:
        value = token()
        tree.write("src/app.ts", f"// one\nconst t = \"{value}\";\n")
        report, reply = tree.found()
        assert reply.status == 5, reply.err
        find, = report["findings"]
        assert (find["rule"], find["line"], find["column"]) == ("github-pat", 2, 12), find
        assert find["file"].endswith("src/app.ts") and find["fingerprint"] == fingerprint(value)
        assert find["could"] and find["revoke"]
        for words in ([], ["--json"], ["--sarif"]):
            reply = run("scan", *words, tree.path)
            assert value not in reply.out + reply.err and fingerprint(value) in reply.out


def test_a_clean_tree_is_0_and_an_unreadable_one_is_not_clean():
    with Tree() as tree:
        tree.write("README.md", "hello\n")
        assert run("scan", tree.path).status == 0
        reply = run("scan", tree.path + "/missing")
        assert reply.status == 1 and "not looked at" in reply.err, reply.err


def test_large_binary_and_wide_files_are_looked_into():
    with Tree() as tree:
        values = [token() for _ in range(3)]
        # Over the seam of two pieces.
        tree.write("large.log", b"x\n" * (2 << 20) + b"a" * 100 + b"\n" + b" " * 65500 + values[0].encode() + b"\n")
        tree.write("data.bin", b"\0\1\2" * 10 + values[1].encode() + b"\0")
        tree.write("wide.txt", ("k = " + values[2]).encode("utf-16"))
        tree.write("latin.txt", b"\xff\xe9 caf\xe9\n")
        report, _ = tree.found()
        assert sorted(f["fingerprint"] for f in report["findings"]) == sorted(map(fingerprint, values)), report
        assert report["complete"]


def test_history_finds_what_was_deleted_and_what_was_stashed():
    with Tree() as tree:
        deleted, stashed = token(), token()
        tree.git("init", "-q")
        tree.write("a.env", f"T={deleted}\n")
        tree.git("add", "."), tree.git("commit", "-qm", "one")
        tree.write("a.env", "T=\n")
        tree.git("add", "."), tree.git("commit", "-qm", "two")
        tree.write("a.env", f"T={stashed}\n")
        tree.git("stash")
        report, _ = tree.found()
        assert report["findings"] == []
        report, reply = tree.found("--history")
        assert {f["fingerprint"] for f in report["findings"]} == {fingerprint(deleted), fingerprint(stashed)}, report
        assert reply.status == 5 and report["commits"] >= 2


def test_history_fetches_nothing_and_runs_nothing_of_the_repository():
    with Tree() as tree:
        tree.git("init", "-q")
        tree.write("a.txt", "one\n")
        tree.git("add", "."), tree.git("commit", "-qm", "one")
        blob = subprocess.run(["git", "-C", tree.path, "rev-parse", "HEAD:a.txt"], check=True, capture_output=True, text=True).stdout.strip()
        os.unlink(os.path.join(tree.path, ".git/objects", blob[:2], blob[2:]))
        # A repository that lacks an object and says where it would come from, and by which command.
        mark = os.path.join(tree.path, "mark")
        for name, value in (("core.repositoryformatversion", "1"), ("extensions.partialClone", "origin"),
                            ("remote.origin.promisor", "true"), ("remote.origin.url", "ssh://nowhere.invalid/x"),
                            ("core.sshCommand", f"touch {mark}; false")):
            tree.git("config", name, value)
        subprocess.run(["git", "-C", tree.path, "log", "-p"], capture_output=True, check=False)
        assert os.path.exists(mark), "git by itself runs it: otherwise this shows nothing"
        os.unlink(mark)
        reply = run("scan", "--history", tree.path)
        assert not os.path.exists(mark) and reply.status == 1, reply


def test_ignored_and_known_finds_are_counted_and_left_out():
    with Tree() as tree:
        value = token()
        tree.write("docs/a.md", value), tree.write("src/a.ts", value)
        baseline = tree.write("../baseline-" + fingerprint(value), "")
        assert run("scan", "--write-baseline", baseline, tree.path).status == 0
        with open(baseline, encoding="utf-8") as file:
            assert value not in file.read()
        report, reply = tree.found("--baseline", baseline)
        os.unlink(baseline)
        assert reply.status == 0 and report["known"] == 2, report
        tree.write(".interlockignore", "docs/  # examples\n")
        report, _ = tree.found()
        assert [f["file"].split("/")[-2] for f in report["findings"]] == ["src"]
        tree.write(".interlockignore", fingerprint(value) + "\n")
        report, reply = tree.found()
        assert reply.status == 0 and report["ignored"] == 2
        tree.write(".interlockignore", "!src/\n")
        assert ".interlockignore:1" in run("scan", tree.path).err


def test_what_cannot_be_adopted_stays_and_says_why():
    stage = shared(Stage)
    with Tree() as tree:
        value = "sk_" + "live_" + secrets.token_hex(24)  # no pack knows this provider
        path = tree.write("src/app.ts", f"const t = \"{value}\";\n")
        reply = stage.interlock("scan", "--adopt", tree.path)
        assert reply.status == 1 and "stays where it is" in reply.err, reply.err
        with open(path, encoding="utf-8") as file:
            assert value in file.read()


def test_adopting_leaves_a_phantom_of_the_same_form():
    stage = shared(Stage)
    with Tree() as tree:
        value = token()
        path = tree.write("src/app.ts", f"const t = \"{value}\";\n")
        os.chmod(path, 0o640)
        reply = stage.interlock("scan", "--adopt", "--provider", "railway", "--environment", "staging", "--kind",
                                "project", tree.path)
        assert reply.status == 0 and "found-" + fingerprint(value) in reply.out, reply.err
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert value not in text and text.startswith('const t = "ghp_') and len(text) == len(value) + 14, text
        assert os.stat(path).st_mode & 0o777 == 0o640


def test_classify_answers_every_line_in_order():
    value = token()
    lines = [json.dumps({"id": "a", "kind": "secret", "input": {"text": "x " + value}}), "not json", "",
             json.dumps({"id": "b", "kind": "secret", "input": {"text": "hello"}}),
             json.dumps({"id": "c", "kind": "sql", "input": {"sql": "select 1"}})]
    reply = run("classify", input=("\n".join(lines) + "\n").encode())
    answers = [json.loads(line) for line in reply.out.splitlines()]
    assert [a["id"] for a in answers] == ["a", None, None, "b", "c"], answers
    assert answers[0]["verdict"] == "secret" and answers[0]["rule"] == "github-pat"
    assert answers[3]["verdict"] == "not_secret"
    assert all(answers[i]["effect"] == "unknown" and answers[i]["because"] for i in (1, 2, 4))
    assert reply.status == 0
