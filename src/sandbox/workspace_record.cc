#include "sandbox/workspace_record.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <ranges>

#include "base/bytes.h"
#include "base/file.h"
#include "sandbox/fill.h"

namespace interlock::sandbox {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kRecordBytesMax = 8u << 20;
constexpr char kAlive[] = "alive";  // locked by the session's launcher while it lives

std::uint64_t Number(const json::object& object, std::string_view key) {
  const json::value* value = Find(object, key);
  if (value == nullptr) return 0;
  if (value->is_uint64()) return value->as_uint64();
  return value->is_int64() && value->as_int64() > 0 ? static_cast<std::uint64_t>(value->as_int64())
                                                    : 0;
}
bool Flag(const json::object& object, std::string_view key) {
  const json::value* value = Find(object, key);
  return value != nullptr && value->is_bool() && value->as_bool();
}

bool IsSession(std::string_view session) {
  return session.size() > 2 && session.size() <= 64 && session.starts_with("s-") &&
         std::ranges::all_of(session.substr(2), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
         });
}

UniqueFd OpenLock(const fs::path& path) {
  return UniqueFd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
}

// Paths may hold any byte, JSON only text: the others are written as "hex:…".
constexpr std::string_view kHex = "hex:";
std::string Text(const std::string& path) {
  return IsUtf8(path) && !path.starts_with(kHex) ? path : std::string(kHex) + Hex(path);
}
std::string PathIn(const json::object& object, std::string_view key) {
  const std::string_view text = FindString(object, key);
  if (!text.starts_with(kHex)) return std::string(text);
  return FromHex(text.substr(kHex.size())).value_or("");
}

}  // namespace

std::string_view Name(WorkspaceMode mode) {
  return mode == WorkspaceMode::live ? "live" : "review";
}

std::string_view Name(WorkspaceState state) {
  switch (state) {
    case WorkspaceState::running:
      return "running";
    case WorkspaceState::ended:
      return "ended";
    case WorkspaceState::applied:
      return "applied";
    case WorkspaceState::discarded:
      return "discarded";
    case WorkspaceState::undone:
      return "undone";
  }
  return "unknown";
}

json::value ToJson(const WorkspaceRecord& record) {
  json::array placeholders;
  for (const Placeholder& one : record.placeholders) {
    placeholders.push_back({{"path", Text(one.path)},
                            {"directory", one.directory},
                            {"content", one.content},
                            {"inode", one.inode}});
  }
  json::array substitutions;
  for (const Substitution& one : record.substitutions) {
    json::array spans;
    for (const auto& span : one.spans) {
      spans.push_back({{"offset", span.offset}, {"size", span.size}, {"phantom", span.phantom}});
    }
    substitutions.push_back({{"path", Text(one.path)},
                             {"sha256", one.sha256},
                             {"hidden", one.hidden},
                             {"spans", std::move(spans)}});
  }
  return json::object{{"session", record.session},
                      {"workspace", Text(record.workspace)},
                      {"mode", Name(record.mode)},
                      {"state", Name(record.state)},
                      {"started_ns", record.started_ns},
                      {"placeholders", std::move(placeholders)},
                      {"substitutions", std::move(substitutions)},
                      {"recovery_point", record.recovery_point},
                      {"recovery_note", record.recovery_note},
                      {"complete", record.complete}};
}

Result<WorkspaceRecord> RecordFromJson(const json::value& value) {
  const auto broken = [](std::string_view what) {
    return Fail(Code::verification, Fill("reading a workspace record: {} is damaged", what));
  };
  if (!value.is_object()) return broken("it");
  const json::object& object = value.as_object();
  WorkspaceRecord out;
  out.session = FindString(object, "session");
  out.workspace = PathIn(object, "workspace");
  if (!IsSession(out.session)) return broken("\"session\"");
  if (!out.workspace.starts_with('/')) return broken("\"workspace\"");
  const std::string_view mode = FindString(object, "mode");
  if (mode != "live" && mode != "review") return broken("\"mode\"");
  out.mode = mode == "live" ? WorkspaceMode::live : WorkspaceMode::review;
  bool known = false;
  for (const WorkspaceState state :
       {WorkspaceState::running, WorkspaceState::ended, WorkspaceState::applied,
        WorkspaceState::discarded, WorkspaceState::undone}) {
    if (Name(state) != FindString(object, "state")) continue;
    out.state = state;
    known = true;
  }
  if (!known) return broken("\"state\"");
  out.started_ns = static_cast<std::int64_t>(Number(object, "started_ns"));
  out.recovery_point = FindString(object, "recovery_point");
  out.recovery_note = FindString(object, "recovery_note");
  out.complete = Flag(object, "complete");
  const json::array* placeholders = FindArray(object, "placeholders");
  const json::array* substitutions = FindArray(object, "substitutions");
  if (placeholders == nullptr || substitutions == nullptr) return broken("a list");
  for (const json::value& item : *placeholders) {
    if (!item.is_object()) return broken("\"placeholders\"");
    const json::object& one = item.as_object();
    out.placeholders.push_back({PathIn(one, "path"), Flag(one, "directory"),
                                std::string(FindString(one, "content")), Number(one, "inode")});
    if (out.placeholders.back().path.empty()) return broken("\"placeholders\"");
  }
  for (const json::value& item : *substitutions) {
    if (!item.is_object()) return broken("\"substitutions\"");
    const json::object& one = item.as_object();
    Substitution substitution{
        PathIn(one, "path"), std::string(FindString(one, "sha256")), {}, Flag(one, "hidden")};
    const json::array* spans = FindArray(one, "spans");
    if (spans == nullptr) return broken("\"spans\"");
    for (const json::value& entry : *spans) {
      if (!entry.is_object()) return broken("\"spans\"");
      const json::object& span = entry.as_object();
      substitution.spans.push_back(
          {Number(span, "offset"), Number(span, "size"), std::string(FindString(span, "phantom"))});
    }
    out.substitutions.push_back(std::move(substitution));
  }
  return out;
}

Result<UniqueFd> WorkspaceRecords::Lock() const {
  ILK_TRY_VOID(MakePrivateDirectory(directory_));
  UniqueFd lock = OpenLock(directory_ / "lock");
  if (!lock.valid() || flock(lock.get(), LOCK_EX) != 0) {
    return Fail(Code::unavailable,
                Fill("locking {}: {}", directory_.string(), std::strerror(errno)));
  }
  return lock;
}

Result<UniqueFd> WorkspaceRecords::Claim(const std::string& session) const {
  ILK_TRY_VOID(MakePrivateDirectory(PathOf(session)));
  UniqueFd lock = OpenLock(PathOf(session) / kAlive);
  if (!lock.valid()) {
    return Fail(Code::unavailable,
                Fill("locking {}: {}", PathOf(session).string(), std::strerror(errno)));
  }
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Fail(Code::conflict,
                Fill("session {} is still running, or another command works on it", session));
  }
  // Retired between the two calls: the file is gone, and a lock on it would exclude nobody.
  struct stat status{};
  if (fstat(lock.get(), &status) != 0 || status.st_nlink == 0) {
    return Fail(Code::conflict, Fill("session {} has just ended; try again", session));
  }
  return lock;
}

bool WorkspaceRecords::IsAlive(const std::string& session) const {
  const UniqueFd lock(open((PathOf(session) / kAlive).c_str(), O_RDWR | O_CLOEXEC));
  return lock.valid() && flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
}

fs::path WorkspaceRecords::PathOf(const std::string& session) const { return directory_ / session; }

Result<void> WorkspaceRecords::Save(const WorkspaceRecord& record) const {
  ILK_TRY_VOID(MakePrivateDirectory(PathOf(record.session)));
  return WriteFileDurably(PathOf(record.session) / "session.json", json::serialize(ToJson(record)));
}

Result<void> WorkspaceRecords::SaveSoon(const WorkspaceRecord& record) const {
  ILK_TRY_VOID(MakePrivateDirectory(PathOf(record.session)));
  return ReplaceFile(PathOf(record.session) / "session.json", json::serialize(ToJson(record)));
}

Result<WorkspaceRecord> WorkspaceRecords::Load(const std::string& session) const {
  if (!IsSession(session)) {
    return Fail(Code::invalid_input,
                Fill("\"{}\" is not a session: they look like s-7f3a19c2", session));
  }
  const auto text = ReadFile(PathOf(session) / "session.json", kRecordBytesMax);
  if (!text) {
    return Fail(Code::not_found, Fill("nothing is known about the workspace of session {} in {}",
                                      session, directory_.string()));
  }
  ILK_TRY(value, ParseJson(*text));
  ILK_TRY(record, RecordFromJson(value));
  if (record.session != session)
    return Fail(Code::verification, Fill("the record of {} speaks of another session", session));
  return record;
}

std::vector<WorkspaceRecord> WorkspaceRecords::Running() const {
  std::vector<WorkspaceRecord> out;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code missing;
    if (!fs::exists(it->path() / kAlive, missing)) continue;
    if (auto record = Load(it->path().filename().string())) out.push_back(std::move(*record));
  }
  return out;
}

void WorkspaceRecords::Retire(const std::string& session) const {
  std::error_code gone_already;
  fs::remove(PathOf(session) / kAlive, gone_already);
}

std::vector<std::string> WorkspaceRecords::RemovePlaceholders(const WorkspaceRecord& record) const {
  std::vector<std::string> in_use;
  for (const WorkspaceRecord& other : Running()) {
    if (other.session == record.session || other.workspace != record.workspace ||
        other.state != WorkspaceState::running || !IsAlive(other.session))
      continue;
    for (const Placeholder& one : other.placeholders) in_use.push_back(one.path);
  }
  std::vector<std::string> left;
  // What lies in another one goes before it.
  for (const Placeholder& one : std::views::reverse(record.placeholders)) {
    if (std::ranges::find(in_use, one.path) != in_use.end()) continue;
    if (!RemovePlaceholder(record.workspace, one)) left.push_back(one.path);
  }
  return left;
}

void WorkspaceRecords::CleanUp() const {
  for (WorkspaceRecord& record : Running()) {
    if (IsAlive(record.session)) continue;
    if (record.state != WorkspaceState::running) {
      Retire(record.session);
      continue;
    }
    (void)RemovePlaceholders(record);
    record.state = WorkspaceState::ended;
    record.placeholders.clear();
    if (Save(record)) Retire(record.session);
  }
}

}  // namespace interlock::sandbox
