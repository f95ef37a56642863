"""A model that follows a script, in the three dialects that the agents speak.

A step is ("read", FILE), ("edit", FILE, OLD, NEW), ("run", COMMAND) or ("say", TEXT). Which one is next follows from
how many results of tools the request holds, as with a real model, whose whole memory is the conversation.
"""
import json
import threading

# What a step is called in each agent's own tools: the first that the request offers is used.
_RUN = {
    "Bash": lambda command: {"command": command, "description": "a step"},
    "bash": lambda command: {"command": command, "description": "a step"},
    "exec_command": lambda command: {"cmd": command, "yield_time_ms": 30000},
    "shell_command": lambda command: {"command": command, "timeout_ms": 60000},
    "run_shell_command": lambda command: {"command": command, "description": "a step"},
}
_READ = {
    "Read": lambda path: {"file_path": path},
    "read": lambda path: {"filePath": path},
    "read_file": lambda path: {"file_path": path},
}
_EDIT = {
    "Edit": lambda path, old, new: {"file_path": path, "old_string": old, "new_string": new},
    "edit": lambda path, old, new: {"filePath": path, "oldString": old, "newString": new},
    "replace": lambda path, old, new: {"file_path": path, "old_string": old, "new_string": new, "instruction": "as asked"},
}
_USAGE = {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


def _patch(path, old, new):
    return f"*** Begin Patch\n*** Update File: {path}\n@@\n-{old}\n+{new}\n*** End Patch\n"


def _program(kind, words):
    """The same for an agent whose one tool runs JavaScript that calls its tools."""
    if kind == "edit":
        return f"text(await tools.apply_patch({json.dumps(_patch(*words))}));"
    command = f"cat {words[0]}" if kind == "read" else words[0]
    return f"text((await tools.exec_command({json.dumps(_RUN['exec_command'](command))})).output);"


def _text_of(value):
    """What a tool said, however the dialect wraps it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(_text_of(v) for v in value)
    if isinstance(value, dict):
        return "\n".join(_text_of(v) for k, v in value.items() if k != "type")
    return ""


class ScriptedModel:
    """One conversation. `asked` holds the path of every request with tools, `results` what its tools said so far."""

    def __init__(self, steps):
        self.steps = steps
        self.asked = []
        self.results = []
        self.tools = []  # the names of those that were called
        self._lock = threading.Lock()

    def step(self, path, results, offered):
        """The call that comes next as (tool, arguments), or a text."""
        with self._lock:
            self.asked.append(path)
            if len(results) >= len(self.results):
                self.results = results
            step = self.steps[len(results)] if len(results) < len(self.steps) else ("say", "done")
            called = self._called(step, offered)
            if isinstance(called, tuple):
                self.tools.append(called[0])
            return called

    @staticmethod
    def _called(step, offered):
        kind, *words = step
        if kind == "say":
            return words[0]
        if "exec" in offered:
            return "exec", _program(kind, words)
        if kind == "edit" and "apply_patch" in offered:
            return "apply_patch", _patch(*words)
        for name, arguments in {"run": _RUN, "read": _READ, "edit": _EDIT}[kind].items():
            if name in offered:
                return name, arguments(*words)
        # An agent without such a tool does it in its shell.
        for name, arguments in _RUN.items():
            if name in offered:
                if kind == "read":
                    return name, arguments(f"cat {words[0]}")
                return name, arguments(f"apply_patch <<'EOF'\n{_patch(*words)}EOF\n")
        raise AssertionError(f"no tool for {kind} among {sorted(offered)}")

    # --- HTTP ---

    def answer(self, connection, request):
        path = request.target.split("?")[0]
        if "upgrade" in request.headers:
            # What a provider says where it doesn't speak WebSocket; the agent goes on with requests.
            _reply(connection, {"error": {"message": "no upgrades here"}}, 426)
        elif request.method != "POST":
            _reply(connection, {"object": "list", "data": [], "models": []}, 200 if path.endswith("/models") else 404)
        elif path.endswith("/count_tokens"):
            _reply(connection, {"input_tokens": 10})
        elif path.endswith(":countTokens"):
            _reply(connection, {"totalTokens": 10})
        elif path.endswith("/messages"):
            self._messages(connection, path, json.loads(request.body))
        elif path.endswith("/responses"):
            self._responses(connection, path, json.loads(request.body))
        elif path.endswith(("generateContent", "streamGenerateContent")):
            self._contents(connection, path, json.loads(request.body))
        else:
            _reply(connection, {"error": {"message": "not part of the script"}}, 404)
        return True

    def _messages(self, connection, path, asked):
        offered = {t.get("name") for t in asked.get("tools") or []}
        results = [_text_of(part.get("content")) for message in asked["messages"] if isinstance(message["content"], list)
                   for part in message["content"] if part.get("type") == "tool_result"]
        called = self.step(path, results, offered) if offered & set(_RUN) else "a title"
        message = {"id": f"msg_{len(self.asked)}", "type": "message", "role": "assistant", "model": asked["model"],
                   "stop_sequence": None, "usage": _USAGE}
        if isinstance(called, str):
            block, delta, reason = {"type": "text", "text": called}, {"type": "text_delta", "text": called}, "end_turn"
            empty = {"type": "text", "text": ""}
        else:
            block = {"type": "tool_use", "id": f"toolu_{len(self.asked)}", "name": called[0], "input": called[1]}
            delta, reason = {"type": "input_json_delta", "partial_json": json.dumps(called[1])}, "tool_use"
            empty = {**block, "input": {}}
        if not asked.get("stream"):
            _reply(connection, {**message, "content": [block], "stop_reason": reason})
            return
        _stream(connection, True, [
            {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
            {"type": "content_block_start", "index": 0, "content_block": empty},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": {"output_tokens": 5}},
            {"type": "message_stop"}])

    def _responses(self, connection, path, asked):
        # Tools stand in the request, or in an item of the conversation; some in groups.
        offered = {tool.get("name") for holder in (asked, *asked["input"]) for group in holder.get("tools") or []
                   for tool in (group, *group.get("tools", []))}
        results = [_text_of(item.get("output")) for item in asked["input"]
                   if item.get("type") in ("function_call_output", "custom_tool_call_output")]
        called = self.step(path, results, offered) if offered & {*_RUN, "exec"} else "a title"
        item = {"id": f"item_{len(self.asked)}", "status": "completed"}
        if isinstance(called, str):
            item |= {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": called, "annotations": []}]}
        elif isinstance(called[1], str):
            item |= {"type": "custom_tool_call", "call_id": f"call_{len(self.asked)}", "name": called[0], "input": called[1]}
        else:
            item |= {"type": "function_call", "call_id": f"call_{len(self.asked)}", "name": called[0], "arguments": json.dumps(called[1])}
        response = {"id": f"resp_{len(self.asked)}", "object": "response", "created_at": 1, "model": asked["model"],
                    "status": "in_progress", "output": []}
        usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
                 "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15}
        _stream(connection, True, [
            {"type": "response.created", "response": response, "sequence_number": 0},
            {"type": "response.output_item.added", "output_index": 0, "item": item, "sequence_number": 1},
            {"type": "response.output_item.done", "output_index": 0, "item": item, "sequence_number": 2},
            {"type": "response.completed", "sequence_number": 3,
             "response": {**response, "status": "completed", "output": [item], "usage": usage}}])

    def _contents(self, connection, path, asked):
        offered = {f["name"] for tool in asked.get("tools") or [] for f in tool.get("functionDeclarations", [])}
        results = [_text_of(part["functionResponse"].get("response")) for content in asked["contents"]
                   for part in content.get("parts", []) if "functionResponse" in part]
        called = self.step(path, results, offered) if offered & set(_RUN) else "{}"
        part = {"text": called} if isinstance(called, str) else {"functionCall": {"name": called[0], "args": called[1]}}
        reply = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
                 "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}}
        if path.endswith("streamGenerateContent"):
            _stream(connection, False, [reply])
        else:
            _reply(connection, reply)


def _reply(connection, value, status=200):
    body = json.dumps(value).encode()
    connection.send(f"HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def _stream(connection, named, events):
    """Server-sent events, one chunk each, as providers send them."""
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n")
    for event in events:
        data = (f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n"
        connection.send(f"{len(data.encode()):x}\r\n{data}\r\n".encode())
    connection.send(b"0\r\n\r\n")
