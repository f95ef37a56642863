#include "store/sqlite/sqlite_store.h"

#include <mutex>

#include "store/sqlite/schema.h"

namespace interlock::sqlite {
namespace {

using store::ApprovalRecord;
using store::HaltRecord;
using store::HoldChange;
using store::HoldFilter;
using store::HoldRecord;
using store::Inserted;
using store::SessionRecord;
using store::StepRecord;

#define ILK_HOLD_COLUMNS                                                              \
  "id, session, state, open, fingerprint, digest, action, statement, details, rule, " \
  "reason, outcome, superseded_by, created, expires, changed"

std::int64_t Millis(TimePoint time) { return time.time_since_epoch().count(); }
TimePoint Time(std::int64_t millis) { return TimePoint(std::chrono::milliseconds(millis)); }

HoldRecord ReadHold(const Statement& row) {
  HoldRecord hold;
  hold.id = row.Text(0);
  hold.session = row.Text(1);
  hold.state = row.Text(2);
  hold.open = row.Integer(3) != 0;
  hold.fingerprint = row.Text(4);
  hold.digest = row.Text(5);
  hold.action = row.Text(6);
  hold.statement = row.Text(7);
  hold.details = row.Text(8);
  hold.rule = row.Text(9);
  hold.reason = row.Text(10);
  hold.outcome = row.Text(11);
  hold.superseded_by = row.Text(12);
  hold.created = Time(row.Integer(13));
  hold.expires = Time(row.Integer(14));
  hold.changed = Time(row.Integer(15));
  return hold;
}

SessionRecord ReadSession(const Statement& row) {
  SessionRecord session{row.Text(0), row.Text(1), row.Text(2),          row.Text(3),
                        row.Text(4), row.Text(5), Time(row.Integer(6)), std::nullopt};
  if (!row.IsNull(7)) session.ended = Time(row.Integer(7));
  return session;
}

template <typename Read>
auto ReadAll(Result<Statement> query, Read read)
    -> Result<std::vector<decltype(read(std::declval<const Statement&>()))>> {
  if (!query) return std::unexpected(query.error());
  std::vector<decltype(read(std::declval<const Statement&>()))> out;
  for (;;) {
    ILK_TRY(row, query->Step());
    if (!row) return out;
    out.push_back(read(*query));
  }
}

template <typename Read>
auto ReadOne(Result<Statement> query, Read read)
    -> Result<std::optional<decltype(read(std::declval<const Statement&>()))>> {
  if (!query) return std::unexpected(query.error());
  ILK_TRY(row, query->Step());
  if (!row) return std::nullopt;
  return read(*query);
}

// Errors of the database keep their text; a conflict says what it is about.
std::unexpected<Error> Conflict(Error error, std::string about) {
  if (error.code == Code::conflict) error.message = std::move(about);
  return std::unexpected(std::move(error));
}

class SqliteStore final : public store::Store {
 public:
  explicit SqliteStore(Database database) : database_(std::move(database)) {}

  Result<Inserted> Insert(const HoldRecord& hold) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY(transaction, Transaction::Begin(database_));
    if (hold.open) {
      ILK_TRY(same, ReadOne(database_.Query("SELECT " ILK_HOLD_COLUMNS " FROM holds WHERE "
                                            "session=? AND fingerprint=? AND open=1",
                                            hold.session, hold.fingerprint),
                            ReadHold));
      if (same) return Inserted{*std::move(same), false};
    }
    ILK_TRY_VOID(InsertRow(hold));
    ILK_TRY_VOID(transaction.Commit());
    return Inserted{hold, true};
  }

  Result<HoldRecord> Get(std::string_view id) override {
    const std::lock_guard lock(mutex_);
    return GetRow(id);
  }

  Result<std::vector<HoldRecord>> List(const HoldFilter& filter) override {
    const std::lock_guard lock(mutex_);
    std::string sql = "SELECT " ILK_HOLD_COLUMNS " FROM holds WHERE (?1='' OR session=?1)";
    if (!filter.states.empty()) {
      sql += " AND state IN (";
      for (std::size_t i = 0; i < filter.states.size(); ++i)
        sql += (i == 0 ? "?" : ",?") + std::to_string(i + 3);
      sql += ")";
    }
    sql += " ORDER BY position LIMIT ?2";
    ILK_TRY(query, database_.Query(sql, filter.session, static_cast<std::int64_t>(filter.limit)));
    int index = 3;
    for (const std::string& state : filter.states) query.Bind(index++, state);
    return ReadAll(std::move(query), ReadHold);
  }

  Result<std::size_t> Count(std::string_view state) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY(query, database_.Query("SELECT count(*) FROM holds WHERE state=?", state));
    ILK_TRY(row, query.Step());
    return row ? static_cast<std::size_t>(query.Integer(0)) : 0;
  }

  Result<std::optional<HoldRecord>> FindByFingerprint(std::string_view session,
                                                      std::string_view fingerprint,
                                                      std::string_view state) override {
    const std::lock_guard lock(mutex_);
    return ReadOne(database_.Query("SELECT " ILK_HOLD_COLUMNS " FROM holds WHERE session=? AND "
                                   "fingerprint=? AND state=? ORDER BY position DESC LIMIT 1",
                                   session, fingerprint, state),
                   ReadHold);
  }

  Result<HoldRecord> Transition(std::string_view id, std::string_view from,
                                const HoldChange& change) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY(transaction, Transaction::Begin(database_));
    ILK_TRY(hold, ChangeRow(id, from, change));
    ILK_TRY_VOID(transaction.Commit());
    return hold;
  }

  Result<HoldRecord> Supersede(std::string_view id, std::string_view from, const HoldChange& change,
                               const HoldRecord& successor) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY(transaction, Transaction::Begin(database_));
    ILK_TRY(hold, ChangeRow(id, from, change));
    ILK_TRY_VOID(InsertRow(successor));
    ILK_TRY_VOID(transaction.Commit());
    return hold;
  }

  Result<std::vector<std::string>> ExpireDue(TimePoint now, std::span<const std::string_view> from,
                                             std::string_view to) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY(transaction, Transaction::Begin(database_));
    std::vector<std::string> expired;
    for (std::string_view state : from) {
      ILK_TRY(ids, ReadAll(database_.Query("UPDATE holds SET state=?, open=0, changed=? WHERE "
                                           "state=? AND expires<=? RETURNING id",
                                           to, Millis(now), state, Millis(now)),
                           [](const Statement& row) { return row.Text(0); }));
      expired.insert(expired.end(), ids.begin(), ids.end());
    }
    ILK_TRY_VOID(transaction.Commit());
    return expired;
  }

  Result<std::vector<ApprovalRecord>> AddApproval(const ApprovalRecord& approval,
                                                  std::string_view state) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY(transaction, Transaction::Begin(database_));
    ILK_TRY(hold, GetRow(approval.hold));
    if (hold.state != state)
      return Fail(Code::conflict,
                  "hold " + hold.id + ": is " + hold.state + ", not " + std::string(state));
    const auto added = database_.Change(
        "INSERT INTO approvals (hold, person, key, signature, at) VALUES (?,?,?,?,?)",
        approval.hold, approval.person, approval.key, Blob{approval.signature},
        Millis(approval.at));
    if (!added)
      return Conflict(added.error(),
                      "hold " + hold.id + ": " + approval.person + " has already signed");
    ILK_TRY(approvals, ApprovalRows(approval.hold));
    ILK_TRY_VOID(transaction.Commit());
    return approvals;
  }

  Result<std::vector<ApprovalRecord>> Approvals(std::string_view hold) override {
    const std::lock_guard lock(mutex_);
    return ApprovalRows(hold);
  }

  Result<void> RecordStep(std::string_view hold, const StepRecord& step) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY(transaction, Transaction::Begin(database_));
    ILK_TRY_VOID(GetRow(hold));
    ILK_TRY_VOID(StepRow(hold, step));
    return transaction.Commit();
  }

  Result<std::vector<StepRecord>> Steps(std::string_view hold) override {
    const std::lock_guard lock(mutex_);
    return ReadAll(
        database_.Query("SELECT step, at, data FROM steps WHERE hold=? ORDER BY position", hold),
        [](const Statement& row) {
          return StepRecord{row.Text(0), Time(row.Integer(1)), row.Text(2)};
        });
  }

  Result<void> StartSession(const SessionRecord& session) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY(insert,
            database_.Query("INSERT INTO sessions (id, user, agent, workspace, "
                            "environment, token_digest, started) VALUES (?,?,?,?,?,?,?)",
                            session.id, session.user, session.agent, session.workspace,
                            session.environment, session.token_digest, Millis(session.started)));
    if (const auto done = insert.Step(); !done)
      return Conflict(done.error(), "session " + session.id + ": its id or token is taken");
    return {};
  }

  Result<void> EndSession(std::string_view id, TimePoint at) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY(changed, database_.Change("UPDATE sessions SET ended=coalesce(ended, ?) WHERE id=?",
                                      Millis(at), id));
    if (changed == 0) return NoSession(id);
    return {};
  }

  Result<SessionRecord> GetSession(std::string_view id) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY(session, ReadOne(Sessions("id=?", id), ReadSession));
    if (!session) return NoSession(id);
    return *std::move(session);
  }

  Result<std::optional<SessionRecord>> FindSessionByToken(std::string_view token_digest) override {
    const std::lock_guard lock(mutex_);
    return ReadOne(Sessions("token_digest=?", token_digest), ReadSession);
  }

  Result<std::vector<SessionRecord>> RunningSessions() override {
    const std::lock_guard lock(mutex_);
    return ReadAll(Sessions("ended IS NULL ORDER BY started, position"), ReadSession);
  }

  Result<void> SetHalt(const HaltRecord& halt) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY_VOID(
        database_.Change("INSERT INTO halts (scope, since, reason, halted_by) VALUES "
                         "(?,?,?,?) ON CONFLICT (scope) DO NOTHING",
                         halt.scope, Millis(halt.since), halt.reason, halt.by));
    return {};
  }

  Result<void> ClearHalt(std::string_view scope) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY_VOID(database_.Change("DELETE FROM halts WHERE scope=?", scope));
    return {};
  }

  Result<std::vector<HaltRecord>> Halts() override {
    const std::lock_guard lock(mutex_);
    return ReadAll(
        database_.Query("SELECT scope, since, reason, halted_by FROM halts ORDER BY since, scope"),
        [](const Statement& row) {
          return HaltRecord{row.Text(0), Time(row.Integer(1)), row.Text(2), row.Text(3)};
        });
  }

  Result<void> UseNonce(std::string_view nonce, TimePoint at) override {
    const std::lock_guard lock(mutex_);
    return NonceRow(nonce, at);
  }

  Result<void> PutMeta(std::string_view key, std::string_view value) override {
    const std::lock_guard lock(mutex_);
    ILK_TRY_VOID(
        database_.Change("INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) "
                         "DO UPDATE SET value=excluded.value",
                         key, Blob{value}));
    return {};
  }

  Result<std::optional<std::string>> GetMeta(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    return ReadOne(database_.Query("SELECT value FROM meta WHERE key=?", key),
                   [](const Statement& row) { return row.Text(0); });
  }

 private:
  // The functions below run under mutex_, inside their caller's transaction.

  Result<HoldRecord> GetRow(std::string_view id) {
    ILK_TRY(hold, ReadOne(database_.Query("SELECT " ILK_HOLD_COLUMNS " FROM holds WHERE id=?", id),
                          ReadHold));
    if (!hold) return Fail(Code::not_found, "hold " + std::string(id) + ": there is none");
    return *std::move(hold);
  }

  Result<void> InsertRow(const HoldRecord& h) {
    const auto added = database_.Change(
        "INSERT INTO holds (" ILK_HOLD_COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", h.id,
        h.session, h.state, std::int64_t{h.open}, h.fingerprint, h.digest, Blob{h.action},
        Blob{h.statement}, h.details, h.rule, h.reason, h.outcome, h.superseded_by,
        Millis(h.created), Millis(h.expires), Millis(h.changed));
    if (!added) return Conflict(added.error(), "hold " + h.id + ": already there");
    return {};
  }

  Result<HoldRecord> ChangeRow(std::string_view id, std::string_view from,
                               const HoldChange& change) {
    ILK_TRY(hold, GetRow(id));
    if (hold.state != from)
      return Fail(Code::conflict,
                  "hold " + hold.id + ": is " + hold.state + ", not " + std::string(from));
    hold.state = change.state;
    hold.open = change.open;
    hold.changed = change.at;
    if (change.reason) hold.reason = *change.reason;
    if (change.statement) hold.statement = *change.statement;
    if (change.details) hold.details = *change.details;
    if (change.outcome) hold.outcome = *change.outcome;
    if (change.superseded_by) hold.superseded_by = *change.superseded_by;
    const auto changed = database_.Change(
        "UPDATE holds SET state=?, open=?, changed=?, reason=?, statement=?, details=?, "
        "outcome=?, superseded_by=? WHERE id=?",
        hold.state, std::int64_t{hold.open}, Millis(hold.changed), hold.reason,
        Blob{hold.statement}, hold.details, hold.outcome, hold.superseded_by, id);
    if (!changed)
      return Conflict(changed.error(), "hold " + hold.id + ": an identical one is open");
    if (change.nonce) ILK_TRY_VOID(NonceRow(*change.nonce, change.at));
    if (change.step) ILK_TRY_VOID(StepRow(id, *change.step));
    return hold;
  }

  Result<void> NonceRow(std::string_view nonce, TimePoint at) {
    const auto used =
        database_.Change("INSERT INTO nonces (nonce, at) VALUES (?,?)", nonce, Millis(at));
    if (!used) return Conflict(used.error(), "nonce: was used before");
    return {};
  }

  Result<void> StepRow(std::string_view hold, const StepRecord& step) {
    const auto added = database_.Change("INSERT INTO steps (hold, step, at, data) VALUES (?,?,?,?)",
                                        hold, step.step, Millis(step.at), step.data);
    if (!added)
      return Conflict(added.error(),
                      "hold " + std::string(hold) + ": step " + step.step + " is already recorded");
    return {};
  }

  Result<std::vector<ApprovalRecord>> ApprovalRows(std::string_view hold) {
    return ReadAll(database_.Query("SELECT hold, person, key, signature, at FROM approvals WHERE "
                                   "hold=? ORDER BY position",
                                   hold),
                   [](const Statement& row) {
                     return ApprovalRecord{row.Text(0), row.Text(1), row.Text(2), row.Text(3),
                                           Time(row.Integer(4))};
                   });
  }

  template <typename... Values>
  Result<Statement> Sessions(std::string_view condition, const Values&... values) {
    return database_.Query(
        "SELECT id, user, agent, workspace, environment, token_digest, started, "
        "ended FROM sessions WHERE " +
            std::string(condition),
        values...);
  }

  static std::unexpected<Error> NoSession(std::string_view id) {
    return Fail(Code::not_found, "session " + std::string(id) + ": there is none");
  }

  std::mutex mutex_;
  Database database_;  // under mutex_
};

}  // namespace

Result<std::unique_ptr<store::Store>> OpenStore(const std::filesystem::path& path,
                                                const Options& options) {
  ILK_TRY(database, Database::Open(path, options));
  ILK_TRY_VOID(Migrate(database));
  return std::make_unique<SqliteStore>(std::move(database));
}

}  // namespace interlock::sqlite
